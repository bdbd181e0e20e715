// Wireshark's dissector and the trace must say the same of every packet: messages field by field, requests, breaches.

import { readFile, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import { hexBytes } from "../../host/src/hex.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { commentsOn } from "../../host/src/trace/capture.js"
import { describeMessage } from "../../host/src/trace/describe-message.js"
import type { CapturedPacket } from "../../host/src/trace/pcapng-writer.js"
import { Trace } from "../../host/src/trace/trace.js"
import type { PacketEvent } from "../../host/src/trace/trace-event.js"
import { TraceObserver } from "../../host/src/trace/trace-observer.js"
import * as p from "../../shared-protocol/src/index.js"
import { PACKET_DATA } from "../../shared-protocol/src/mailbox/packet.js"
import { openTraced, packetsIn } from "../host/trace/traced-session.js"
import { ConsoleTestProgram } from "../support/console-test-program.js"
import { GpioTestLines } from "../support/gpio-test-lines.js"
import { MemoryLink } from "../support/memory-link.js"
import { fc } from "../support/seeded-fast-check.js"
import { BUS_VECTORS } from "../vectors/bus.js"
import { TRANSPORT_VECTORS } from "../vectors/transport.js"
import { parseHex } from "../vectors/vector.js"
import { VQUEUE_VECTORS } from "../vectors/vqueue.js"
import { captureFile, packetsOf, skippedWithoutTshark, tshark, tsharkFile } from "./tshark.js"

const LIMIT_MS = 60_000
const GOLDEN = fileURLToPath(new URL("golden/session.txt", import.meta.url))
/** A session that was recorded once: what the driver sends may change, what the dissector makes of it may not. */
const RECORDED = fileURLToPath(new URL("golden/session.pcapng", import.meta.url))

const FRAMES = [...TRANSPORT_VECTORS, ...VQUEUE_VECTORS, ...BUS_VECTORS].map(
  (vector) => parseHex(vector.hex, allocateBytes) as unknown as Uint8Array,
)

/** Every message in a packet of its own. */
function everyMessage(): CapturedPacket[] {
  return packetsOf(
    FRAMES.map((frame, i) => {
      const packet = Uint8Array.of(PACKET_DATA, 1, 0, i, 0, 0, frame.length, ...frame)
      return [describeMessage(frame).kind === "response" ? "in" : "out", packet]
    }),
  )
}

/** The fields of each packet in tshark's PDML that stand in its bytes, as [name, offset, length, bytes]. */
function fieldsIn(pdml: string): string[][] {
  return pdml
    .split("<packet>")
    .slice(1)
    .map((packet) =>
      [
        ...packet.matchAll(
          /<field name="virtio_msg\.(\w+)"[^>]*?size="(\d+)" pos="(\d+)"[^>]*? value="(\w+)"/g,
        ),
      ]
        .map(([, name, size, pos, value]) => `${name} ${pos} ${size} ${value}`)
        .filter((field) => !/^(feature|name|kind|packet_flags|epoch|sequence|acknowledgement) /.test(field)),
    )
}

/** What an observer says of the packets. */
function observed(packets: readonly CapturedPacket[]): PacketEvent[] {
  const observer = new TraceObserver()
  return packets.map(({ timeMs, direction, bytes }) => observer.observe(timeMs, direction, bytes))
}

function requestTexts(event: PacketEvent): string[] {
  return event.contents.flatMap((content) => (content.kind === "request" ? [content.text] : []))
}

/** A session with a chip that answers, one that does not, a long transfer, and a device that starts again. */
async function session(): Promise<CapturedPacket[]> {
  const { clock, bus, i2c, link, events } = await openTraced()
  await clock.run(i2c.readBlock(0x54, 14, 2))
  await clock.run(i2c.probe(0x33))
  await clock.run(
    i2c.writeBlock(
      0x54,
      0x20,
      Array.from({ length: 20 }, (_, i) => i),
    ),
  )
  await clock.run(i2c.readBlock(0x54, 0x20, 20))
  await clock.run(bus.ping())
  link.restart()
  await clock.run(i2c.readByte(0x54, 14).catch(() => undefined))
  await clock.run(i2c.readByte(0x54, 14))
  return packetsIn(events).map((event) => ({
    timeMs: 1_000_000 + event.timeMs,
    direction: event.direction,
    bytes: event.bytes,
    comments: commentsOn(event),
  }))
}

/** A session with the other devices: lines with an edge, numbers, text both ways. */
async function otherDevices(): Promise<CapturedPacket[]> {
  const program = new ConsoleTestProgram()
  const gpio = new p.GpioDevice(new GpioTestLines(), allocateBytes)
  const source: p.EntropySource = {
    fill(into, offset, length) {
      for (let i = 0; i < length; i++) into[offset + i] = i
    },
  }
  const rng = new p.RngDevice(source, allocateBytes(0))
  const text = new p.ConsoleDevice(program, allocateBytes, 80, 24)
  const types = [gpio, rng, text]
  const clock = new VirtualClock(0)
  const trace = new Trace(clock)
  const packets: CapturedPacket[] = []
  trace.onPacket.on((direction, bytes) =>
    packets.push({ timeMs: 1_000_000 + clock.now(), direction, bytes: Uint8Array.from(bytes), comments: [] }),
  )
  const board = new OpenedBus(await clock.run(Bus.open(new MemoryLink(clock, { types }), { clock, trace })))
  const chip = await clock.run(board.gpio())
  await clock.run(chip.output("out", 1)) // wired to "in"
  await clock.run(chip.input("in"))
  const watch = await clock.run(chip.watch(["in"]))
  await clock.run(chip.output("out", 0))
  await clock.advance(50)
  await clock.run(watch.close())
  await clock.run((await clock.run(board.rng())).read(4))
  const port = await clock.run(board.console())
  await clock.run(port.write(new TextEncoder().encode("hello")))
  program.say(2, 0x41)
  text.wakeOutput()
  await clock.advance(100)
  await clock.run(board.close())
  return packets
}

/** One column of tshark's fields, a list for each packet. */
async function column(packets: readonly CapturedPacket[], name: string): Promise<string[][]> {
  const output = await tshark(packets, ["-T", "fields", "-E", "aggregator=|", "-e", name])
  return output
    .split("\n")
    .slice(0, packets.length)
    .map((line) => (line === "" ? [] : line.split("|")))
}

const skipped = skippedWithoutTshark()

describe.skipIf(skipped)(`the dissector${skipped}`, () => {
  it("finds each field of every message where the trace finds it", { timeout: LIMIT_MS }, async () => {
    const found = fieldsIn(await tshark(everyMessage(), ["-T", "pdml"]))
    const wanted = FRAMES.map((frame) =>
      describeMessage(frame).fields.map(({ name, offset, length }) => {
        return `${name} ${offset + 7} ${length} ${hexBytes(frame.subarray(offset, offset + length))}`
      }),
    )
    expect(found).toEqual(wanted)
  })

  it("says what fields mean in the words of the trace", { timeout: LIMIT_MS }, async () => {
    const text = await tshark(everyMessage(), ["-O", "virtio_msg"])
    const meanings = FRAMES.flatMap((frame) => describeMessage(frame).fields.map(({ meaning }) => meaning))
    // plain hexadecimal is the field's own format in Wireshark; and by then the type of device 3 is known
    const wanted = meanings.filter((each) => each !== undefined && !/^0x|^bit 0, /.test(each))
    expect(wanted.filter((meaning) => !text.includes(`(${meaning})`))).toEqual([])
  })

  it("finds the requests, and links them with their answers", { timeout: LIMIT_MS }, async () => {
    const packets = await session()
    const events = observed(packets)
    expect(await column(packets, "virtio_msg.request")).toEqual(events.map(requestTexts))
    const linked = events.map(({ contents }) =>
      contents.flatMap((content) =>
        content.kind === "message" && content.requestNumber !== undefined ? [content.requestNumber] : [],
      ),
    )
    const usedIn = (event: PacketEvent) =>
      event.contents.some((content) => content.kind === "request" && content.phase === "used")
    const responses = await column(packets, "virtio_msg.response_to")
    for (const [i, event] of events.entries()) {
      if (usedIn(event)) expect(responses[i]?.length).toBeGreaterThan(0)
      else expect(responses[i]).toEqual((linked[i] ?? []).map(String))
    }
    const times = (await column(packets, "virtio_msg.time")).flat()
    expect(new Set(times)).toEqual(new Set(["1"])) // the device in this process takes a millisecond
  })

  it("names the same breaches and troubles as the trace, also in damaged sessions", {
    timeout: LIMIT_MS,
  }, async () => {
    const clean = await session()
    const change = fc.tuple(
      fc.nat(clean.length - 1),
      fc.nat(120),
      fc.constantFrom(0, 1, 2, 7, 0x40, 0x80, 0xff),
    )
    const sessions = fc.sample(fc.array(change, { minLength: 1, maxLength: 4 }), { numRuns: 40, seed: 9 })
    const packets = [[], ...sessions].flatMap((changes, round) =>
      clean.map((packet, at) => {
        const bytes = Uint8Array.from(packet.bytes)
        for (const [which, offset, value] of changes)
          if (which === at && offset < bytes.length) bytes[offset] = value
        // another epoch in every round, so that each begins with nothing
        if (bytes.length >= 3) bytes[2] = ((bytes[2] as number) + round) & 0xff
        return { ...packet, bytes, comments: [] }
      }),
    )
    const events = observed(packets)
    const wanted = events.map((event) =>
      [
        ...event.remarks,
        ...event.contents.flatMap((content) => ("remarks" in content ? content.remarks : [])),
      ]
        .map(({ row, text }) => (row ? `${row}: ${text}` : text))
        .sort(),
    )
    const found = (await column(packets, "_ws.expert.message")).map((messages) => messages.sort())
    expect(found).toEqual(wanted)
    expect(new Set(wanted.flat().map((text) => text.split(":")[0])).size).toBeGreaterThan(8)
    expect(await column(packets, "virtio_msg.request")).toEqual(events.map(requestTexts))
  })

  it("shows a recorded session as it always did (UPDATE_GOLDEN=1 records anew)", {
    timeout: LIMIT_MS,
  }, async () => {
    if (process.env.UPDATE_GOLDEN) await writeFile(RECORDED, captureFile(await session()))
    const list = await tsharkFile(RECORDED, [])
    const trees = await tsharkFile(RECORDED, ["-O", "virtio_msg", "-Y", "frame.number in {1,2,14,21,22,33}"])
    const text = `${list}\n${trees}`.replace(/[ \t]+$/gm, "")
    if (process.env.UPDATE_GOLDEN) await writeFile(GOLDEN, text)
    expect(text).toBe(await readFile(GOLDEN, "utf8"))
  })

  it("reads GPIO, entropy and console requests", { timeout: LIMIT_MS }, async () => {
    const packets = await otherDevices()
    const texts = observed(packets).map(requestTexts)
    expect(texts.flat()).toEqual(
      expect.arrayContaining([
        "gpio line 0 SET_VALUE 1",
        "gpio line 0 SET_DIRECTION out",
        "gpio line 1 GET_VALUE = 1",
        "gpio line 1 waits for an interrupt",
        "gpio line 1 interrupt",
        "entropy: asks for 4 bytes",
        "entropy: 00 01 02 03",
        'console output "hello"',
        'console input "AB"',
      ]),
    )
    expect(await column(packets, "virtio_msg.request")).toEqual(texts)
    expect((await column(packets, "_ws.expert.message")).flat()).toEqual([expect.stringMatching(/begins$/)])
  })
})
