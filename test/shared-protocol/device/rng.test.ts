// The virtio entropy device (virtio 1.4 5.4): every buffer comes back with at least one byte in it.

import { expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import { VirtualClock } from "../../../host/src/clock.js"
import * as p from "../../../shared-protocol/src/index.js"
import { RawDevice } from "../../support/raw-queue.js"

/** Counts: what comes from where shows. */
function countingSource(): p.EntropySource {
  let next = 1
  return {
    fill(into, offset, length) {
      for (let at = 0; at < length; at++) into[offset + at] = next++ & 0xff
    },
  }
}

async function open(wantedHigh = 0) {
  const clock = new VirtualClock(1000)
  const device = new p.RngDevice(countingSource(), allocateBytes(0))
  const needs = { wanted: [0, wantedHigh], required: [], queueSizes: [8] }
  return { clock, device, raw: await RawDevice.open(clock, device, needs) }
}

it.each([0, p.FEATURE_IN_ORDER_BLOCK1])(
  "buffers are filled in order, also with features %i",
  async (high) => {
    const { raw, device } = await open(high)
    raw.offer(0, 2)
    raw.offer(0, 1, 2)
    raw.offer(0, 4)
    expect((await raw.kick(0)).map(({ bytes }) => bytes)).toEqual([
      [1, 2],
      [3, 4, 5],
      [6, 7, 8, 9],
    ])
    expect(device.byteCount).toBe(9)
  },
)

it("a long buffer comes back with as much as a packet has room for", async () => {
  const { raw } = await open()
  raw.offer(0, 500)
  raw.offer(0, 500)
  expect((await raw.kick(0)).map(({ bytes }) => bytes.length)).toEqual([p.PACED_BYTES, p.PACED_BYTES])
})

it("a buffer for reading stops the device, and a reset starts it again", async () => {
  const { clock, raw } = await open()
  raw.offer(0, [1, 2], 4)
  expect(await raw.kick(0)).toEqual([])
  expect(raw.failure).toMatch(/DEVICE_NEEDS_RESET/)
  await clock.run(raw.device.initialise({ wanted: [], required: [], queueSizes: [8] }))
  raw.offer(0, 2)
  expect(await raw.kick(0)).toHaveLength(1)
})
