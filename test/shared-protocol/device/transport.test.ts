// The device side of the transport: status, features, queues, shared memory, silence (virtio-msg V1 to V67).

import { beforeEach, describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { simulatedModels } from "../../../host/src/node/plain-board.js"
import * as p from "../../../shared-protocol/src/index.js"
import { DeviceHarness, QUEUE } from "../support/device-harness.js"

let device: DeviceHarness
beforeEach(() => {
  device = new DeviceHarness()
})

describe("the device status", () => {
  it("V50 reports what resulted, bit by bit", async () => {
    expect(await device.status(1)).toBe(1)
    expect(await device.status(3)).toBe(3)
    expect(await device.status(1)).toBe(3) // no bit can be cleared alone
    const response = await device.ask((frame) => p.encodeGetDeviceStatusRequest(frame, 0))
    expect(p.decodeGetDeviceStatusResponse(response ?? new Uint8Array())).toEqual({ ok: true, value: 3 })
  })

  it("V51 V52 is 0 after a reset, which lets the queue go", async () => {
    await device.start()
    expect(await device.status(0)).toBe(0)
    expect(await device.getVqueue()).toMatchObject({ curSize: 0, flags: 0, desc: { low: 0, high: 0 } })
  })

  it("V32 has no FEATURES_OK for a selection that the device does not have", async () => {
    for (const selection of [
      [3, 1], // a bit that is not offered
      [0, 1], // without the mandatory zero-length requests
      [1, 0], // without VERSION_1
      [1, 1, 1], // a block that does not exist
    ]) {
      await device.status(0)
      await device.status(3)
      await device.select(...selection)
      expect((await device.status(11)) & p.STATUS_FEATURES_OK).toBe(0)
      expect((await device.status(15)) & p.STATUS_DRIVER_OK).toBe(0) // and so no DRIVER_OK
    }
  })

  it("has no DRIVER_OK without FEATURES_OK, whatever is written", async () => {
    await device.status(3)
    await device.select(1, 1)
    expect(await device.status(7)).toBe(3)
    expect(await device.status(15)).toBe(15)
  })

  it("keeps DEVICE_NEEDS_RESET to itself", async () => {
    expect(await device.status(0x43)).toBe(3)
  })
})

describe("features", () => {
  const get = async (blockIndex: number, numBlocks: number) => {
    const response = await device.ask((frame) =>
      p.encodeGetDeviceFeaturesRequest(frame, 0, { blockIndex, numBlocks }),
    )
    const decoded = response && p.decodeGetDeviceFeaturesResponse(response)
    return decoded?.ok ? decoded.value.features : undefined
  }

  it("V16 V31 V38 are offered in two blocks, with zeros behind and never bit 39", async () => {
    const [low = 0, high = 0, ...rest] = (await get(0, 4)) ?? []
    expect(low & 1).toBe(1)
    expect(high & p.FEATURE_VERSION_1_BLOCK1).toBe(p.FEATURE_VERSION_1_BLOCK1)
    expect(high & p.FEATURE_NOTIF_CONFIG_DATA_BLOCK1).toBe(0)
    expect(rest).toEqual([0, 0])
    expect(await get(0xffffffff, 1)).toEqual([0])
    expect(await get(0, 0)).toEqual([])
  })

  it("have VIRTIO_F_ACCESS_PLATFORM in every device, and VIRTIO_F_EVENT_IDX in none", () => {
    const types = simulatedModels(new VirtualClock())
    expect(types.length).toBeGreaterThan(2)
    for (const { features } of types) {
      expect(features[1] & p.FEATURE_ACCESS_PLATFORM_BLOCK1).toBe(p.FEATURE_ACCESS_PLATFORM_BLOCK1)
      expect(features[0] & p.FEATURE_EVENT_IDX).toBe(0)
    }
  })

  it("V18 stay what is offered, whatever was selected", async () => {
    const before = await get(0, 2)
    await device.select(1, 1)
    expect(await get(0, 2)).toEqual(before)
  })

  it("V1 V30 are not answered when they would not fit a message", async () => {
    expect(await get(0, 54)).toBeUndefined()
    expect((await get(0, 53))?.length).toBe(53)
  })

  it("V17 are selected block by block, and not any more after FEATURES_OK", async () => {
    await device.status(3)
    await device.select(1)
    const high = { blockIndex: 1, numBlocks: 1, features: [1] }
    await device.ask((frame) => p.encodeSetDriverFeaturesRequest(frame, 0, high))
    expect((await device.status(11)) & p.STATUS_FEATURES_OK).toBe(p.STATUS_FEATURES_OK)
    await device.select(0, 0)
    expect((await device.status(15)) & p.STATUS_DRIVER_OK).toBe(p.STATUS_DRIVER_OK)
  })
})

describe("GET_DEVICE_INFO", () => {
  it("V37 V40 V41 V43 is answered at any time, the same", async () => {
    const ask = async () => {
      const response = await device.ask((frame) => p.encodeGetDeviceInfoRequest(frame, 0))
      return p.decodeGetDeviceInfoResponse(response ?? new Uint8Array(), new Uint8Array(16))
    }
    const before = await ask()
    expect(before).toMatchObject({
      value: { deviceId: 34, numFeatureBlocks: 2, configSize: 0, maxVirtqueues: 1, adminVqStart: 0 },
    })
    await device.start()
    expect(await ask()).toEqual(before)
  })
})

describe("queues", () => {
  it("V54 V56 V63 are zero beyond the last, and nothing happens to them", async () => {
    const zero = { low: 0, high: 0 }
    expect(await device.getVqueue(1)).toEqual({
      ...{ index: 1, maxSize: 0, curSize: 0, flags: 0 },
      ...{ desc: zero, driver: zero, device: zero },
    })
    expect((await device.setVqueue({ index: 0xffffffff }))?.length).toBe(8)
    expect((await device.ask((frame) => p.encodeResetVqueueRequest(frame, 0, 5)))?.length).toBe(8)
  })

  it("V53 V55 V60 V62 take what SET_VQUEUE gives, field by field", async () => {
    expect(await device.getVqueue()).toMatchObject({ maxSize: 256, curSize: 0, flags: 0 })
    const others = p.VQUEUE_DESC_IGNORE | p.VQUEUE_DRIVER_IGNORE | p.VQUEUE_DEVICE_IGNORE
    await device.setVqueue({ flags: p.VQUEUE_KEEP_STATE | others, size: 32 })
    expect(await device.getVqueue()).toMatchObject({ curSize: 32, flags: 0, desc: { low: 0, high: 0 } })
    await device.setVqueue({ flags: p.VQUEUE_ENABLE | p.VQUEUE_SIZE_IGNORE })
    expect(await device.getVqueue()).toMatchObject({ curSize: 32, flags: 1, desc: QUEUE.desc })
  })

  it.each<[string, Partial<p.VqueueSetting>]>([
    ["V57 reserved is not 0", { reserved: 1 }],
    ["V57 a reserved flag is set", { flags: p.VQUEUE_ENABLE | 0x40 }],
    ["V57 the highest flag is set", { flags: (p.VQUEUE_ENABLE | 0x80000000) >>> 0 }],
    ["V57 the operation is 3", { flags: 3 }],
    ["V59 the size is 0", { size: 0 }],
    ["V59 the size is no power of two", { size: 48 }],
    ["V59 the size is beyond the maximum", { size: 512 }],
    ["V59 the descriptor table is misaligned", { desc: { low: 24, high: 0x10000 } }],
    ["V59 the available ring is misaligned", { driver: { low: 2049, high: 0x10000 } }],
    ["V59 the used ring is misaligned", { device: { low: 18, high: 0x20000 } }],
    ["V59 the used ring is in the driver's area", { device: { low: 16, high: 0x10000 } }],
    ["V59 the table reaches over the area's end", { desc: { low: 4096 - 512, high: 0x10000 } }],
    ["V59 an address has bits between area and offset", { desc: { low: 16, high: 0x10001 } }],
    ["V59 an address is in area 0", { desc: { low: 16, high: 0 } }],
  ])("are left alone, and answered, when %s", async (_, change) => {
    expect((await device.setVqueue(change))?.length).toBe(8)
    expect(await device.getVqueue()).toMatchObject({ curSize: 0, flags: 0, desc: { low: 0, high: 0 } })
  })

  it("V58 V61 are not changed while they are enabled", async () => {
    await device.setVqueue()
    const before = await device.getVqueue()
    for (const change of [{ size: 32 }, { flags: 0 }, { flags: 0x3c }, { flags: p.VQUEUE_KEEP_STATE }])
      expect((await device.setVqueue(change))?.length).toBe(8)
    expect(await device.getVqueue()).toEqual(before)
  })

  it("V64 V65 are reset by RESET_VQUEUE only where RING_RESET was selected", async () => {
    const reset = () => device.ask((frame) => p.encodeResetVqueueRequest(frame, 0, 0))
    await device.start()
    expect((await reset())?.length).toBe(8)
    expect((await device.getVqueue()).flags).toBe(1)
    await device.start(1, p.FEATURE_VERSION_1_BLOCK1 | p.FEATURE_RING_RESET_BLOCK1)
    expect((await reset())?.length).toBe(8)
    expect(await device.getVqueue()).toMatchObject({ curSize: 0, flags: 0 })
    await device.setVqueue({ size: 16 })
    expect(await device.getVqueue()).toMatchObject({ curSize: 16, flags: 1 })
  })
})

describe("GET_SHM", () => {
  it("V66 V67 says that there is no such region", async () => {
    const response = await device.ask((frame) => p.encodeGetShmRequest(frame, 0, 3))
    expect(p.decodeGetShmResponse(response ?? new Uint8Array())).toEqual({
      ok: true,
      value: { shmid: 3, length: { low: 0, high: 0 }, address: { low: 0, high: 0 } },
    })
  })
})

describe("a message that makes no sense", () => {
  it.each<[string, number[]]>([
    ["is shorter than a header", [0, 2, 0, 0]],
    ["claims more bytes than it has", [0, 2, 0, 0, 1, 0, 200, 0]],
    ["claims fewer than a header", [0, 2, 0, 0, 1, 0, 4, 0]],
    ["has the header of an older draft", [0, 2, 0, 0, 6, 0]],
    ["has an unknown id", [0, 0x3f, 0, 0, 1, 0, 8, 0]],
    ["is an unknown bus message", [2, 0x3f, 0, 0, 1, 0, 8, 0]],
    ["is a response", [1, 2, 0, 0, 1, 0, 8, 0]],
    ["is an event that no driver sends", [0, 0x42, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0]],
    ["lacks its payload", [0, 9, 0, 0, 1, 0, 8, 0]],
    ["is to a device that is not there", [0, 2, 5, 0, 1, 0, 8, 0]],
    ["announces a queue that is not there", [0, 0x41, 0, 0, 0, 0, 16, 0, 7, 0, 0, 0, 0, 0, 0, 0]],
    ["announces queue 65536", [0, 0x41, 0, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0]],
    ["is an EVENT_AVAIL of 12 bytes", [0, 0x41, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0]],
  ])("V19 V30 gets no answer when it %s, and is counted", async (_, bytes) => {
    device.host.post(Uint8Array.from(bytes))
    await device.exchange()
    expect(device.endpoint.bus.discardedCount).toBe(1)
    expect(device.events).toEqual([])
    // silence is not death
    const answer = await device.ask((frame) => p.encodePingRequest(frame, 5))
    expect(p.decodePingResponse(answer ?? new Uint8Array())).toEqual({ ok: true, value: 5 })
  })

  it("V22 V27 is not one whose reserved type bits are set: they are ignored, and the token comes back", async () => {
    const response = await device.ask((frame) => {
      const size = p.encodeGetDeviceStatusRequest(frame, 0)
      frame[0] = 0xfc
      return size
    })
    expect(response?.[0]).toBe(1)
    expect(p.getToken(response ?? allocateBytes(8))).toBe(0x1235)
  })
})
