// The bitmap of GET_DEVICES.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import {
  decodeGetDevicesResponse,
  encodeGetDevicesResponse,
  GET_DEVICES_BASE_SIZE,
} from "../../../shared-protocol/src/messages/bus.js"
import { fc } from "../../support/seeded-fast-check.js"

const bitmap = fc
  .record({
    offset: fc.integer({ min: 0, max: 60_000 }),
    nextOffset: fc.integer({ min: 0, max: 65_535 }),
    count: fc.integer({ min: 0, max: 1700 }),
    picks: fc.array(fc.nat(), { maxLength: 30 }),
  })
  .map(({ offset, nextOffset, count, picks }) => {
    const slots = count === 0 ? [] : picks.map((pick) => offset + (pick % count))
    return { offset, nextOffset, count, deviceNumbers: [...new Set(slots)].sort((a, b) => a - b) }
  })

describe("a GET_DEVICES response", () => {
  it("B43 has a bit for each slot, LSB first, and is read back as written", () => {
    fc.assert(
      fc.property(bitmap, (value) => {
        const frame = allocateBytes(GET_DEVICES_BASE_SIZE + Math.ceil(value.count / 8))
        frame.fill(0xff)
        expect(encodeGetDevicesResponse(frame, value)).toBe(frame.length)
        for (const devNum of value.deviceNumbers) {
          const slot = devNum - value.offset
          expect(Number(frame[GET_DEVICES_BASE_SIZE + Math.floor(slot / 8)]) & (1 << (slot % 8))).not.toBe(0)
        }
        expect(decodeGetDevicesResponse(frame)).toEqual({ ok: true, value })
      }),
      { numRuns: 100 },
    )
  })

  it("B46 keeps the unused bits of the last byte zero", () => {
    const frame = allocateBytes(15)
    frame.fill(0xff)
    encodeGetDevicesResponse(frame, { offset: 0, nextOffset: 0, count: 3, deviceNumbers: [0, 1, 2] })
    expect(frame[14]).toBe(0b111)
  })

  it("ignores bits behind its count", () => {
    const frame = allocateBytes(15)
    encodeGetDevicesResponse(frame, { offset: 8, nextOffset: 0, count: 3, deviceNumbers: [9] })
    frame[14] = 0xfa
    expect(decodeGetDevicesResponse(frame)).toMatchObject({ ok: true, value: { deviceNumbers: [9] } })
  })

  it("B44 of a count of 0 has an empty bitmap", () => {
    const frame = allocateBytes(14)
    expect(encodeGetDevicesResponse(frame, { offset: 7, nextOffset: 0, count: 0, deviceNumbers: [] })).toBe(
      14,
    )
    expect(decodeGetDevicesResponse(frame)).toMatchObject({
      ok: true,
      value: { count: 0, deviceNumbers: [] },
    })
  })
})
