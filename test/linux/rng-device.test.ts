// The virtio entropy device that a guest sees: lengths, a board that is away, a reset (virtio 1.4 5.4).

import { describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import { VirtioRngDevice } from "../../host/src/node/vhost-user/rng-device.js"
import { GivenChains } from "./given-chains.js"

function setUp() {
  const clock = new VirtualClock()
  const asked: number[] = []
  const board = { isThere: true, next: 0 }
  const device = new VirtioRngDevice(
    {
      async read(length) {
        asked.push(length)
        if (length > 4096) throw new Error("more than any board gives")
        if (!board.isThere) throw new Error("no board")
        return Uint8Array.from({ length }, () => board.next++)
      },
    },
    clock,
  )
  const chains = new GivenChains()
  const kick = async (...rooms: number[]) => {
    device.handle(
      0,
      rooms.map((room) => chains.make([], room)),
    )
    await clock.advance(0)
  }
  return { clock, asked, board, device, chains, kick }
}

describe("a guest's buffer", () => {
  it("is filled with as many bytes as it has room for, each of a kick with its own", async () => {
    const { asked, device, chains, kick } = setUp()
    await kick(1, 4, 2)
    expect(asked).toEqual([1, 4, 2])
    expect(chains.completions.map(({ data }) => data)).toEqual([[0], [1, 2, 3, 4], [5, 6]])
    expect(device.byteCount).toBe(7)
  })

  it("of any size gets 256 at most: a guest asks again, and others' data is not held up", async () => {
    const { asked, chains, kick } = setUp()
    await kick(257, 0x7fff_ffff)
    expect(asked).toEqual([256, 256])
    expect(chains.completions.map(({ data }) => data.length)).toEqual([256, 256])
  })

  it("without room goes back at once, and the board is not asked", async () => {
    const { asked, chains, kick } = setUp()
    await kick(0)
    expect(asked).toEqual([])
    expect(chains.completions).toEqual([{ request: 0, data: [], at: 0 }])
  })
})

it("waits for a board that is away, asks it twice a second, and is filled when it is back", async () => {
  const { clock, asked, board, chains, kick } = setUp()
  board.isThere = false
  await kick(8)
  await clock.advance(2000)
  expect(asked).toEqual([8, 8, 8, 8, 8])
  expect(chains.completions).toEqual([])
  board.isThere = true
  await clock.advance(500)
  expect(chains.answerTo(0)).toHaveLength(8)
})

it("asks no more for a guest that has reset its device, and completes nothing of before", async () => {
  const { clock, asked, board, device, chains, kick } = setUp()
  board.isThere = false
  await kick(8)
  device.reset()
  await clock.advance(5000)
  expect(asked).toEqual([8])
  board.isThere = true
  await kick(3)
  expect(chains.completions.map(({ request }) => request)).toEqual([1])
})
