// `virtio-msg linux`: a real Linux on an emulated Cortex-A7 that uses the microcontroller's I2C bus.

import { type Command, Option } from "commander"
import { PACKET_DATA } from "../../../shared-protocol/src/mailbox/packet.js"
import { counted } from "../counted.js"
import type { I2cOutcome, I2cRequest } from "../driver/i2c-adapter.js"
import { deviceFailed, type VirtioMsgError } from "../errors.js"
import { hex, hexBytes } from "../hex.js"
import { BoardForwarder } from "../node/board-forwarder.js"
import { GuestDevices } from "../node/guest-devices.js"
import { openGuestMessageBus } from "../node/guest-message-bus.js"
import { LinuxGuest } from "../node/linux-guest/boot.js"
import { GuestPort } from "../node/linux-guest/guest-port.js"
import { AWAIT_DEVICES, messageMachine } from "../node/linux-guest/message-machine.js"
import { findPreparedGuest, type GuestImage, prepareGuest } from "../node/linux-guest/prepare.js"
import { requireTools } from "../node/linux-guest/required-tools.js"
import { VhostUserBackend } from "../node/vhost-user/backend.js"
import { VirtioI2cDevice } from "../node/vhost-user/i2c-device.js"
import { openBus } from "../open-bus.js"
import { colours, helpExamples, note, portOf, print } from "./context.js"
import { offerProcessTrace } from "./offer-process-trace.js"
import { processTrace } from "./process-trace.js"
import { untilStopped } from "./until-stopped.js"

/** ST's five lines, as they are typed in Linux on the A7. */
const ST_LINES = [
  "i2cdetect -l",
  "i2cdetect -y 0",
  "i2cget -y 0 0x54 14",
  "i2cset -y 0 0x54 14 0x25",
  "i2cget -y 0 0x54 14",
]

/**
 * Where virtio-msg begins. Either in this process, which serves the guest's virtio-mmio devices, or in the guest's
 * kernel.
 */
const BUSES = ["virtio-mmio", "virtio-msg"] as const

interface LinuxOptions {
  readonly bus: (typeof BUSES)[number]
  readonly run?: string
  readonly demo?: true
  readonly refresh?: true
}

export function define(command: Command): void {
  command
    .option("--run <command>", "run one shell command there and return its exit code")
    .option("--demo", "type ST's five lines there")
    .option("--refresh", "prepare the guest anew, with Debian's newest kernel")
    .addOption(
      new Option(
        "--bus <bus>",
        "virtio-mmio: Linux speaks to QEMU, and this process to the board; virtio-msg: Linux's own messages reach the board",
      )
        .choices(BUSES)
        .default(BUSES[0]),
    )
    .addHelpText(
      "after",
      `${helpExamples(
        "virtio-msg --port sim linux --run 'i2cdetect -y 0'",
        "virtio-msg --port sim linux --bus virtio-msg --demo",
      )}\nThe guest is made of Debian's packages once (half a minute) and kept in ~/.cache/virtio-msg.`,
    )
    .action(async (options: LinuxOptions, command: Command) => {
      process.exitCode = await runLinux(portOf(command), options)
    })
}

async function runLinux(port: string, options: LinuxOptions): Promise<number> {
  // before a guest is prepared, which takes a while, and before the user is told that it begins
  requireTools(!options.refresh && (await findPreparedGuest()) !== undefined)
  const image = await prepareGuest({
    ...(options.refresh ? { refresh: true } : {}),
    onProgress: ({ step, count, title }) => note(`[${step}/${count}] ${title}`),
  })
  const endOffer = await offerProcessTrace("linux")
  try {
    return await (options.bus === "virtio-msg" ? runOverMessages : runOverMmio)(port, image, options)
  } finally {
    await endOffer()
  }
}

/** The guest's kernel speaks virtio-msg, and every message of it reaches the board. */
async function runOverMessages(port: string, image: GuestImage, options: LinuxOptions): Promise<number> {
  const opened = await openBus({ port, onChoice: note, trace: processTrace })
  const guestPort = new GuestPort()
  const guest = new LinuxGuest({ image, machine: messageMachine(guestPort) })
  const guestBus = openGuestMessageBus(opened.bus, guestPort, note)
  const offs = [
    opened.bus.onLost.on((error) => note(`The board is gone: ${error.message}`)),
    opened.bus.onUp.on(() => note("The board is back.")),
  ]
  try {
    note(`Booting Linux ${image.kernelRelease} on a Cortex-A7 ...`)
    await guest.boot()
    note(
      "Linux speaks virtio-msg itself (module virtio_msg): each of its messages reaches the board as it is.",
    )
    await guest.sh(AWAIT_DEVICES)
    return await Promise.race([use(guest, options), untilStopped().then(() => 130)])
  } finally {
    for (const off of offs) off()
    await guest.shutdown()
    guestBus.close()
    guestPort.close()
    await opened.close()
  }
}

async function runOverMmio(port: string, image: GuestImage, options: LinuxOptions): Promise<number> {
  const forwarder = new BoardForwarder(() => openBus({ port, onChoice: note, trace: processTrace }))
  const devices = new GuestDevices()
  const complain = (error: VirtioMsgError) => note(`error: ${error.message}`)
  let guest: LinuxGuest | undefined
  let backend: VhostUserBackend | undefined
  try {
    await forwarder.start()
    forwarder.onBoard.on((isThere) => note(isThere ? "The board is back." : "The board is gone."))
    forwarder.onRefused.on((error) => note(`error: A request of the guest failed. ${error.message}`))
    const moreDevices = await GuestDevices.on(forwarder.bus)
    guest = new LinuxGuest({ image, moreDevices })
    const { socketPath } = guest
    backend = new VhostUserBackend({ socketPath, device: new VirtioI2cDevice(forwarder) })
    backend.onError.on(complain)
    await backend.start()
    const booting = guest
    await devices.start(forwarder.bus, moreDevices, (device) => booting.socketOf(device), complain)
    note(`Booting Linux ${image.kernelRelease} on a Cortex-A7 ...`)
    await guest.boot()
    // a signal ends the guest properly; Node's default would leave it running
    return await Promise.race([use(guest, options, forwarder), untilStopped().then(() => 130)])
  } finally {
    await guest?.shutdown()
    backend?.close()
    devices.close()
    await forwarder.close()
  }
}

async function use(guest: LinuxGuest, options: LinuxOptions, forwarder?: BoardForwarder): Promise<number> {
  if (options.run !== undefined) {
    const { code, output } = await guest.sh(options.run)
    if (output) print(output)
    return code
  }
  if (options.demo) return showLines(guest, forwarder)
  note(
    "The microcontroller's bus is i2c-0: try i2cdetect -y 0, gpioinfo, or head -c 16 /dev/hwrng | hexdump.",
  )
  if (forwarder)
    note("Its shell is /dev/vport0p1: cat /dev/vport0p1 & echo help > /dev/vport0p1. End with exit.")
  else
    note(
      "Its shell is /dev/hvc0: stty raw -echo < /dev/hvc0; cat /dev/hvc0 & echo help > /dev/hvc0. End with exit.",
    )
  return guest.interactive(process.stdin, process.stdout)
}

/** More requests than this are counted, not listed. */
const MOST_LISTED = 4

/** Types ST's lines in the guest, with what the M4 did beside them. */
async function showLines(guest: LinuxGuest, forwarder: BoardForwarder | undefined): Promise<number> {
  const packets = { out: 0, in: 0 }
  let requests: string[] = []
  processTrace.onPacket.on((direction, packet) => {
    if ((packet[0] ?? 0) & PACKET_DATA) packets[direction]++
  })
  forwarder?.onOutcome.on((request, outcome) => requests.push(describe(request, outcome)))
  print(colours.bold("Linux on the A7 uses the I2C bus of the M4, through its own driver i2c-virtio."))
  let last = ""
  for (const line of ST_LINES) {
    packets.out = 0
    packets.in = 0
    requests = []
    const { code, output } = await guest.sh(line)
    print()
    print(`${colours.cyan("A7")}  # ${colours.bold(line)}`)
    for (const text of output.split("\n")) if (text) print(`    ${text}`)
    const listed = requests.length > MOST_LISTED ? [`${counted(requests.length, "request")}`] : requests
    if (!forwarder) print(`${colours.magenta("M4")}  packets: ${packets.out} in, ${packets.in} out`)
    if (requests.length > 0)
      print(`${colours.magenta("M4")}  ${listed.join(", ")} (packets: ${packets.out} in, ${packets.in} out)`)
    if (code !== 0)
      throw deviceFailed(`"${line}" ended with code ${code}.`, {
        hint: "Only the simulated chips have ST's RAM: --port sim",
      })
    last = output
  }
  print()
  if (last !== "0x25") throw deviceFailed(`Linux read ${last}, not 0x25.`)
  print(colours.green("Done: written and read back by Linux itself."))
  return 0
}

/** "0x54: write 0e" */
function describe({ address, write, readLength }: I2cRequest, { ok, data }: I2cOutcome): string {
  const what = write?.length
    ? `write ${hexBytes(write)}`
    : readLength
      ? `read ${data ? hexBytes(data) : ""}`
      : "probe"
  return `${hex(address)}: ${what.trim()}${ok ? "" : " (no answer)"}`
}
