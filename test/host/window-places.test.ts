import { describe, expect, it } from "vitest"
import { RangeAllocator } from "../../host/src/bus/range-allocator.js"
import { takePlaces } from "../../host/src/bus/window-places.js"

describe("places in the window", () => {
  it("are all taken or none, and given back together", () => {
    const space = new RangeAllocator(16, 100)
    const other = new RangeAllocator(16, 10)
    expect(
      takePlaces([
        { space, lengthBytes: 50 },
        { space: other, lengthBytes: 11 },
      ]),
    ).toBeUndefined()
    expect(space.longestFree).toBe(100)
    const places = takePlaces([
      { space, lengthBytes: 50 },
      { space: other, lengthBytes: 0 },
      { space, lengthBytes: 50 },
    ])
    expect(places?.offsets).toEqual([16, 0, 66])
    expect([space.longestFree, other.longestFree]).toEqual([0, 10])
    places?.release()
    expect([space.longestFree, other.longestFree]).toEqual([100, 10])
  })

  it("lie at the wished alignment where there is room, else at the needed one", () => {
    const place = (bytes: number) => {
      const space = new RangeAllocator(16, bytes)
      return takePlaces([{ space, lengthBytes: 32, alignment: 16, wishedAlignment: 64 }])?.offsets
    }
    expect(place(100)).toEqual([64])
    expect(place(40)).toEqual([16])
    expect(place(31)).toBeUndefined()
  })
})
