// `virtio-msg linux`: a real Linux on an emulated Cortex-A7 that uses the microcontroller's I2C bus.

import type { Command } from "commander"
import pc from "picocolors"
import { PACKET_DATA } from "../../../shared-protocol/src/mailbox/packet.js"
import { systemClock } from "../clock.js"
import { VirtioMsgError } from "../errors.js"
import { BoardForwarder } from "../node/board-forwarder.js"
import { LinuxGuest } from "../node/linux-guest/boot.js"
import { prepareGuest } from "../node/linux-guest/prepare.js"
import { VhostUserBackend } from "../node/vhost-user/backend.js"
import { VirtioI2cDevice } from "../node/vhost-user/i2c-device.js"
import { openBus } from "../open-bus.js"
import { Trace } from "../trace/trace.js"
import { helpExamples, note, portOf, print } from "./context.js"
import { untilStopped } from "./until-stopped.js"

/** ST's five lines, as they are typed in Linux on the A7. */
const ST_LINES = [
  "i2cdetect -l",
  "i2cdetect -y 0",
  "i2cget -y 0 0x54 14",
  "i2cset -y 0 0x54 14 0x25",
  "i2cget -y 0 0x54 14",
]

interface LinuxOptions {
  readonly run?: string
  readonly demo?: true
  readonly refresh?: true
}

export function addLinuxCommand(program: Command): void {
  program
    .command("linux")
    .description("Boot a real Linux on an emulated Cortex-A7, with the microcontroller's I2C bus as i2c-0.")
    .option("--run <command>", "run one shell command there and return its exit code")
    .option("--demo", "type ST's five lines there")
    .option("--refresh", "prepare the guest anew, with Debian's newest kernel")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg --port sim linux --run 'i2cdetect -y 0'")}\n` +
        "The guest is made of Debian's packages once (half a minute) and kept in ~/.cache/virtio-msg.",
    )
    .action(async (options: LinuxOptions, command: Command) => {
      process.exitCode = await runLinux(portOf(command), options)
    })
}

async function runLinux(port: string, options: LinuxOptions): Promise<number> {
  const image = await prepareGuest({
    ...(options.refresh ? { refresh: true } : {}),
    onProgress: ({ step, count, title }) => note(`[${step}/${count}] ${title}`),
  })
  const trace = new Trace()
  const forwarder = new BoardForwarder(() => openBus({ port, onChoice: note, trace }), systemClock)
  const guest = new LinuxGuest({ image })
  const backend = new VhostUserBackend({
    socketPath: guest.socketPath,
    device: new VirtioI2cDevice(forwarder),
  })
  backend.onError.on((error) => note(`error: ${error.message}`))
  try {
    await forwarder.start()
    await backend.start()
    note(`Booting Linux ${image.kernelRelease} on a Cortex-A7 ...`)
    await guest.boot()
    // a signal ends the guest in order, which Node's default would leave running
    return await Promise.race([use(guest, options, trace), untilStopped().then(() => 130)])
  } finally {
    await guest.shutdown()
    backend.close()
    await forwarder.close()
  }
}

async function use(guest: LinuxGuest, options: LinuxOptions, trace: Trace): Promise<number> {
  if (options.run !== undefined) {
    const { code, output } = await guest.sh(options.run)
    if (output) print(output)
    return code
  }
  if (options.demo) return showLines(guest, trace)
  note("The microcontroller's bus is i2c-0: try i2cdetect -y 0. End with exit.")
  return guest.interactive(process.stdin, process.stdout)
}

/** Types ST's lines in the guest, with what crossed to the M4 beside them. */
async function showLines(guest: LinuxGuest, trace: Trace): Promise<number> {
  const crossed = { out: 0, in: 0 }
  trace.onPacket.on((direction, packet) => {
    if ((packet[0] ?? 0) & PACKET_DATA) crossed[direction]++
  })
  print(pc.bold("Linux on the A7 uses the I2C bus of the M4, through its own driver i2c-virtio."))
  let last = ""
  for (const line of ST_LINES) {
    crossed.out = 0
    crossed.in = 0
    const { code, output } = await guest.sh(line)
    print()
    print(`${pc.cyan("A7")} # ${pc.bold(line)}`)
    if (output) print(output)
    print(pc.dim(`M4   ${crossed.out} packets in, ${crossed.in} out`))
    if (code !== 0)
      throw new VirtioMsgError("DEVICE_FAILED", `"${line}" ended with code ${code}.`, {
        hint: "Only the simulated chips have ST's RAM: --port sim",
      })
    last = output
  }
  print()
  if (last !== "0x25") throw new VirtioMsgError("DEVICE_FAILED", `Linux read ${last}, not 0x25.`)
  print(pc.green("Done: written and read back by Linux itself."))
  return 0
}
