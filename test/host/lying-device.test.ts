// A device that says something wrong of itself, once: the next call asks again, and gets the driver for what it is.

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import type { LinkEvents } from "../../host/src/link/link.js"
import { OpenedBus } from "../../host/src/opened-bus.js"
import { VIRTIO_ID_I2C } from "../../shared-protocol/src/device/i2c.js"
import { VIRTIO_ID_RNG } from "../../shared-protocol/src/device/rng.js"
import { RECORD_MESSAGE } from "../../shared-protocol/src/mailbox/packet.js"
import { GET_DEVICE_INFO, GET_VQUEUE, SET_DEVICE_STATUS } from "../../shared-protocol/src/messages/ids.js"
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
