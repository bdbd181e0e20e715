// A device that says something wrong of itself, once: the next call asks again, and gets the driver for what it is.

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import type { VirtioDevice } from "../../host/src/driver/virtio-device.js"
import type { LinkEvents } from "../../host/src/link/link.js"
import { OpenedBus } from "../../host/src/opened-bus.js"
import { I2C_QUEUE_SIZE, VIRTIO_ID_I2C } from "../../shared-protocol/src/device-types/i2c.js"
import { VIRTIO_ID_RNG } from "../../shared-protocol/src/device-types/rng.js"
import { MAX_MESSAGE_SIZE, RECORD_MESSAGE } from "../../shared-protocol/src/mailbox/packet.js"
import type { DeviceInfo } from "../../shared-protocol/src/messages/device-info.js"
import { HEADER_SIZE, TYPE_BUS, TYPE_RESPONSE } from "../../shared-protocol/src/messages/header.js"
import { BUS_VERSION } from "../../shared-protocol/src/messages/hello.js"
import {
  GET_DEVICE_INFO,
  GET_VQUEUE,
  HELLO,
  SET_DEVICE_STATUS,
} from "../../shared-protocol/src/messages/ids.js"
import { MemoryLink } from "../support/memory-link.js"

const DEVICE_ID = 8
/** ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK. */
const DRIVER_OK_STATUS = 15
/** A tag that no record has. */
const NO_RECORD = 0x3f
const NUM_FEATURE_BLOCKS = 8 + 24

/** A bus on an I2C device whose first GET_DEVICE_INFO responses have `wrong` at `offset`, as long as `lies` says so. */
async function open(offset: number, wrong: number, lies: () => boolean) {
  const clock = new VirtualClock(1000)
  const tamper = (frame: Uint8Array): Uint8Array => {
    if (frame[0] !== 1 || frame[1] !== GET_DEVICE_INFO || !lies()) return frame
    const copy = Uint8Array.from(frame)
    new DataView(copy.buffer).setUint32(offset, wrong, true)
    return copy
  }
  return {
    clock,
    bus: new OpenedBus(await clock.run(Bus.open(new MemoryLink(clock, { tamper }), { clock }))),
  }
}

describe("a device that lies once", () => {
  it("about its type is found again, and gets the driver of its type", async () => {
    let isLying = true
    const { clock, bus } = await open(DEVICE_ID, VIRTIO_ID_RNG, () => isLying)
    // as a source of random bytes it is served: by the wrong driver
    await clock.run(bus.rng().catch(() => {}))
    isLying = false
    const i2c = await clock.run(bus.i2c())
    expect(i2c.device.info?.deviceId).toBe(VIRTIO_ID_I2C)
    expect(await clock.run(i2c.readByte(0x54, 14))).toBe(0x66)
  })

  it("about the size of its queue is asked again when a transfer does not fit it", async () => {
    const clock = new VirtualClock(1000)
    let isLying = true
    const tamper = (frame: Uint8Array): Uint8Array => {
      if (frame[0] !== 1 || frame[1] !== GET_VQUEUE || !isLying) return frame
      const copy = Uint8Array.from(frame)
      new DataView(copy.buffer).setUint32(12, 4, true)
      return copy
    }
    const bus = new OpenedBus(await clock.run(Bus.open(new MemoryLink(clock, { tamper }), { clock })))
    const i2c = await clock.run(bus.i2c())
    expect(await clock.run(i2c.probe(0x54))).toBe(true) // one message fits
    isLying = false
    await expect(clock.run(i2c.readByte(0x54, 14))).rejects.toMatchObject({
      code: "DEVICE_FAILED",
      message: "A transfer of 2 messages does not fit the device's queue, which has room for 1.",
      maybeExecuted: false,
    })
    expect(await clock.run(i2c.readByte(0x54, 14))).toBe(0x66)
    await bus.close()
  })

  it("about its features is asked again when it could not be initialised", async () => {
    let answers = 0
    const { clock, bus } = await open(NUM_FEATURE_BLOCKS, 0, () => answers++ === 0)
    await expect(clock.run(bus.i2c())).rejects.toMatchObject({ code: "DEVICE_FAILED" })
    expect(await clock.run((await clock.run(bus.i2c())).readByte(0x54, 14))).toBe(0x66)
    expect(answers).toBe(2)
  })
})

describe("a device that lies in HELLO", () => {
  /** A bus whose device says `value` at `offset` of HELLO's payload, while `isLying` is set. */
  async function openLying(offset: number, value: number) {
    const clock = new VirtualClock(1000)
    const state = { isLying: true }
    const tamper = (frame: Uint8Array): Uint8Array => {
      if (frame[0] !== (TYPE_BUS | TYPE_RESPONSE) || frame[1] !== HELLO || !state.isLying) return frame
      const copy = Uint8Array.from(frame)
      new DataView(copy.buffer).setUint32(HEADER_SIZE + offset, value, true)
      return copy
    }
    const link = new MemoryLink(clock, { tamper })
    return { clock, state, link, bus: new OpenedBus(await clock.run(Bus.open(link, { clock }))) }
  }

  it.each([17, 24, 40, 100])(
    "about its window (%i bytes) gets one clear error a call, takes nothing, and is served when the bus is opened again",
    async (bytes) => {
      const { clock, state, link, bus } = await openLying(16, bytes * 0x1_0001)
      const free = [bus.bus.window.driverSpace.longestFree, bus.bus.window.deviceSpace.longestFree]
      state.isLying = false
      for (let times = 0; times < 20; times++)
        await expect(clock.run(bus.i2c())).rejects.toMatchObject({
          code: "DEVICE_FAILED",
          message: expect.stringMatching(
            /Virtqueue 0 of device 0 (cannot have|has no room)|The window has no room/,
          ),
          hint: expect.stringContaining("firmware"),
        })
      const [device] = await clock.run(bus.devices())
      await clock.run((device as VirtioDevice).reset()) // until then the queue that was laid last may be the device's
      expect([bus.bus.window.driverSpace.longestFree, bus.bus.window.deviceSpace.longestFree]).toEqual(free)
      expect(await clock.run(bus.bus.ping())).toBeGreaterThan(0) // the bus itself is well
      await bus.close()
      const again = new OpenedBus(await clock.run(Bus.open(link, { clock })))
      expect(await clock.run((await clock.run(again.i2c())).readByte(0x54, 14))).toBe(0x66)
      await again.close()
    },
  )

  it("about its message size is asked for no more than a packet holds", async () => {
    const { clock, bus } = await openLying(4, 0xffff_0000 | BUS_VERSION)
    expect(bus.board.maxMessageSize).toBe(MAX_MESSAGE_SIZE)
    const { device } = await clock.run(bus.i2c())
    device.info = { ...(device.info as DeviceInfo), configSize: 1000 }
    await expect(clock.run(device.writeConfig(0, new Uint8Array(300)))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    })
    expect(await clock.run(bus.bus.ping())).toBeGreaterThan(0)
    await bus.close()
  })
})

describe("a device that does not take its queue's configuration", () => {
  it("uses up none of the window: after a hundred refusals it is served in the same epoch", async () => {
    const clock = new VirtualClock(1000)
    let isLying = true
    const tamper = (frame: Uint8Array): Uint8Array => {
      if (frame[0] !== 1 || frame[1] !== GET_VQUEUE || !isLying) return frame
      const copy = Uint8Array.from(frame)
      new DataView(copy.buffer).setUint32(HEADER_SIZE + 24, 77, true)
      return copy
    }
    const bus = new OpenedBus(await clock.run(Bus.open(new MemoryLink(clock, { tamper }), { clock })))
    for (let times = 0; times < 100; times++)
      await expect(clock.run(bus.i2c())).rejects.toMatchObject({
        message: "Virtqueue 0 of device 0 did not take its configuration.",
      })
    isLying = false
    const i2c = await clock.run(bus.i2c())
    expect(i2c.device.queues[0]?.ring.size).toBe(I2C_QUEUE_SIZE)
    expect(await clock.run(i2c.readByte(0x54, 14))).toBe(0x66)
    expect(bus.bus.epochCount).toBe(1)
    await bus.close()
  })
})

/** The packet with DRIVER_OK's answer ends with a record that is none: the bus is lost before the answer is looked at. */
class LostAtDriverOk extends MemoryLink {
  times = 1

  override async open(events: LinkEvents): Promise<void> {
    return super.open({
      ...events,
      onPacket: (packet) => {
        const isIt =
          packet[5] === RECORD_MESSAGE && packet[8] === SET_DEVICE_STATUS && packet[15] === DRIVER_OK_STATUS
        events.onPacket(isIt && this.times-- > 0 ? Uint8Array.of(...packet, NO_RECORD) : packet)
      },
    })
  }
}

describe("a bus that is lost in the very packet with DRIVER_OK's answer", () => {
  it("leaves no device that looks live: the call ends with the bus's error, and the next one works", async () => {
    const clock = new VirtualClock(1000)
    const bus = new OpenedBus(await clock.run(Bus.open(new LostAtDriverOk(clock), { clock })))
    const startMs = clock.now()
    await expect(clock.run(bus.i2c())).rejects.toMatchObject({ code: "PROTOCOL", maybeExecuted: true })
    const i2c = await clock.run(bus.i2c())
    expect(i2c.device.isLive).toBe(true)
    expect(await clock.run(i2c.readByte(0x54, 14))).toBe(0x66)
    expect(clock.now() - startMs).toBeLessThan(1000) // no call waited for its limit
    await bus.close()
  })

  it("is served again also when a driver was there before, whose call it is", async () => {
    const clock = new VirtualClock(1000)
    const link = new LostAtDriverOk(clock)
    link.times = 0
    const bus = new OpenedBus(await clock.run(Bus.open(link, { clock })))
    const i2c = await clock.run(bus.i2c())
    await clock.run(i2c.device.reset())
    link.times = 1
    await expect(clock.run(i2c.readByte(0x54, 14))).rejects.toMatchObject({ code: "PROTOCOL" })
    expect(i2c.device.isLive).toBe(false)
    const startMs = clock.now()
    expect(await clock.run(i2c.readByte(0x54, 14))).toBe(0x66)
    expect(clock.now() - startMs).toBeLessThan(1000)
    await bus.close()
  })
})
