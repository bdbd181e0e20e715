// Jacdac frames and their framing on a byte stream: round trips, damage, noise, and finding the service.

import { describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import type { VirtioMsgError } from "../../host/src/errors.js"
import { BoardStream } from "../../host/src/link/board-stream.js"
import {
  crc16,
  decodeFrame,
  encodeCommand,
  encodeReport,
  MAX_FRAME_SIZE,
} from "../../host/src/link/jacdac-frame.js"
import { type FramePort, JacdacLink, PACKET_COMMAND, SERVICE_CLASS } from "../../host/src/link/jacdac-link.js"
import { encodeEnablePackets, encodeSerialFrame, SerialDecoder } from "../../host/src/link/jacdac-serial.js"
import type { LinkEvents } from "../../host/src/link/link.js"
import { type ByteStream, type ByteStreamEvents, StreamPort } from "../../host/src/link/stream-port.js"
import { putU32 } from "../../shared-protocol/src/bytes.js"
import { fc } from "../support/seeded-fast-check.js"

const BOARD_ID = "0102030405060708"
const bytes = (maxLength: number) => fc.uint8Array({ maxLength })

/** All that a decoder makes of chunks. */
function decode(...chunks: readonly ArrayLike<number>[]) {
  const found = { frames: [] as Uint8Array[], lines: [] as string[], gaps: 0 }
  const decoder = new SerialDecoder({
    onFrame: (frame) => found.frames.push(frame),
    onLog: (line) => found.lines.push(line),
    onGap: () => found.gaps++,
  })
  for (const chunk of chunks) decoder.push(Uint8Array.from(chunk))
  return found
}

describe("frames", () => {
  it("have CRC-16/CCITT-FALSE, whose check value is 0x29b1", () => {
    expect(crc16(Uint8Array.from("123456789", (c) => c.charCodeAt(0)))).toBe(0x29b1)
  })

  it("are laid out as Jacdac says", () => {
    const frame = encodeCommand(BOARD_ID, 3, 0x80, Uint8Array.of(0xaa, 0xbb))
    expect([...frame.subarray(2)]).toEqual([8, 1, 1, 2, 3, 4, 5, 6, 7, 8, 2, 3, 0x80, 0, 0xaa, 0xbb, 0, 0])
    expect((frame[0] as number) | ((frame[1] as number) << 8)).toBe(crc16(frame, 2))
  })

  it("come back as they went, commands and reports", () => {
    fc.assert(
      fc.property(bytes(236), fc.nat(63), fc.nat(0xffff), (payload, serviceIndex, command) => {
        const packet = { deviceId: BOARD_ID, serviceIndex, command, payload }
        expect(decodeFrame(encodeCommand(BOARD_ID, serviceIndex, command, payload))).toEqual([
          { ...packet, isCommand: true },
        ])
        expect(decodeFrame(encodeReport(BOARD_ID, serviceIndex, command, payload))).toEqual([
          { ...packet, isCommand: false },
        ])
      }),
    )
  })

  it("hold 236 bytes at most", () => {
    expect(encodeCommand(BOARD_ID, 1, 1, new Uint8Array(236))).toHaveLength(MAX_FRAME_SIZE)
    expect(() => encodeCommand(BOARD_ID, 1, 1, new Uint8Array(237))).toThrow(/236 bytes, not 237/)
  })

  it("with one bit turned are no frames", () => {
    const frame = encodeReport(
      BOARD_ID,
      1,
      0x80,
      Uint8Array.from({ length: 40 }, (_, at) => at),
    )
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const damaged = Uint8Array.from(frame)
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(decodeFrame(damaged)).toEqual([])
    }
  })

  it("of any bytes never throw", () => {
    fc.assert(fc.property(bytes(300), (noise) => Array.isArray(decodeFrame(noise))))
  })

  it("may carry several packets", () => {
    const first = encodeReport(BOARD_ID, 1, 0x80, Uint8Array.of(1, 2, 3))
    const second = encodeReport(BOARD_ID, 2, 0x81, Uint8Array.of(4))
    const both = new Uint8Array(12 + 8 + 8)
    both.set(first.subarray(0, 12 + 8))
    both.set(second.subarray(12), 20)
    both[2] = 16
    const crc = crc16(both, 2)
    both[0] = crc & 0xff
    both[1] = crc >> 8
    expect(decodeFrame(both).map((packet) => [packet.serviceIndex, [...packet.payload]])).toEqual([
      [1, [1, 2, 3]],
      [2, [4]],
    ])
  })
})

describe("the framing of a byte stream", () => {
  it("returns every frame, whatever is in it and however the stream is cut", () => {
    const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: MAX_FRAME_SIZE }), { maxLength: 5 })
    const marks = fc.array(fc.constantFrom(0xfe, 0xfc, 0xfd, 0xf8, 10), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(frames, marks, fc.array(fc.nat(2000)), (sent, hard, cuts) => {
        const all = [...sent, Uint8Array.from(hard)]
        const stream = all.flatMap((frame) => [...encodeSerialFrame(frame)])
        const places = [0, ...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length]
        const chunks = places.slice(1).map((end, at) => stream.slice(places[at], end))
        expect(decode(...chunks).frames).toEqual(all)
      }),
    )
  })

  it("is in step again after any noise, at the next frame", () => {
    fc.assert(
      fc.property(bytes(400), bytes(60), (noise, frame) => {
        const { frames } = decode(noise, encodeSerialFrame(frame))
        expect(frames.at(-1)).toEqual(frame)
      }),
    )
  })

  it("drops a frame that is too long, and takes the next", () => {
    const next = Uint8Array.of(1, 2, 3)
    expect(decode(encodeSerialFrame(new Uint8Array(253)), encodeSerialFrame(next)).frames).toEqual([next])
  })

  it("tells log text from frames, without what is no text, and cuts endless lines", () => {
    const text = (line: string) => Array.from(line, (c) => c.charCodeAt(0))
    const found = decode(
      text("hello\r\nwo"),
      encodeSerialFrame(Uint8Array.of(7)),
      text("rld\n\x1b[2J"),
      text(`${"x".repeat(5000)}\n`),
    )
    expect(found.lines.slice(0, 2)).toEqual(["hello", "world"])
    expect(found.lines[2]).toHaveLength(400)
    expect(found.frames).toEqual([Uint8Array.of(7)])
  })

  it("counts the board's own losses", () => {
    expect(decode([0xfe, 0xfb, 0xfe, 0xfa, 0xfe, 0xf9, 0xfe, 0xfb])).toMatchObject({ gaps: 2, frames: [] })
  })
})

describe("the board's end of a stream", () => {
  it("forwards frames only after they were asked for, and log text always", () => {
    const written: number[] = []
    const sent: Uint8Array[] = []
    const board = new BoardStream({
      sendFrame: (frame) => sent.push(frame),
      write: (chunk) => written.push(...chunk),
    })
    const frame = encodeReport(BOARD_ID, 1, 0x80, Uint8Array.of(1))
    board.frame(frame)
    board.log("ready\x07")
    expect(String.fromCharCode(...written)).toBe("ready?\r\n")
    board.receive(encodeEnablePackets())
    board.frame(frame)
    expect(decode(written).frames).toEqual([frame])
    const command = encodeCommand(BOARD_ID, 1, 0x80, Uint8Array.of(2))
    board.receive(encodeSerialFrame(command))
    const damaged = Uint8Array.from(command)
    damaged[14] = 0xff
    board.receive(encodeSerialFrame(damaged))
    expect(sent).toEqual([command])
  })
})

/** A stream that a test holds the other end of. */
class TestStream implements ByteStream {
  readonly name = "test"
  readonly isSimulated = true
  readonly paceMs: number
  readonly written: Uint8Array[] = []
  events: ByteStreamEvents | undefined
  constructor(paceMs: number) {
    this.paceMs = paceMs
  }
  async open(events: ByteStreamEvents): Promise<void> {
    this.events = events
  }
  write(chunk: Uint8Array): void {
    this.written.push(chunk)
  }
  async close(): Promise<void> {
    this.events = undefined
  }
}

describe("a port over a stream", () => {
  it("asks for frames first, and leaves time behind full frames where the stream needs it", async () => {
    const clock = new VirtualClock()
    const stream = new TestStream(2)
    const port = new StreamPort(stream, clock)
    const full = new Uint8Array(200).fill(1)
    const short = new Uint8Array(40).fill(2)
    port.send(short) // not open: dropped
    await port.open({ onPacket() {}, onClose() {}, onLog() {} })
    for (const frame of [full, short, full, full]) port.send(frame)
    expect(stream.written).toEqual([encodeEnablePackets(), encodeSerialFrame(full)])
    await clock.advance(2)
    expect(stream.written).toHaveLength(4)
    await clock.advance(2)
    expect(stream.written).toHaveLength(5)
    port.send(short)
    await port.close()
    await clock.advance(10)
    expect(stream.written).toHaveLength(5)
    expect(clock.pendingCount).toBe(0)
  })

  it("does not write to a stream that ended", async () => {
    const stream = new TestStream(0)
    const port = new StreamPort(stream, new VirtualClock())
    const closed: unknown[] = []
    await port.open({ onPacket() {}, onLog() {}, onClose: (reason) => closed.push(reason) })
    const reason = new Error("unplugged")
    stream.events?.onClose(reason)
    port.send(Uint8Array.of(1))
    expect(stream.written).toHaveLength(1)
    expect(closed).toEqual([reason])
    stream.events?.onData(Uint8Array.of(0xfe, 0xfb))
    expect(port.gapCount).toBe(1)
  })
})

/** Frames that a test plays the board for. */
class TestPort implements FramePort {
  readonly name = "test"
  readonly isSimulated = true
  readonly sent: Uint8Array[] = []
  events: LinkEvents | undefined
  isClosed = false
  async open(events: LinkEvents): Promise<void> {
    this.events = events
  }
  send(frame: Uint8Array): void {
    this.sent.push(frame)
  }
  async close(): Promise<void> {
    this.isClosed = true
  }
}

describe("finding the service", () => {
  function start() {
    const clock = new VirtualClock()
    const port = new TestPort()
    const link = new JacdacLink(port, clock)
    const packets: number[][] = []
    const reasons: unknown[] = []
    const opened = link.open({
      onPacket: (packet) => packets.push([...packet]),
      onClose: (reason) => reasons.push(reason),
    })
    const failure = opened.then(
      () => undefined,
      (error: VirtioMsgError) => error,
    )
    return { clock, port, link, packets, reasons, opened, failure }
  }
  const announcement = (serviceClass: number, count: number) => {
    const payload = new Uint8Array(4 * count)
    putU32(payload, 4 * (count - 1), serviceClass)
    return encodeReport(BOARD_ID, 0, 0, payload)
  }

  it("takes an announcement of our class, at its index, and talks to nobody else", async () => {
    const { port, link, packets, opened } = start()
    await Promise.resolve()
    expect(decodeFrame(port.sent[0] as Uint8Array)[0]).toMatchObject({ isCommand: true, command: 0 })
    port.events?.onPacket(announcement(SERVICE_CLASS, 3))
    await opened
    link.send(Uint8Array.of(9, 8, 7, 6, 5))
    expect(decodeFrame(port.sent.at(-1) as Uint8Array)).toEqual([
      {
        deviceId: BOARD_ID,
        isCommand: true,
        serviceIndex: 2,
        command: PACKET_COMMAND,
        payload: Uint8Array.of(9, 8, 7, 6, 5),
      },
    ])
    port.events?.onPacket(encodeReport(BOARD_ID, 2, PACKET_COMMAND, Uint8Array.of(1)))
    port.events?.onPacket(encodeReport(BOARD_ID, 1, PACKET_COMMAND, Uint8Array.of(2))) // another service
    port.events?.onPacket(encodeReport("ff02030405060708", 2, PACKET_COMMAND, Uint8Array.of(3))) // another board
    port.events?.onPacket(encodeReport(BOARD_ID, 2, 0x81, Uint8Array.of(4))) // another report
    port.events?.onPacket(encodeCommand(BOARD_ID, 2, PACKET_COMMAND, Uint8Array.of(5))) // a command
    port.events?.onPacket(Uint8Array.of(1, 2, 3))
    expect(packets).toEqual([[1]])
    expect(link.damagedCount).toBe(1)
  })

  it("probes a board whose program has not announced itself, and takes its answer", async () => {
    const { port, opened } = start()
    await Promise.resolve()
    port.events?.onPacket(announcement(0x12345678, 2))
    const [probe] = decodeFrame(port.sent.at(-1) as Uint8Array)
    // the id of the program's own services: the board's, exclusive-or a constant
    expect(probe).toMatchObject({ deviceId: "f9511871a24f25d3", serviceIndex: 1, command: PACKET_COMMAND })
    port.events?.onPacket(encodeReport("f9511871a24f25d3", 1, PACKET_COMMAND, Uint8Array.of(8, 1, 0, 0, 0)))
    port.events?.onPacket(encodeReport("f9511871a24f25d3", 1, PACKET_COMMAND, Uint8Array.of(8, 0xff, 0xff)))
    port.events?.onPacket(
      encodeReport("f9511871a24f25d3", 1, PACKET_COMMAND, Uint8Array.of(8, 0xff, 0xff, 0, 0)),
    )
    await opened
  })

  it("says NOT_FOUND after 4 s, closes the port, and leaves nothing behind", async () => {
    const { clock, port, failure } = start()
    await clock.advance(3999)
    expect(port.isClosed).toBe(false)
    await clock.advance(1)
    expect(await failure).toMatchObject({
      code: "NOT_FOUND",
      message: "No virtio-msg firmware answered on test within 4 s.",
    })
    expect(port.isClosed).toBe(true)
    expect(clock.pendingCount).toBe(0)
  })

  it("says CONNECT_FAILED when the port closes meanwhile, and tells of a close later", async () => {
    const first = start()
    await Promise.resolve()
    first.port.events?.onClose(undefined)
    expect(await first.failure).toMatchObject({
      code: "CONNECT_FAILED",
      message: "test closed while it was being opened.",
    })
    expect(first.reasons).toEqual([])
    expect(first.clock.pendingCount).toBe(0)
    const second = start()
    await Promise.resolve()
    second.port.events?.onPacket(announcement(SERVICE_CLASS, 2))
    await second.opened
    second.port.events?.onClose(undefined)
    expect(second.reasons).toEqual([undefined])
    second.link.send(Uint8Array.of(1, 2, 3, 4, 5))
    expect(second.port.sent).toHaveLength(1)
  })
})
