// Feature blocks and their limits.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import {
  decodeGetDeviceFeaturesResponse,
  encodeSetDriverFeaturesRequest,
  maxFeatureBlocks,
} from "../../../shared-protocol/src/messages/features.js"
import { fc } from "../../support/seeded-fast-check.js"
import { u32 } from "../support/arbitraries.js"

describe("feature blocks", () => {
  it("are at most 9 in a message of 52 bytes, and 62 in one of 264", () => {
    expect(maxFeatureBlocks(52)).toBe(9)
    expect(maxFeatureBlocks(55)).toBe(9)
    expect(maxFeatureBlocks(56)).toBe(10)
    expect(maxFeatureBlocks(264)).toBe(62)
  })

  it("fill the largest message exactly", () => {
    for (const maxMessageSize of [52, 100, 228, 264]) {
      const numBlocks = maxFeatureBlocks(maxMessageSize)
      const features = new Array<number>(numBlocks).fill(1)
      const frame = allocateBytes(maxMessageSize)
      expect(
        encodeSetDriverFeaturesRequest(frame, 0, { blockIndex: 0, numBlocks, features }),
      ).toBeLessThanOrEqual(maxMessageSize)
      expect(() =>
        encodeSetDriverFeaturesRequest(frame, 0, { blockIndex: 0, numBlocks: numBlocks + 1, features }),
      ).toThrow("bytes into")
    }
  })

  it("D38 are refused when a response claims more than it holds, however many", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 12 }), u32, (held, claimed) => {
        const frame = allocateBytes(16 + 4 * held)
        frame.set([1, 3, 0, 0, 0, 0, frame.length, 0, 0, 0, 0, 0])
        new DataView(frame.buffer).setUint32(12, claimed, true)
        const result = decodeGetDeviceFeaturesResponse(frame)
        expect(result.ok).toBe(claimed <= held)
        if (result.ok) expect(result.value.features).toHaveLength(claimed)
      }),
      { numRuns: 100 },
    )
  })
})
