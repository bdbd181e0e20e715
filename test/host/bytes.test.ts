// Copies of bytes in Node: few are copied one by one, many by the native copy, and nobody can tell the difference.

import { describe, expect, it } from "vitest"
import { allocateBytes, copyOf } from "../../host/src/bytes.js"

const SOURCE = allocateBytes(1024)
for (let at = 0; at < SOURCE.length; at++) SOURCE[at] = (at * 7) & 0xff

describe.each([0, 1, 52, 255, 256, 257, 1000])("%i bytes", (length) => {
  it("are copied from one place to another, and none beside them", () => {
    const target = allocateBytes(1024)
    target.blitAt(3, SOURCE, 20, length)
    const expected = new Uint8Array(1024)
    for (let at = 0; at < length; at++) expected[3 + at] = SOURCE[20 + at] as number
    expect(Uint8Array.from(target)).toEqual(expected)
  })

  it("are copied out as plain bytes, which do not change with their source", () => {
    const source = allocateBytes(1024)
    source.set(SOURCE)
    const copy = copyOf(source, 5, length)
    source.fill(0)
    expect(Object.getPrototypeOf(copy)).toBe(Uint8Array.prototype)
    expect([...copy]).toEqual([...SOURCE].slice(5, 5 + length))
  })
})
