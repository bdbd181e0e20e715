// Every decoder, on bytes that nobody checked.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import type * as protocol from "../../../shared-protocol/src/index.js"
import { fc } from "../../support/seeded-fast-check.js"
import { plausibleFrame, randomBytes } from "../support/arbitraries.js"
import { DECODERS, type Decoder } from "../support/decoders.js"

/** Neither throws nor says nothing. */
function expectAnAnswer(decode: Decoder["decode"], frame: protocol.ByteBuf): void {
  const result = decode(frame)
  if (!result.ok) expect(result.reason).toMatch(/\w/)
  else expect(result.value).toBeDefined()
}

describe.each(DECODERS)("the decoder of $name", ({ type, msgId, decode }) => {
  it("accepts or refuses random bytes, and never throws", () => {
    fc.assert(
      fc.property(randomBytes(80), (frame) => expectAnAnswer(decode, frame)),
      { numRuns: 60 },
    )
  })

  it("accepts or refuses what looks like its message, and never throws", () => {
    fc.assert(
      fc.property(plausibleFrame(type, msgId), (frame) => expectAnAnswer(decode, frame)),
      { numRuns: 150 },
    )
  })

  it("refuses every prefix of a message that it accepts without its last bytes", () => {
    const longest = allocateBytes(68)
    longest.set([type, msgId, 0, 0, 0, 0, 68])
    expect(decode(longest).ok).toBe(true)
    for (let length = 0; length < longest.length; length++)
      expect(decode(longest.subarray(0, length)).ok).toBe(false)
  })

  it("refuses the message under another type or another msg_id", () => {
    for (const [wrongType, wrongId] of [
      [type ^ 1, msgId],
      [type ^ 2, msgId],
      [type, msgId ^ 0x20],
    ]) {
      const frame = allocateBytes(68)
      frame.set([Number(wrongType), Number(wrongId), 0, 0, 0, 0, 68])
      expect(decode(frame).ok).toBe(false)
    }
  })

  it("V22 D14 ignores the reserved bits of type", () => {
    const frame = allocateBytes(68)
    frame.set([type | 0xfc, msgId, 0, 0, 0, 0, 68])
    expect(decode(frame).ok).toBe(true)
  })

  it("V25 ignores padding behind the message", () => {
    const frame = allocateBytes(100)
    frame.set([type, msgId, 0, 0, 0, 0, 68])
    expect(decode(frame).ok).toBe(true)
  })
})
