// The bytes of a popped chain, however it is cut: also behind the buffers that a device lists.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import { gather, scatter, writableLength } from "../../../shared-protocol/src/ring/chain-bytes.js"
import { LISTED_BUFFERS } from "../../../shared-protocol/src/ring/device-ring.js"
import { DEVICE_BUFFERS, DRIVER_BUFFERS, RingPair } from "../support/ring-pair.js"

const SIZE = 256
const TEXT = Uint8Array.from({ length: 2 * LISTED_BUFFERS }, (_, i) => i + 1)

/** A chain that has TEXT to read in buffers of the given lengths, and such buffers to write to, with gaps between all. */
function popped(readable: readonly number[], writable: readonly number[]) {
  const pair = new RingPair(SIZE)
  let at = 0
  const buffers = [
    ...readable.map((length) => ({ length, isWritable: false })),
    ...writable.map((length) => ({ length, isWritable: true })),
  ].map(({ length, isWritable }, i) => {
    const offset = (isWritable ? DEVICE_BUFFERS : DRIVER_BUFFERS) + 5 * i
    if (!isWritable) for (let n = 0; n < length; n++) pair.driverArea.put8(offset + n, TEXT[at++] as number)
    return { offset, length, isWritable }
  })
  const indexes = buffers.map((_, i) => i)
  pair.describe(indexes, buffers)
  pair.driver.offer(
    0,
    writable.reduce((sum, length) => sum + length, 0),
  )
  pair.driver.publish()
  pair.toDevice()
  expect(pair.device.pop()).toBe(0)
  const written = () =>
    buffers
      .filter(({ isWritable }) => isWritable)
      .flatMap(({ offset, length }) => Array.from(pair.deviceArea.bytes).slice(offset, offset + length))
  return { ring: pair.device, written }
}

const ones = (count: number) => new Array<number>(count).fill(1)

describe("the bytes of a chain", () => {
  it.each([
    ["one buffer", [8], [8]],
    ["cuts anywhere, and buffers without a byte", [1, 0, 3, 4], [0, 2, 5, 0, 1]],
    ["more buffers than are listed", ones(LISTED_BUFFERS + 20), ones(LISTED_BUFFERS + 20)],
    ["listed ones to read, unlisted ones to write", ones(LISTED_BUFFERS), ones(10)],
  ])("are the same in %s", (_, readable, writable) => {
    const { ring, written } = popped(readable, writable)
    const total = readable.reduce((sum, length) => sum + length, 0)
    const room = writable.reduce((sum, length) => sum + length, 0)
    const into = allocateBytes(TEXT.length)
    expect(gather(ring, into, TEXT.length)).toBe(total)
    expect([...into.subarray(0, total)]).toEqual([...TEXT.subarray(0, total)])
    expect(writableLength(ring)).toBe(room)
    expect(scatter(ring, TEXT, TEXT.length)).toBe(room)
    expect(written()).toEqual([...TEXT.subarray(0, room)])
  })

  it("are taken and given no further than was asked for", () => {
    const { ring, written } = popped([3, 3, 3], [2, 2, 2])
    const into = allocateBytes(6)
    expect(gather(ring, into, 4)).toBe(9)
    expect([...into]).toEqual([1, 2, 3, 4, 0, 0])
    expect(scatter(ring, TEXT, 3)).toBe(3)
    expect(written()).toEqual([1, 2, 3, 0, 0, 0])
  })
})
