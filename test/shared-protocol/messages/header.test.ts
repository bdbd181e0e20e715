// The common header, and the numbers under everything.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import { copyBytes, getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import {
  decodeHeader,
  getToken,
  MIN_MAX_MESSAGE_SIZE,
  putHeader,
  putToken,
} from "../../../shared-protocol/src/messages/header.js"
import { fc } from "../../support/seeded-fast-check.js"
import { u8, u16, u32 } from "../support/arbitraries.js"

describe("the common header", () => {
  it("V21 D13 is little-endian", () => {
    const frame = allocateBytes(0x0203)
    putHeader(frame, 3, 0x80, 0x1234, 0x0203)
    putToken(frame, 0xabcd)
    expect(Array.from(frame.subarray(0, 8))).toEqual([3, 0x80, 0x34, 0x12, 0xcd, 0xab, 0x03, 0x02])
  })

  it("is read back as written, but for the reserved bits of type", () => {
    fc.assert(
      fc.property(
        u8,
        u8,
        u16,
        u16,
        fc.integer({ min: 8, max: 300 }),
        (type, msgId, devNum, token, msgSize) => {
          const frame = allocateBytes(300)
          putHeader(frame, type, msgId, devNum, msgSize)
          putToken(frame, token)
          expect(decodeHeader(frame)).toEqual({
            ok: true,
            value: { type: type & 3, msgId, devNum, token, msgSize },
          })
          expect(getToken(frame)).toBe(token)
        },
      ),
      { numRuns: 50 },
    )
  })

  it("V26 D18 is written with token 0, over whatever stood there", () => {
    const frame = allocateBytes(8)
    frame.fill(0xff)
    putHeader(frame, 0, 7, 0, 8)
    expect(getToken(frame)).toBe(0)
  })

  it("throws when the message does not fit its frame, which is the caller's mistake", () => {
    expect(() => putHeader(allocateBytes(11), 0, 8, 0, 12)).toThrow("a message of 12 bytes into 11 bytes")
  })

  it("B11 belongs to messages of which every bus carries 52 bytes", () => {
    expect(MIN_MAX_MESSAGE_SIZE).toBe(52)
  })
})

describe("numbers in bytes", () => {
  it("of 16 and 32 bits are read back as written and touch nothing else", () => {
    fc.assert(
      fc.property(u16, u32, fc.integer({ min: 1, max: 5 }), (short, long, offset) => {
        const bytes = allocateBytes(12)
        putU16(bytes, offset, short)
        expect(getU16(bytes, offset)).toBe(short)
        putU32(bytes, offset, long)
        expect(getU32(bytes, offset)).toBe(long)
        const others = Array.from(bytes).filter((_, i) => i < offset || i >= offset + 4)
        expect(others).toEqual(new Array(8).fill(0))
      }),
      { numRuns: 50 },
    )
  })

  it("are copied byte by byte", () => {
    const target = allocateBytes(4)
    copyBytes(target, 1, [7, 8, 9], 1, 2)
    expect(Array.from(target)).toEqual([0, 8, 9, 0])
  })
})
