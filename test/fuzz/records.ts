// Random records of a mailbox packet.

import fc from "fast-check"
import { u8, u16 } from "../shared-protocol/support/arbitraries.js"

const someBytes = fc.uint8Array({ maxLength: 70, size: "max" })
/** Spans, near spans and messages that are sound, or lie about their length or place; and bytes that are no record. */
export const record = fc.oneof(
  fc
    .tuple(u16, someBytes, u8)
    .map(([at, bytes, lie]) => [0x80 | ((at >> 8) & 0x7f), at & 0xff, lied(bytes, lie), ...bytes]),
  fc
    .tuple(u8, someBytes, u8)
    .map(([gap, bytes, lie]) => [0x40 | ((lied(bytes, lie) - 1) & 0x3f), gap, ...bytes]),
  fc.tuple(someBytes, u8).map(([bytes, lie]) => [0, lied(bytes, lie), ...bytes]),
  someBytes.map((bytes) => [...bytes]),
)

/** Mostly the length of `bytes`, now and then another. */
function lied(bytes: Uint8Array, lie: number): number {
  return lie > 230 ? lie : bytes.length
}
