// Captures: what is written is read back, in any pieces and either byte order; and what a late observer is told.

import { describe, expect, it, vi } from "vitest"
import { capture } from "../../../host/src/trace/capture.js"
import { PcapngReader, type ReadPacket } from "../../../host/src/trace/pcapng-reader.js"
import {
  type CapturedPacket,
  encodeCapturedPacket,
  encodeCaptureHeader,
} from "../../../host/src/trace/pcapng-writer.js"
import { TraceObserver } from "../../../host/src/trace/trace-observer.js"
import { fc } from "../../support/seeded-fast-check.js"
import { openTraced, packetsIn, remarksIn, requestsIn } from "./traced-session.js"

const CHIP = 0x54

const PACKETS: readonly CapturedPacket[] = [
  { timeMs: 1_764_081_234_567.125, direction: "out", bytes: Uint8Array.of(1, 2, 3, 4, 5), comments: [] },
  {
    timeMs: 1_764_081_234_568,
    direction: "in",
    bytes: new Uint8Array(236).fill(7),
    comments: ["sent again"],
  },
  { timeMs: 0, direction: "in", bytes: new Uint8Array(0), comments: ["äöü", "two comments"] },
]

function captureOf(packets: readonly CapturedPacket[]): Uint8Array {
  return Buffer.concat([encodeCaptureHeader("virtio-msg test"), ...packets.map(encodeCapturedPacket)])
}

function read(bytes: Uint8Array, pieces: readonly number[] = [bytes.length]): ReadPacket[] {
  const packets: ReadPacket[] = []
  const reader = new PcapngReader((packet) => packets.push(packet))
  let at = 0
  for (const length of pieces) {
    reader.push(bytes.subarray(at, at + length))
    at += length
  }
  reader.push(bytes.subarray(at))
  reader.end()
  return packets
}

/** A capture in the other byte order, with one USER0 interface without a name, as another tool might write it. */
function bigEndianCapture(flags: number, bytes: readonly number[]): Uint8Array {
  const block = (type: number, body: Buffer) => {
    const whole = Buffer.alloc(12 + body.length)
    whole.writeUInt32BE(type, 0)
    whole.writeUInt32BE(whole.length, 4)
    body.copy(whole, 8)
    whole.writeUInt32BE(whole.length, whole.length - 4)
    return whole
  }
  const section = Buffer.from("1a2b3c4d00010000ffffffffffffffff", "hex")
  const packet = Buffer.alloc(20 + ((bytes.length + 3) & ~3) + 8)
  packet.writeUInt32BE(5, 8) // five microseconds
  packet.writeUInt32BE(bytes.length, 12)
  packet.writeUInt32BE(bytes.length, 16)
  Buffer.from(bytes).copy(packet, 20)
  packet.writeUInt16BE(2, packet.length - 8)
  packet.writeUInt16BE(4, packet.length - 6)
  packet.writeUInt32BE(flags, packet.length - 4)
  return Buffer.concat([
    block(0x0a0d0d0a, section),
    block(1, Buffer.from("0093000000000000", "hex")),
    block(4, Buffer.alloc(8)), // name resolution: nothing that we know
    block(6, packet),
  ])
}

describe("a capture", () => {
  // byte by byte after draft-ietf-opsawg-pcapng 4.3: epb_flags says inbound by 1 and outbound by 2
  it.each([
    ["out", "00000000", "02000000"],
    ["in", "01000000", "01000000"],
  ] as const)("stores a packet %s as the format's specification has it", (direction, sender, flags) => {
    const timeMs = 0x1_0000_0002 / 1000
    const packet = encodeCapturedPacket({
      timeMs,
      direction,
      bytes: Uint8Array.of(1, 2, 3),
      comments: ["hi"],
    })
    expect(Buffer.from(packet).toString("hex").match(/.{8}/g)).toEqual([
      ...["06000000", "38000000", sender], // an enhanced packet block of 56 bytes, and whose packet it is
      ...["01000000", "02000000", "03000000", "03000000", "01020300"], // microseconds, lengths, and the packet
      ...["02000400", flags, "01000200", "68690000", "00000000"], // epb_flags, opt_comment, opt_endofopt
      "38000000",
    ])
  })

  it("begins as the format's specification has it: little-endian, two interfaces of USER0", () => {
    const words = Buffer.from(encodeCaptureHeader("x")).toString("hex").match(/.{8}/g) ?? []
    expect(words.slice(0, 11)).toEqual([
      ...["0a0d0d0a", "28000000", "4d3c2b1a", "01000000", "ffffffff", "ffffffff"],
      ...["04000100", "78000000", "00000000", "28000000", "01000000"],
    ])
    expect(words.slice(12, 16)).toEqual(["93000000", "00000000", "02000200", "41370000"]) // if_name "A7"
  })

  it("is read as it was written", () => {
    expect(read(captureOf(PACKETS))).toEqual(PACKETS)
  })

  it("is read in pieces of any size", () => {
    const bytes = captureOf(PACKETS)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 })), (pieces) => {
        expect(read(bytes, pieces)).toEqual(PACKETS)
      }),
    )
  })

  it("in the other byte order and without our interfaces' names is read, too", () => {
    expect(read(bigEndianCapture(2, [9, 8, 7]))).toEqual([
      { timeMs: 0.005, direction: "out", bytes: Uint8Array.of(9, 8, 7), comments: [] },
    ])
    expect(read(bigEndianCapture(1, [9]))[0]?.direction).toBe("in")
  })

  it("that is cut off says so, after what is whole", () => {
    const bytes = captureOf(PACKETS)
    const packets: CapturedPacket[] = []
    const reader = new PcapngReader((packet) => packets.push(packet))
    reader.push(bytes.subarray(0, bytes.length - 3))
    expect(packets).toHaveLength(PACKETS.length - 1)
    expect(() => reader.end()).toThrow(/cut off/)
  })

  it.each([
    ["an empty file", "", /empty/],
    ["text", Buffer.from("hello, this is text").toString("hex"), /section header/],
    ["a pcap file", "d4c3b2a1020004000000000000000000ffff000093000000", /section header/],
    ["a block of no size", "0a0d0d0a000000004d3c2b1a", /block of 0 bytes/],
  ])("is not %s", (_what, hex, message) => {
    expect(() => read(Buffer.from(hex, "hex"))).toThrow(message)
  })

  it("never makes the reader fail but with a reason", () => {
    const bytes = captureOf(PACKETS)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }))),
        (changes) => {
          const changed = Uint8Array.from(bytes)
          for (const [at, value] of changes) changed[at] = value
          try {
            read(changed)
          } catch (error) {
            expect(error).toMatchObject({ code: "INVALID_ARGUMENT" })
          }
        },
      ),
    )
  })
})

describe("capturing a session", () => {
  it("keeps its packets, and says what is remarkable in comments", async () => {
    const { clock, trace, bus, i2c, link, events } = await openTraced()
    const pieces: Uint8Array[] = []
    const end = capture(trace, {
      application: "test",
      epochOffsetMs: 1000,
      write: (piece) => pieces.push(piece),
    })
    await clock.run(i2c.readBlock(CHIP, 14, 1))
    link.restart()
    await clock.run(i2c.readBlock(CHIP, 14, 1).catch(() => undefined))
    await clock.run(i2c.readBlock(CHIP, 14, 1))
    end()
    await clock.run(bus.ping())
    const packets = read(Buffer.concat(pieces))
    const seen = packetsIn(events).slice(2, 2 + packets.length)
    expect(packets.map(({ bytes }) => bytes)).toEqual(seen.map(({ bytes }) => bytes))
    expect(packets.map(({ timeMs }) => timeMs)).toEqual(seen.map(({ timeMs }) => timeMs + 1000))
    const comments = packets.flatMap((packet) => packet.comments)
    expect(comments).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^the M4 knows no epoch/),
        expect.stringMatching(/^link lost: The device on memory started again/),
        expect.stringMatching(/^epoch 0x[0-9a-f]+ begins$/),
        expect.stringMatching(/^link up: memory on memory/),
      ]),
    )
  })

  it("says that the link was closed, though no packet follows that could tell", async () => {
    const { clock, trace, bus, i2c, link } = await openTraced()
    const pieces: Uint8Array[] = []
    capture(trace, { application: "test", epochOffsetMs: 1000, write: (piece) => pieces.push(piece) })
    link.restart()
    await clock.run(i2c.readBlock(CHIP, 14, 1).catch(() => undefined))
    await clock.run(i2c.readBlock(CHIP, 14, 1))
    const closedMs = clock.now()
    trace.onState.emit("closed", "the cable\nwas pulled")
    const states: unknown[] = []
    const reader = new PcapngReader(
      () => {},
      (event) => states.push(event),
    )
    reader.push(Buffer.concat(pieces))
    reader.end()
    expect(states).toMatchObject([
      { kind: "state", state: "lost", text: expect.stringContaining("started again") },
      { kind: "state", state: "up", text: expect.stringMatching(/^memory on memory, epoch 0x/) },
      { kind: "state", state: "closed", text: "the cable\nwas pulled", timeMs: closedMs + 1000 },
    ])
    await clock.run(bus.close())
  })

  it("from the middle on, begins with what a late observer has to know", async () => {
    const { clock, trace, i2c, events } = await openTraced()
    const known = new TraceObserver()
    trace.onPacket.on((direction, packet) => known.observe(clock.now(), direction, Uint8Array.from(packet)))
    for (let round = 0; round < 3; round++) await clock.run(i2c.readBlock(CHIP, 14, 1))
    // `known` came too late itself for HELLO, but not for the queues
    const pieces: Uint8Array[] = []
    const options = {
      application: "test",
      epochOffsetMs: 0,
      write: (piece: Uint8Array) => pieces.push(piece),
    }
    capture(trace, { ...options, known })
    const before = events.length
    await clock.run(i2c.readBlock(CHIP, 14, 3))
    const observer = new TraceObserver()
    const late = read(Buffer.concat(pieces)).map(({ timeMs, direction, bytes }) =>
      observer.observe(timeMs, direction, bytes),
    )
    const texts = (list: typeof events) => requestsIn(list).map(({ text, phase, ok }) => [phase, text, ok])
    expect(texts(late)).toEqual(texts(events.slice(before)))
    expect(texts(late)).toHaveLength(4)
    expect(late[0]?.remarks[0]?.text).toContain("when the trace began")
    expect(remarksIn(late).filter((remark) => !remark.startsWith("note"))).toEqual([])
    // the message's fields keep the device type's words, which GET_DEVICE_INFO told before
    expect(observer.exchanges.devices.get(0)?.deviceId).toBe(34)
  })
})

describe("a hostile capture", () => {
  const section = encodeCaptureHeader("hostile")
  /** A packet's block behind which options stand, as they are. */
  function packetWith(options: Buffer): Buffer {
    const block = Buffer.alloc(32 + options.length)
    block.writeUInt32LE(6, 0)
    block.writeUInt32LE(block.length, 4)
    options.copy(block, 28)
    block.writeUInt32LE(block.length, block.length - 4)
    return block
  }

  it("with 8 MB of empty options is read in one pass, in whatever pieces it comes", () => {
    const options = Buffer.alloc(8 * 1024 * 1024)
    for (let at = 0; at < options.length; at += 4) options.writeUInt16LE(at % 8 === 0 ? 1 : 7, at)
    const whole = Buffer.concat([section, packetWith(options)])
    const packets: CapturedPacket[] = []
    const reader = new PcapngReader((packet) => packets.push(packet))
    let copied = 0
    const set = Uint8Array.prototype.set
    const spy = vi.spyOn(Uint8Array.prototype, "set").mockImplementation(function (
      this: Uint8Array,
      from,
      at,
    ) {
      copied += from.length
      set.call(this, from, at)
    })
    for (let at = 0; at < whole.length; at += 65_536) reader.push(whole.subarray(at, at + 65_536))
    spy.mockRestore()
    reader.end()
    expect(copied).toBeLessThan(4 * whole.length)
    expect(packets).toHaveLength(1)
    expect(packets[0]?.comments).toHaveLength(257)
    expect(packets[0]?.comments.at(-1)).toBe(`and ${1024 * 1024 - 256} more comments`)
  })

  it("with more interfaces than anybody has is refused", () => {
    const one = Buffer.alloc(20)
    one.writeUInt32LE(1, 0)
    one.writeUInt32LE(20, 4)
    one.writeUInt32LE(20, 16)
    const many = Buffer.concat([section, ...Array.from({ length: 5000 }, () => one)])
    expect(() => read(many)).toThrow("This is no pcapng capture: it has more than 4096 interfaces.")
  })
})

describe("a capture that another tool made", () => {
  interface Lacks {
    /** Bytes kept of each packet. */
    readonly snapLength?: number
    /** if_tsoffset, in seconds. */
    readonly offset?: bigint
  }

  /** One interface without a name, packets without flags: what editcap makes of an older pcap file. */
  function plainCapture(packets: readonly CapturedPacket[], { snapLength = 65_535, offset }: Lacks = {}) {
    const block = (type: number, body: Buffer) => {
      const frame = Buffer.alloc(8)
      frame.writeUInt32LE(type, 0)
      frame.writeUInt32LE(12 + body.length, 4)
      return Buffer.concat([frame, body, frame.subarray(4)])
    }
    const option = Buffer.from("0e0008000000000000000000", "hex")
    if (offset !== undefined) option.writeBigInt64LE(offset, 4)
    return Buffer.concat([
      block(0x0a0d0d0a, Buffer.from("4d3c2b1a01000000ffffffffffffffff", "hex")),
      block(
        1,
        Buffer.concat([Buffer.from("9300000000000000", "hex"), ...(offset === undefined ? [] : [option])]),
      ),
      ...packets.map(({ timeMs, bytes }) => {
        const kept = bytes.subarray(0, snapLength)
        const body = Buffer.alloc(20 + ((kept.length + 3) & ~3))
        const time = BigInt(Math.round(timeMs * 1000))
        body.writeUInt32LE(Number(time >> 32n), 4)
        body.writeUInt32LE(Number(time & 0xffffffffn), 8)
        body.writeUInt32LE(kept.length, 12)
        body.writeUInt32LE(bytes.length, 16)
        body.set(kept, 20)
        return block(6, body)
      }),
    ])
  }

  /** The packets of a session from its first on, and after them a device that starts again. */
  async function sessionPackets(): Promise<CapturedPacket[]> {
    const { clock, bus, i2c, link, events } = await openTraced()
    await clock.run(i2c.readBlock(CHIP, 14, 1))
    await clock.run(Promise.all([1, 2, 3].map((register) => i2c.readBlock(CHIP, register, 2))))
    await clock.run(bus.ping())
    link.restart()
    await clock.run(i2c.readBlock(CHIP, 14, 1).catch(() => undefined))
    await clock.run(i2c.readBlock(CHIP, 14, 1))
    return packetsIn(events).map(({ timeMs, direction, bytes }) => ({
      timeMs,
      direction,
      bytes,
      comments: [],
    }))
  }

  function observed(capture: Uint8Array) {
    const observer = new TraceObserver()
    return read(capture).map((packet) =>
      observer.observe(packet.timeMs, packet.direction, packet.bytes, packet),
    )
  }

  it("without directions has those that its packets tell, and accuses nobody", async () => {
    const packets = await sessionPackets()
    const events = observed(plainCapture(packets))
    expect(remarksIn(events).filter((remark) => /^(breach|warning)/.test(remark))).toEqual(
      remarksIn(observed(captureOf(packets))).filter((remark) => /^(breach|warning)/.test(remark)),
    )
    expect(remarksIn(events).filter((remark) => remark.startsWith("breach"))).toEqual([])
    for (const [at, event] of events.entries())
      if (event.hasData)
        expect({ at, direction: event.direction }).toEqual({ at, direction: packets[at]?.direction })
    // what was asked of the chips is seen as well
    expect(requestsIn(events)).toEqual(requestsIn(observed(captureOf(packets))))
  })

  it("says of a packet that tells nothing that its sender is not known", () => {
    const alone = Uint8Array.of(1, 7, 0, 9, 9, 0x80, 0x20, 2, 0xa1, 0xa2) // a span, out of the middle of an epoch
    const [event] = observed(plainCapture([{ timeMs: 0, direction: "in", bytes: alone, comments: [] }]))
    expect(event).toMatchObject({ isIgnored: true })
    expect(event?.remarks).toEqual([
      { severity: "note", text: "the capture does not say who sent this packet: it is left out" },
    ])
  })

  it("says of a packet which the capture cut that it lacks bytes, not that it is malformed", async () => {
    const packets = await sessionPackets()
    const events = observed(plainCapture(packets, { snapLength: 20 }))
    expect(remarksIn(events).filter((remark) => /malformed|too short|breach/.test(remark))).toEqual([])
    const long = packets.findIndex(({ bytes }) => bytes.length > 20)
    expect(events[long]?.remarks).toContainEqual({
      severity: "note",
      text: `the capture lacks its last ${(packets[long]?.bytes.length ?? 0) - 20} bytes`,
    })
  })

  it("counts its times from if_tsoffset on", () => {
    const packet: CapturedPacket = {
      timeMs: 250,
      direction: "in",
      bytes: Uint8Array.of(8, 1, 0, 0, 0),
      comments: [],
    }
    expect(read(plainCapture([packet], { offset: 1_764_081_234n }))).toEqual([
      { ...packet, timeMs: 1_764_081_234_250 },
    ])
    expect(read(plainCapture([packet], { offset: -1n }))[0]?.timeMs).toBe(-750)
  })
})
