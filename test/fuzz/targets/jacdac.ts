// A byte stream to the framing: frames that are sound, cut, glued and flipped, with noise between them, in chunks of any
// size. Whatever comes before it, a sound frame behind noise must be found.

import fc from "fast-check"
import { BoardStream } from "../../../host/src/link/board-stream.js"
import { decodeFrame, encodeReport } from "../../../host/src/link/jacdac-frame.js"
import { encodeSerialFrame, SerialDecoder } from "../../../host/src/link/jacdac-serial.js"
import { type FuzzTarget, plain } from "../target.js"

const MARK = 0xfe
const noise = fc.uint8Array({ maxLength: 40, size: "max" })
/** Marks and what follows them are what the framing is about. */
const marks = fc.array(fc.constantFrom(MARK, MARK, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0x0a, 0), {
  maxLength: 12,
})
const frame = fc
  .tuple(
    fc.uint8Array({ maxLength: 236, size: "max" }),
    fc.integer({ min: 0, max: 63 }),
    fc.integer({ min: 0, max: 0xffff }),
  )
  .map(([payload, index, command]) =>
    encodeSerialFrame(encodeReport("0123456789abcdef", index, command, payload)),
  )
const damaged = fc
  .tuple(frame, fc.nat(600), fc.nat(255), fc.boolean())
  .map(([bytes, at, value, isCut]) =>
    isCut ? bytes.slice(0, at) : bytes.map((b, i) => (i === at ? value : b)),
  )
/** A frame whose checksum is right and whose packets are not. */
const absurd = fc.uint8Array({ maxLength: 260, size: "max" }).map((bytes) => encodeSerialFrame(bytes))

export interface StreamCase {
  readonly stream: Uint8Array
  readonly chunkBytes: number
}

const LAST = encodeReport("fedcba9876543210", 1, 0x80, Uint8Array.of(1, 2, 3))

export const jacdac: FuzzTarget<StreamCase> = {
  name: "jacdac",
  about: "a byte stream of sound, damaged and absurd frames and noise to both ends of the serial framing",
  cases: fc.record({
    stream: fc
      .array(
        fc.oneof(
          noise,
          marks.map((bytes) => Uint8Array.from(bytes)),
          frame,
          damaged,
          absurd,
        ),
        { maxLength: 8 },
      )
      .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part]))),
    chunkBytes: fc.integer({ min: 1, max: 64 }),
  }),
  run({ stream, chunkBytes }) {
    let found = 0
    const decoder = new SerialDecoder({
      onFrame: (bytes) => {
        for (const packet of decodeFrame(bytes)) {
          if (packet.payload.length > 236) throw new Error(`a payload of ${packet.payload.length} bytes`)
          if (packet.deviceId === "fedcba9876543210") found++
        }
      },
      onLog: (line) => {
        if (line.length > 400) throw new Error(`a log line of ${line.length} characters`)
      },
      onGap() {},
    })
    const board = new BoardStream({ sendFrame() {}, write() {} })
    for (let at = 0; at < stream.length; at += chunkBytes) {
      decoder.push(stream.subarray(at, at + chunkBytes))
      board.receive(stream.subarray(at, at + chunkBytes))
    }
    const before = found
    // a single mark at the end of noise makes the next byte a control: one frame may be lost, not two
    decoder.push(encodeSerialFrame(LAST))
    decoder.push(encodeSerialFrame(LAST))
    if (found === before) throw new Error("sound frames behind noise are not found")
  },
  ...plain,
}
