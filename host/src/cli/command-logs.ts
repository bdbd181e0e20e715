// `virtio-msg logs`: the board's console, what its runtime and its program print.

import { type Command, InvalidArgumentError } from "commander"
import { VirtioMsgError } from "../errors.js"
import type { FramePort } from "../link/jacdac-link.js"
import { chooseBoard, makeFramePort } from "../node/open-link.js"
import { helpExamples, note, portOf, printLive } from "./context.js"
import { untilStopped } from "./until-stopped.js"

interface Options {
  readonly lines?: number
  readonly json?: true
}

export function define(command: Command): void {
  command
    .option("-n, --lines <count>", "end after so many lines; without it, when you press Ctrl-C", parseCount)
    .option("--json", "each line as JSON, with the time in ms since the Unix epoch")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg --port sim logs --lines 3")}\n` +
        "A board keeps the last lines that nobody read, and prints them first.",
    )
    .action(async (options: Options, command: Command) => {
      const port = await choosePort(portOf(command))
      await follow(port, options)
    })
}

async function choosePort(port: string): Promise<FramePort> {
  if (port !== "sim") return makeFramePort(port === "auto" ? await chooseBoard(note) : port)
  const [{ VirtualMachine }, { VmPort }, { readFirmware }] = await Promise.all([
    import("../vm/virtual-machine.js"),
    import("../vm/vm-port.js"),
    import("../vm/firmware-image.js"),
  ])
  return new VmPort(new VirtualMachine({ program: readFirmware("simulated") }))
}

/** Prints until enough was printed, somebody ends it, or the board is gone: that rejects with LINK_CLOSED. */
async function follow(port: FramePort, { lines, json }: Options): Promise<void> {
  const stopped = untilStopped()
  let count = 0
  let finish: () => void = () => {}
  let fail: (error: Error) => void = () => {}
  const ended = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  ended.catch(() => {}) // whether or not we wait for it by then
  await port.open({
    onFrame: () => {},
    onLog: (line) => {
      if (lines !== undefined && count >= lines) return
      count++
      printLive(json ? JSON.stringify({ time: Date.now(), line }) : line)
      if (count === lines) finish()
    },
    onClose: (cause) =>
      fail(
        new VirtioMsgError("LINK_CLOSED", `${port.name} is gone.`, {
          hint: "Plug the board in again.",
          cause,
        }),
      ),
  })
  try {
    if (lines === undefined) note(`Listening on ${port.name}; Ctrl-C ends it.`)
    await Promise.race([ended, stopped])
  } finally {
    await port.close()
  }
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1) throw new InvalidArgumentError("It is 1 or more.")
  return count
}
