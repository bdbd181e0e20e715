// `virtio-msg demo`: the whole flow, step by step, so that a person sees what the A7 and the M4 do.

import type { Command } from "commander"
import { counted } from "../counted.js"
import { deviceFailed } from "../errors.js"
import { type OpenedBus, openBus } from "../open-bus.js"
import type { MessageEvent, PacketEvent } from "../trace/trace-event.js"
import { asTyped } from "./as-typed.js"
import { colours, helpExamples, note, portOf, print } from "./context.js"
import { adapterLine, detect, formatDetected } from "./i2c-detect.js"
import { formatByte } from "./i2c-numbers.js"
import { processTrace } from "./process-trace.js"

/** ST's RAM chip, and the place in it that the demo reads and writes. */
const CHIP = 0x54
const OFFSET = 14
const NEW_VALUE = 0x25

export function define(command: Command): void {
  command
    .addHelpText("after", helpExamples("virtio-msg --port sim demo"))
    .action((_options: object, command: Command) => runDemo(portOf(command)))
}

async function runDemo(port: string): Promise<void> {
  print(
    colours.bold(
      "virtio-msg: Linux's side (the A7) is this computer, the microcontroller (the M4) provides I2C.",
    ),
  )
  const ladder = new Ladder()
  try {
    await goThrough(port, ladder)
  } finally {
    ladder.end()
  }
}

async function goThrough(port: string, ladder: Ladder): Promise<void> {
  step(1, "The A7 finds the M4 on the link, and both start a new epoch: HELLO")
  explain(
    "The M4 says what the specification leaves to the bus: limits, and the window of memory they share.",
  )
  const bus = await openBus({ port, onChoice: note, trace: processTrace })
  try {
    explain(`The M4 is ${bus.board.board}, firmware ${bus.board.firmwareVersion.slice(0, 3).join(".")}.`)
    step(2, "Which devices are there? GET_DEVICES, then GET_DEVICE_INFO of each")
    await bus.devices()
    await initialise(bus)
    await runLines(bus, ladder)
  } finally {
    await bus.close()
  }
}

async function initialise(bus: OpenedBus): Promise<void> {
  step(3, "The driver sets the I2C device up, in the specification's order")
  const { device } = await bus.i2c()
  const queue = device.queues[0]?.state
  explain(
    "Addresses are area:offset in the shared window: the A7 writes area 1, the M4 area 2. " +
      `The queue has ${counted(queue?.curSize ?? 0, "descriptor")}.`,
  )
}

async function runLines(bus: OpenedBus, ladder: Ladder): Promise<void> {
  step(4, "ST's five lines: each kick is one packet to the M4, each answer one packet back")
  const i2c = await bus.i2c()
  await ladder.line("i2c detect -l", async () => [adapterLine(i2c.device.devNum)])
  await ladder.line("i2c detect", async () => {
    const found = await detect(i2c, 0x08, 0x77, "auto")
    if (!found.has(CHIP))
      throw deviceFailed(`The demo needs ST's RAM chip at ${formatByte(CHIP)}.`, {
        hint: "Only the simulated chips have it: --port sim",
      })
    return formatDetected(found, 0x08, 0x77)
  })
  const get = `i2c get ${formatByte(CHIP)} ${OFFSET}`
  const read = async () => [formatByte(await i2c.readByte(CHIP, OFFSET))]
  const before = await ladder.line(get, read)
  await ladder.line(`i2c set ${formatByte(CHIP)} ${OFFSET} ${formatByte(NEW_VALUE)}`, async () => {
    await i2c.writeByte(CHIP, OFFSET, NEW_VALUE)
    return []
  })
  const after = await ladder.line(get, read)
  print()
  if (after[0] !== formatByte(NEW_VALUE))
    throw deviceFailed(`The M4 returned ${after[0]} for ${formatByte(NEW_VALUE)}.`)
  print(
    colours.green(colours.bold(`Done: ${before[0]} was read, ${after[0]} written and read back, `)) +
      colours.green("all by virtio-i2c over virtio-msg."),
  )
  print(asTyped("Next: virtio-msg --help, and README.md"))
}

/** Prints messages as steps of a ladder between the two processors, and counts what crosses the link, until its `end`. */
class Ladder {
  #areMessagesShown = true
  #crossed = { out: 0, outBytes: 0, in: 0, inBytes: 0 }

  // reads packets: HELLO belongs to the channel, and is no message of the bus above it
  readonly end: () => void = processTrace.watch((event) => {
    if (event.kind === "packet" && event.hasData) this.#take(event)
  })

  /** Runs what a user would type, and prints what it prints and what it cost. */
  async line(typed: string, run: () => Promise<string[]>): Promise<string[]> {
    this.#areMessagesShown = false
    this.#crossed = { out: 0, outBytes: 0, in: 0, inBytes: 0 }
    const output = await run()
    print()
    print(`   ${colours.dim("$")} ${colours.bold(`virtio-msg ${typed}`)}`)
    for (const text of output) print(`   ${text}`)
    const { out, outBytes, in: back, inBytes } = this.#crossed
    if (out > 0)
      print(
        colours.dim(
          `   ${counted(out, "packet")} to the M4 (${counted(outBytes, "byte")}), ${counted(back, "packet")} back (${counted(inBytes, "byte")})`,
        ),
      )
    return output
  }

  #take({ direction, bytes, contents, isIgnored }: PacketEvent): void {
    this.#crossed[direction]++
    this.#crossed[`${direction}Bytes`] += bytes.length
    if (!this.#areMessagesShown || isIgnored) return // a packet that comes again was shown before
    for (const content of contents) if (content.kind === "message") this.#show(direction, content)
  }

  #show(direction: PacketEvent["direction"], { message: { name, kind, devNum, text } }: MessageEvent): void {
    const arrow = direction === "out" ? colours.cyan("A7 --> M4") : colours.magenta("A7 <-- M4")
    const where = devNum === undefined ? "bus     " : `device ${devNum}`
    const what = text || (kind === "response" ? "done" : "")
    print(`   ${arrow}  ${colours.dim(where)}  ${name.padEnd(20)} ${what}`.trimEnd())
  }
}

function step(number: number, title: string): void {
  print()
  print(colours.bold(`${number}. ${title}`))
}

function explain(text: string): void {
  print(colours.dim(`   ${text}`))
}
