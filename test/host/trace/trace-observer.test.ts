// What an observer of a link makes of its packets: messages with their answers, rings, requests, and what is wrong.

import { describe, expect, it } from "vitest"
import { TraceObserver } from "../../../host/src/trace/trace-observer.js"
import { encodeEventUsed } from "../../../shared-protocol/src/messages/events.js"
import { fc } from "../../support/seeded-fast-check.js"
import { contentsIn, messagesIn, openTraced, packetsIn, remarksIn, requestsIn } from "./traced-session.js"

const CHIP = 0x54
const NO_CHIP = 0x33

describe("a trace", () => {
  it("links each response with its request and the time between", async () => {
    const { clock, bus, events } = await openTraced()
    await clock.run(bus.ping())
    const responses = messagesIn(events).filter(({ message }) => message.kind === "response")
    expect(responses.map(({ message }) => message.name)).toEqual(["HELLO", "PING"])
    for (const response of responses) {
      expect(response.roundTripMs).toBe(1)
      const request = packetsIn(events)[(response.requestNumber ?? 0) - 1]
      expect(request?.contents[0]).toMatchObject({
        message: { name: response.message.name, kind: "request", token: response.message.token },
      })
    }
  })

  it("shows a register read as two requests that go and come back", async () => {
    const { clock, i2c, events } = await openTraced()
    await clock.run(i2c.readBlock(CHIP, 14, 2))
    expect(requestsIn(events).map(({ phase, text, ok }) => [phase, text, ok])).toEqual([
      ["available", "i2c 0x54 write 0e, with the next", undefined],
      ["available", "i2c 0x54 read 2", undefined],
      ["used", "i2c 0x54 write 0e", true],
      ["used", "i2c 0x54 read 66 67", true],
    ])
    expect(requestsIn(events).map(({ roundTripMs }) => roundTripMs)).toEqual([undefined, undefined, 1, 1])
    expect(remarksIn(events).filter((remark) => !remark.startsWith("note"))).toEqual([])
  })

  it("shows a chip that does not answer", async () => {
    const { clock, i2c, events } = await openTraced()
    expect(await clock.run(i2c.probe(NO_CHIP))).toBe(false)
    expect(requestsIn(events).at(-1)).toMatchObject({ text: "i2c 0x33 probe: no answer", ok: false })
  })

  it("follows the rings round their ends, and buffers outside their slots", async () => {
    const { clock, i2c, events } = await openTraced()
    const written = Array.from({ length: 20 }, (_, i) => i)
    for (let round = 0; round < 200; round++) await clock.run(i2c.readBlock(CHIP, 14, 1))
    await clock.run(i2c.writeBlock(CHIP, 0x20, written))
    const back = await clock.run(i2c.readBlock(CHIP, 0x20, 20))
    const used = requestsIn(events).filter(({ phase }) => phase === "used")
    expect(used.length).toBe(200 * 2 + 3)
    expect(used.every(({ ok }) => ok)).toBe(true)
    const data = used.at(-1)?.fields.find(({ name }) => name === "i2c_read")
    expect(data).toMatchObject({ value: Buffer.from(back).toString("hex"), offset: 8, length: 20 })
  })

  it("says which part of which virtqueue a span is, whole descriptors included", async () => {
    const { clock, i2c, events } = await openTraced()
    await clock.run(i2c.probe(CHIP))
    const records = contentsIn(events).flatMap((content) => (content.kind === "span" ? content.records : []))
    const [first] = records
    expect(first).toMatchObject({ part: "descriptor", devNum: 0, queueIndex: 0, index: 0 })
    expect(first?.fields.map(({ name, meaning, value }) => [name, meaning ?? value])).toEqual([
      ["addr", expect.stringMatching(/^1:0x/)],
      ["len", 8],
      ["desc_flags", "NEXT"],
      ["next", 1],
    ])
    expect(records.map(({ part }) => part)).toContain("available ring")
    expect(records.find(({ part }) => part === "used ring")?.fields).toEqual([
      { name: "id", value: 0, offset: 4, length: 4 },
      { name: "used_len", value: 1, offset: 8, length: 4 },
    ])
  })

  it("takes a packet that is sent again for what it is", async () => {
    const { clock, bus, trace, events } = await openTraced()
    const kept: Uint8Array[] = []
    trace.onPacket.on((direction, packet) => {
      if (direction === "out" && (packet[0] as number) & 1) kept.push(Uint8Array.from(packet))
    })
    await clock.run(bus.ping())
    trace.onPacket.emit("out", kept[0] as Uint8Array)
    const again = packetsIn(events).at(-1)
    expect(again).toMatchObject({ isIgnored: true, remarks: [{ severity: "note", text: "sent again" }] })
    expect(again?.contents).toHaveLength(1)
    expect(remarksIn(events).filter((remark) => remark.startsWith("warning"))).toEqual([])
  })

  it("begins anew with a new epoch", async () => {
    const { clock, link, bus, i2c, events } = await openTraced()
    await clock.run(i2c.readBlock(CHIP, 14, 1))
    link.restart()
    await clock.run(i2c.readBlock(CHIP, 14, 1).catch(() => undefined))
    await clock.run(i2c.readBlock(CHIP, 14, 1))
    await clock.run(bus.close())
    expect(events.flatMap((event) => (event.kind === "state" ? [event.state] : []))).toEqual([
      "up",
      "lost",
      "up",
      "closed",
    ])
    const remarks = remarksIn(events)
    expect(remarks.filter((remark) => remark.endsWith(" begins"))).toHaveLength(2)
    expect(remarks.some((remark) => /knows no epoch 0x[0-9a-f]+: it has started again/.test(remark))).toBe(
      true,
    )
    expect(requestsIn(events).at(-1)).toMatchObject({ phase: "used", text: "i2c 0x54 read 66" })
  })
})

/** What is remarked of a session whose device changes its messages on their way. */
async function remarksOf(tamper: (frame: Uint8Array) => Uint8Array): Promise<string[]> {
  const { clock, bus, i2c, events } = await openTraced({ tamper })
  await clock.run(i2c.readBlock(CHIP, 14, 1).catch(() => undefined))
  await clock.run(bus.ping().catch(() => undefined))
  return remarksIn(events).filter((remark) => !remark.startsWith("note"))
}

/** Changes one byte of the messages with this type and id. */
function setByte(type: number, msgId: number, offset: number, value: number) {
  return (frame: Uint8Array) => {
    if (frame[0] === type && frame[1] === msgId) frame[offset] = value
    return frame
  }
}

describe("a breach of the specification", () => {
  it.each([
    ["V22", "reserved bits of type", setByte(1, 0x02, 0, 0x41)],
    ["V23", "a message shorter than its payload", setByte(1, 0x09, 6, 12)],
    ["V27", "a response with a token that nobody waits for", setByte(1, 0x03, 4, 0xee)],
    ["V39", "more than 65536 virtqueues", setByte(1, 0x02, 8 + 34, 0x10)],
    ["V41", "a start of administration virtqueues without any", setByte(1, 0x02, 8 + 36, 1)],
    ["V54", "another queue than was asked for", setByte(1, 0x09, 8, 7)],
    ["V55", "reserved flags of a queue", setByte(1, 0x09, 8 + 13, 1)],
    ["B50", "PING with other data", setByte(3, 0x03, 8, 0xee)],
    ["G2", "a bus message with a dev_num", setByte(3, 0x03, 2, 9)],
  ])("%s is remarked: %s", async (row, _what, tamper) => {
    const remarks = await remarksOf(tamper)
    expect(remarks.some((remark) => remark.startsWith(`breach ${row} `))).toBe(true)
  })

  it("V33 is remarked: EVENT_USED before DRIVER_OK", async () => {
    const { clock, link, bus, events } = await openTraced()
    const frame = new Uint8Array(12)
    encodeEventUsed(frame, 0, 0)
    link.post(frame)
    await clock.advance(10)
    await clock.run(bus.close())
    expect(remarksIn(events)).toContain("breach V33 EVENT_USED before DRIVER_OK")
  })

  it("is none in a session with our own device", async () => {
    expect(await remarksOf((frame) => frame)).toEqual([])
  })
})

describe("an observer", () => {
  it("never throws, whatever the packets are", async () => {
    const { clock, i2c, events } = await openTraced()
    await clock.run(i2c.readBlock(CHIP, 14, 2))
    const session = packetsIn(events)
    // real packets with a few bytes changed reach further than noise does
    const change = fc.tuple(fc.nat(session.length - 1), fc.nat(235), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), fc.uint8Array({ maxLength: 40 }), (changes, noise) => {
        const observer = new TraceObserver()
        for (const [at, packet] of session.entries()) {
          const bytes = Uint8Array.from(packet.bytes)
          for (const [which, offset, value] of changes)
            if (which === at && offset > 4 && offset < bytes.length) bytes[offset] = value
          observer.observe(at, packet.direction, bytes)
        }
        observer.observe(0, "in", noise)
      }),
      { numRuns: 300 },
    )
  })
})
