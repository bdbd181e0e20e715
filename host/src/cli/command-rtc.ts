// `virtio-msg rtc`: what the microcontroller's clocks show, and setting the one that tells the time of day.

import type { Command } from "commander"
import { VIRTIO_ID_RTC } from "../../../shared-protocol/src/device-types/rtc.js"
import { deviceFailed, notFound } from "../errors.js"
import type { OpenedBus } from "../open-bus.js"
import { helpExamples, print, withBus } from "./context.js"

const DAY_MS = 86_400_000
const NANOSECONDS_MS = 1_000_000n
/** The last day that the shell's number can say: in the year 5138. */
const LAST_MS = 0x8ffffffffffff

export function define(command: Command): void {
  command
    .option("--plug", "first plug a clock in, where the board has none: our simulated one can")
    .option("--set", "first tell it the time of day, as this computer has it")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg --port sim rtc --plug --set")}\n` +
        "UTC is there once it was set, until the microcontroller starts again; it is late by up to a round trip.",
    )
    .action((options: { plug?: true; set?: true; json?: true }, command: Command) =>
      withBus(command, async (bus) => {
        if (options.plug) await plugClock(bus)
        if (options.set) await setUtc(bus)
        const rtc = await bus.rtc()
        const clocks: { id: number; type: string; nanoseconds: bigint }[] = []
        for (const clock of await rtc.clocks())
          clocks.push({ ...clock, nanoseconds: await rtc.read(clock.id) })
        if (options.json)
          print(JSON.stringify(clocks.map((each) => ({ ...each, nanoseconds: `${each.nanoseconds}` }))))
        else
          for (const { id, type, nanoseconds } of clocks) print(`${id} ${type} ${shown(type, nanoseconds)}`)
      }),
    )
}

async function plugClock(bus: OpenedBus): Promise<void> {
  const devices = await bus.devices()
  if (devices.some(({ info }) => info?.deviceId === VIRTIO_ID_RTC)) return
  const answer = await (await bus.shell()).run("plug rtc")
  if (!answer.includes("plugged in"))
    throw notFound("The board's firmware has no clock to plug in.", {
      hint: "The simulated build has one: virtio-msg --port sim rtc --plug",
    })
}

/** Sets UTC by the shell of our firmware: virtio-rtc itself cannot set a clock. */
async function setUtc(bus: OpenedBus): Promise<void> {
  const shell = await bus.shell()
  await shell.run("") // in step with the shell, so that the command itself only has to travel one way
  const nowMs = Date.now()
  const answer = await shell.run(`utc ${Math.floor(nowMs / DAY_MS)} ${nowMs % DAY_MS}`)
  if (!answer.includes("clock set"))
    throw deviceFailed(`The board did not take the time: ${answer.trim()}`, {
      hint: "Plug its clock in first: virtio-msg rtc --plug --set",
    })
}

function shown(type: string, nanoseconds: bigint): string {
  const ms = Number(nanoseconds / NANOSECONDS_MS)
  return type.startsWith("UTC") && ms < LAST_MS ? new Date(ms).toISOString() : `${ms / 1000} s`
}
