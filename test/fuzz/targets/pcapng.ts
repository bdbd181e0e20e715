// Captures that are sound, damaged and absurd to their reader and to what follows a trace: whatever is in them, there is
// a sentence or an answer, and it does not grow beyond what was read.

import fc from "fast-check"
import { VirtioMsgError } from "../../../host/src/errors.js"
import { PcapngReader } from "../../../host/src/trace/pcapng-reader.js"
import {
  encodeCapturedPacket,
  encodeCaptureHeader,
  encodeLinkState,
} from "../../../host/src/trace/pcapng-writer.js"
import { TraceObserver } from "../../../host/src/trace/trace-observer.js"
import { type FuzzTarget, plain } from "../target.js"

const MOST_COMMENTS = 257

const packet = fc
  .record({
    timeMs: fc.double({ min: 0, max: 2e12, noNaN: true }),
    direction: fc.constantFrom("in" as const, "out" as const),
    bytes: fc.uint8Array({ maxLength: 236, size: "max" }),
    comments: fc.array(fc.string({ maxLength: 20 }), { maxLength: 3 }),
  })
  .map((captured) => encodeCapturedPacket(captured))
const state = fc
  .record({
    timeMs: fc.nat(1e9),
    state: fc.constantFrom("up", "lost", "closed"),
    text: fc.string({ maxLength: 40 }),
  })
  .map((link) => encodeLinkState(link as Parameters<typeof encodeLinkState>[0]))
/** A block of any kind whose length is right. */
const block = fc
  .tuple(
    fc.oneof(fc.constantFrom(1, 2, 3, 4, 5, 6, 0x0a0d0d0a), fc.nat(0xffff_ffff)),
    fc.uint8Array({ maxLength: 80, size: "max" }),
  )
  .map(([type, body]) => {
    const length = 12 + ((body.length + 3) & ~3)
    const bytes = Buffer.alloc(length)
    bytes.writeUInt32LE(type, 0)
    bytes.writeUInt32LE(length, 4)
    bytes.set(body, 8)
    bytes.writeUInt32LE(length, length - 4)
    return bytes
  })
/** Very many options, of which none says anything. */
const options = fc.nat(5000).map((count) => {
  const bytes = Buffer.alloc(32 + 4 * count)
  bytes.writeUInt32LE(6, 0)
  bytes.writeUInt32LE(bytes.length, 4)
  for (let at = 0; at < count; at++) bytes.writeUInt16LE(1 + (at & 1), 28 + 4 * at)
  bytes.writeUInt32LE(bytes.length, bytes.length - 4)
  return bytes
})

const whole = fc
  .array(fc.oneof({ weight: 4, arbitrary: packet }, state, block, options), { maxLength: 8 })
  .map((blocks) => Buffer.concat([encodeCaptureHeader("fuzz"), ...blocks]))
const damaged = fc
  .tuple(whole, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(), fc.boolean())
  .map(([bytes, changes, end, isCut]) => {
    const copy = Buffer.from(bytes)
    for (const [at, value] of changes) copy[at % copy.length] = value
    return isCut ? copy.subarray(0, end % copy.length) : copy
  })

/** The bytes of captures. */
export const captures: fc.Arbitrary<Uint8Array> = fc
  .oneof(whole, damaged, damaged, fc.uint8Array({ maxLength: 200, size: "max" }))
  .map((bytes) => Uint8Array.from(bytes))

export interface CaptureCase {
  readonly capture: Uint8Array
  readonly chunkBytes: number
}

export const pcapng: FuzzTarget<CaptureCase> = {
  name: "pcapng",
  about: "sound, damaged and absurd captures to their reader and to what follows a trace",
  cases: fc.record({ capture: captures, chunkBytes: fc.integer({ min: 1, max: 5000 }) }),
  run({ capture, chunkBytes }) {
    const observer = new TraceObserver()
    let bytesOfPackets = 0
    const reader = new PcapngReader(({ timeMs, direction, bytes, comments }) => {
      bytesOfPackets += bytes.length
      if (comments.length > MOST_COMMENTS) throw new Error(`a packet has ${comments.length} comments`)
      observer.observe(timeMs, direction, bytes)
    })
    try {
      for (let at = 0; at < capture.length; at += chunkBytes)
        reader.push(capture.subarray(at, at + chunkBytes))
      reader.end()
    } catch (error) {
      if (!(error instanceof VirtioMsgError) || error.code !== "INVALID_ARGUMENT") throw error
    }
    if (bytesOfPackets > capture.length)
      throw new Error(`${capture.length} bytes made ${bytesOfPackets} of packets`)
  },
  ...plain,
}
