// Random values of the wire, for property tests.

import fc from "fast-check"
import { allocateBytes, type HostBytes } from "../../../host/src/bytes.js"

export const u8 = fc.integer({ min: 0, max: 0xff })
export const u16 = fc.integer({ min: 0, max: 0xffff })
/** Half of them near the ends, where sign bits and overflows hide. */
export const u32 = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff),
)
export const address64 = fc.record({ low: u32, high: u32 })

/** `length` given bytes as bytes that shared-protocol code may own. */
export function bytesOf(values: ArrayLike<number>): HostBytes {
  const bytes = allocateBytes(values.length)
  bytes.set(values)
  return bytes
}

/** Up to `maxLength` random bytes. */
export function randomBytes(maxLength: number, minLength = 0): fc.Arbitrary<HostBytes> {
  return fc.uint8Array({ minLength, maxLength, size: "max" }).map(bytesOf)
}

/**
 * Frames that look like messages: a header that is mostly right, and payload that is anything, so that decoders get
 * past their first checks.
 */
export function plausibleFrame(type: number, msgId: number): fc.Arbitrary<HostBytes> {
  const payload = fc.oneof(randomBytes(90), fc.array(fc.constantFrom(0, 1, 2, 4, 0xff), { maxLength: 90 }))
  return fc
    .tuple(payload, fc.integer({ min: -4, max: 4 }), u8, fc.boolean())
    .map(([rest, off, noise, isOff]) => {
      const frame = bytesOf([type | (noise & 0xfc), msgId, 3, 0, noise, 0, 0, 0, ...rest])
      frame[6] = Math.max(0, frame.length + (isOff ? off : 0))
      return frame
    })
}
