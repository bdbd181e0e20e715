// The virtio-i2c device (virtio 1.4 5.16): groups, statuses, addresses, and requests that are none.

import { beforeEach, describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import * as p from "../../../shared-protocol/src/index.js"
import { DeviceHarness } from "../support/device-harness.js"

const HEADERS = 2300
const WRITES = 3000
const STATUSES = 700
const READS = 1000

interface Request {
  readonly address?: number
  /** Instead of the address: the header's first two bytes. */
  readonly rawAddress?: number
  readonly write?: number[]
  readonly read?: number
  readonly failNext?: boolean
  readonly flags?: number
  readonly headerSize?: number
  readonly statusSize?: number
}

let device: DeviceHarness
let ring: p.DriverRing

beforeEach(async () => {
  device = new DeviceHarness()
  ring = await device.start(1, p.FEATURE_VERSION_1_BLOCK1 | p.FEATURE_IN_ORDER_BLOCK1)
  device.events.length = 0
})

/** Makes chain `at` of a request: four descriptors each. */
function offer(at: number, request: Request): void {
  const { outgoing } = device.host
  const header = HEADERS + 8 * at
  const flags = (request.failNext ? 1 : 0) | (request.read === undefined ? 0 : 2)
  outgoing.put16(header, request.rawAddress ?? (request.address ?? 0x54) << 1)
  outgoing.put32(header + 4, request.flags ?? flags)
  const head = 4 * at
  const hasBuffer = request.write !== undefined || request.read !== undefined
  ring.describe(head, header, request.headerSize ?? 8, false, hasBuffer ? head + 1 : head + 2)
  for (const [i, byte] of (request.write ?? []).entries()) outgoing.put8(WRITES + 16 * at + i, byte)
  if (request.write) ring.describe(head + 1, WRITES + 16 * at, request.write.length, false, head + 2)
  if (request.read !== undefined) ring.describe(head + 1, READS + 16 * at, request.read, true, head + 2)
  ring.describe(head + 2, STATUSES + at, request.statusSize ?? 1, true, -1)
  ring.offer(head, (request.read ?? 0) + (request.statusSize ?? 1))
}

/** Runs requests and returns their statuses, those that came back. */
async function run(...requests: Request[]): Promise<number[]> {
  for (const [at, request] of requests.entries()) {
    device.host.outgoing.bytes[0] = 0
    device.endpoint.mailbox.outgoing.put8(STATUSES + at, 0xee) // neither OK nor ERROR
    offer(at, request)
  }
  await device.kick(ring)
  const statuses: number[] = []
  for (let head = ring.take(); head >= 0; head = ring.take())
    statuses.push(device.host.incoming[STATUSES + head / 4] as number)
  return statuses
}

describe("a virtio-i2c request", () => {
  it("writes, reads and probes, each with its own status and data", async () => {
    expect(await run({ write: [1, 2] }, { read: 3 }, {})).toEqual([0, 0, 0])
    expect(device.controller.calls).toEqual(["54 w[1,2] r0", "54 w[] r3", "54 w[] r0"])
    const { incoming } = device.host
    expect([16, 17, 18, 19].map((at) => incoming[READS + at])).toEqual([0x5a, 0x5a, 0x5a, 0])
  })

  it("is one transaction with the read behind it, in one group", async () => {
    expect(await run({ write: [7], failNext: true }, { read: 2 })).toEqual([0, 0])
    expect(device.controller.calls).toEqual(["54 w[7] r2"])
  })

  it("is one by itself outside a group, to another chip, and before a second write", async () => {
    await run({ write: [7] }, { read: 2 })
    await run({ write: [7], failNext: true }, { read: 2, address: 0x20 })
    await run({ write: [7], failNext: true }, { write: [8], failNext: true }, { read: 1 })
    expect(device.controller.calls).toEqual([
      ...["54 w[7] r0", "54 w[] r2"],
      ...["54 w[7] r0", "20 w[] r2"],
      ...["54 w[7] r0", "54 w[8] r1"],
    ])
  })

  it("fails from the failing one of its group on, and the rest is not executed", async () => {
    device.controller.result = (address) => (address === 0x11 ? p.I2C_WRITE_FAILED : p.I2C_DONE)
    const statuses = await run(
      { write: [1], failNext: true },
      { write: [2], address: 0x11, failNext: true },
      { write: [3], failNext: true },
      { read: 1 },
      { write: [4] },
    )
    expect(statuses).toEqual([0, 1, 1, 1, 0])
    expect(device.controller.calls).toEqual(["54 w[1] r0", "11 w[2] r0", "54 w[4] r0"])
  })

  it("tells in a pair whether the write or the read failed", async () => {
    device.controller.result = () => p.I2C_READ_FAILED
    expect(await run({ write: [1], failNext: true }, { read: 1 })).toEqual([0, 1])
    device.controller.result = () => p.I2C_WRITE_FAILED
    expect(await run({ write: [1], failNext: true }, { read: 1 })).toEqual([1, 1])
  })

  it("that fails has the length up to its status used, which lies behind the room for what is read", async () => {
    device.controller.result = () => p.I2C_WRITE_FAILED
    const used: number[][] = []
    for (const requests of [
      [{ read: 3 }],
      [{ write: [1], failNext: true }, { read: 2 }],
      [{ write: [1], failNext: true }, { write: [2], failNext: true }, { read: 5 }],
      [{ read: 3, headerSize: 7 }],
    ]) {
      for (const [at, request] of requests.entries()) offer(at, request)
      await device.kick(ring)
      const lengths: number[] = []
      while (ring.take() >= 0) lengths.push(ring.usedLength)
      used.push(lengths)
    }
    expect(used).toEqual([[4], [1, 3], [1, 1, 6], [4]])
  })

  it.each<[string, Request]>([
    ["a 10-bit address", { rawAddress: 0x00f0, write: [1] }],
    ["a 10-bit address with more bits", { rawAddress: 0x55f6, write: [1] }],
    ["bit 0 of the address set", { rawAddress: 0x00a9, write: [1] }],
    ["a header of 7 bytes", { headerSize: 7, write: [1] }],
    ["M_RD on bytes to write", { write: [1], flags: 2 }],
    ["bytes to read without M_RD", { read: 1, flags: 0 }],
    ["an empty buffer", { write: [] }],
  ])("is refused with an error status for %s, and never reaches the bus", async (_, request) => {
    expect(await run(request, { write: [9] })).toEqual([1, 0])
    expect(device.controller.calls).toEqual(["54 w[9] r0"])
    expect(device.events.map((frame) => frame[1])).toEqual([p.EVENT_USED])
  })

  it.each([
    [1032, 0],
    [1033, 1],
  ])("that is cut into unusual descriptors may have %i bytes to write: status %i", async (length, status) => {
    const { controller } = device
    const i2c = new p.I2cDevice(controller, allocateBytes(0), () => Promise.resolve(), allocateBytes)
    device = new DeviceHarness({ models: [i2c] })
    ring = await device.start(1, p.FEATURE_VERSION_1_BLOCK1 | p.FEATURE_IN_ORDER_BLOCK1)
    device.host.outgoing.put16(HEADERS, 0x54 << 1)
    ring.describe(0, HEADERS, 8, false, 1)
    ring.describe(1, WRITES, 500, false, 2)
    ring.describe(2, WRITES, length - 500, false, 3)
    ring.describe(3, STATUSES, 1, true, -1)
    ring.offer(0, 1)
    await device.kick(ring)
    expect([ring.take(), device.host.incoming[STATUSES], controller.calls.length]).toEqual([
      0,
      status,
      1 - status,
    ])
  })

  it("V-S1 V11 V13 without a byte for its status needs a reset, said once, and reset helps", async () => {
    await run({ write: [1], statusSize: 2 })
    await device.kick(ring)
    const events = device.events.map((frame) => p.decodeEventConfig(frame)).filter((event) => event.ok)
    expect(events).toMatchObject([{ value: { deviceStatus: 0x4f, offset: 0, length: 0, hasData: false } }])
    expect(device.controller.calls).toEqual([])
    ring = await device.start()
    expect(await run({ write: [2] })).toEqual([0])
  })

  it("lets others run after every 32 transfers", async () => {
    const many = Array.from({ length: 16 }, (): Request => ({ write: [1] }))
    for (let round = 0; round < 3; round++) expect((await run(...many)).length).toBe(16)
    expect(device.pauseCount).toBe(0) // each kick had fewer
    ring = await device.start()
    for (let at = 0; at < 16; at++) offer(at, { write: [1] })
    await device.kick(ring)
    expect(device.endpoint.mailbox.malformedCount).toBe(0)
  })

  it("V35 has one EVENT_USED for a batch", async () => {
    await run({ write: [1] }, { write: [2] }, { read: 1 })
    expect(device.events.map((frame) => frame[1])).toEqual([p.EVENT_USED])
  })
})

describe("before DRIVER_OK", () => {
  it("V33 V34 nothing is done, and what waits is done right after", async () => {
    await device.status(0)
    await device.status(3)
    await device.select(1, p.FEATURE_VERSION_1_BLOCK1)
    await device.status(11)
    ring = device.makeRing()
    await device.setVqueue()
    offer(0, { write: [1] })
    await device.kick(ring)
    expect(device.controller.calls).toEqual([])
    await device.status(15)
    expect(device.controller.calls).toEqual(["54 w[1] r0"])
    expect(ring.take()).toBe(0)
  })
})

describe("a reset while a transfer is under way", () => {
  it("V65 leaves the driver's memory alone when the transfer ends", async () => {
    let finish: (result: number) => void = () => {}
    device.controller.result = () =>
      new Promise<number>((resolve) => {
        finish = resolve
      })
    offer(0, { read: 4 })
    ring.publish()
    device.host.post(Uint8Array.of(0, 0x41, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    const exchange = device.exchange()
    await Promise.resolve()
    device.endpoint.bus.devices[0]?.reset()
    const before = Uint8Array.from(device.endpoint.mailbox.outgoing.bytes as unknown as Uint8Array)
    finish(p.I2C_DONE)
    await exchange
    expect(Uint8Array.from(device.endpoint.mailbox.outgoing.bytes as unknown as Uint8Array)).toEqual(before)
    expect(device.events).toEqual([])
  })
})
