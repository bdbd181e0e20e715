// The driver against devices that refuse, stall, lie or ask for a reset: the real device code, with messages
// changed on their way.

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { VirtioDevice } from "../../host/src/driver/virtio-device.js"
import type { DeviceModel } from "../../shared-protocol/src/device/device-model.js"
import { encodeEventConfig } from "../../shared-protocol/src/messages/events.js"
import {
  EVENT_USED,
  GET_CONFIG,
  GET_DEVICE_FEATURES,
  GET_DEVICE_INFO,
  GET_DEVICE_STATUS,
  GET_VQUEUE,
  SET_CONFIG,
  SET_DEVICE_STATUS,
  SET_VQUEUE,
} from "../../shared-protocol/src/messages/ids.js"
import { STATUS_DEVICE_NEEDS_RESET } from "../../shared-protocol/src/messages/status.js"
import { MemoryLink, type MemoryLinkOptions } from "../support/memory-link.js"

const PAYLOAD = 8

async function open(options: MemoryLinkOptions = {}) {
  const clock = new VirtualClock(1000)
  const link = new MemoryLink(clock, options)
  const bus = await clock.run(Bus.open(link, { clock }))
  const i2c = new I2cAdapter(new VirtioDevice(bus, 0))
  return { clock, link, bus, i2c, failure: <T>(call: Promise<T>) => clock.run(failureOf(call)) }
}

/** What a call rejects with. */
async function failureOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call
  } catch (error) {
    return error
  }
  return "no failure"
}

/** Changes transport messages with this id; the function changes the message in place, or loses it with false. */
function change(msgId: number, how: (frame: DataView, times: number) => unknown) {
  let times = 0
  return (frame: Uint8Array): Uint8Array | undefined => {
    if (((frame[0] as number) & 2) !== 0 || frame[1] !== msgId) return frame
    const copy = Uint8Array.from(frame)
    return how(new DataView(copy.buffer), times++) === false ? undefined : copy
  }
}

/** A device with a configuration space and no queue. */
function configDevice(config: Uint8Array): DeviceModel {
  return {
    deviceId: 41,
    features: [0, 1],
    requiredFeatures: [0, 1],
    queueMaxSizes: [],
    config,
    writeConfig(offset, data, dataOffset, length) {
      for (let i = 0; i < length; i++) config[offset + i] = data[dataOffset + i] as number
      return true
    },
    serve: async () => "",
    reset() {},
  }
}

describe("initialisation", () => {
  it("D25 refuses a device without VIRTIO_F_VERSION_1", async () => {
    const tamper = change(GET_DEVICE_FEATURES, (frame) => frame.setUint32(PAYLOAD + 12, 0, true))
    const { i2c, failure } = await open({ tamper })
    expect(await failure(i2c.start())).toMatchObject({
      code: "DEVICE_FAILED",
      message: "Device 0 lacks feature bits 0x1 of block 1.",
    })
  })

  it("refuses a virtio-i2c device without zero-length requests", async () => {
    const tamper = change(GET_DEVICE_FEATURES, (frame) => frame.setUint32(PAYLOAD + 8, 0, true))
    const { i2c, failure } = await open({ tamper })
    expect(await failure(i2c.start())).toMatchObject({
      code: "DEVICE_FAILED",
      message: "Device 0 lacks feature bits 0x1 of block 0.",
    })
  })

  it("D26 selects no NOTIF_CONFIG_DATA, whoever offers it", async () => {
    const tamper = change(GET_DEVICE_FEATURES, (frame) => frame.setUint32(PAYLOAD + 12, 0xffffffff, true))
    const { i2c, link, clock } = await open({ tamper })
    await clock.run(i2c.start()).catch(() => {})
    expect((i2c.device.selected[1] ?? 0) & 0x80).toBe(0)
    expect(link.endpoint.bus.discardedCount).toBe(0)
  })

  it("D27 gives up when FEATURES_OK does not stay", async () => {
    const tamper = change(SET_DEVICE_STATUS, (frame) =>
      frame.setUint32(PAYLOAD, frame.getUint32(PAYLOAD, true) & ~8, true),
    )
    const { i2c, failure } = await open({ tamper })
    expect(await failure(i2c.start())).toMatchObject({
      code: "DEVICE_FAILED",
      message: "Device 0 refuses the selected features.",
    })
  })

  it("D29 gives up when DRIVER_OK does not come", async () => {
    const tamper = change(SET_DEVICE_STATUS, (frame) =>
      frame.setUint32(PAYLOAD, frame.getUint32(PAYLOAD, true) & ~4, true),
    )
    const { i2c, failure } = await open({ tamper })
    expect(await failure(i2c.start())).toMatchObject({ message: "Device 0 does not go to DRIVER_OK." })
  })

  it("D45 waits for a reset that takes its time", async () => {
    const slow = change(SET_DEVICE_STATUS, (frame, times) => {
      if (times === 0) frame.setUint32(PAYLOAD, 4, true)
    })
    let polls = 0
    const polled = change(GET_DEVICE_STATUS, (frame) => frame.setUint32(PAYLOAD, ++polls < 5 ? 4 : 0, true))
    const { i2c, clock } = await open({
      tamper: (frame) => {
        const changed = slow(frame)
        return changed && polled(changed)
      },
    })
    await clock.run(i2c.start())
    expect(polls).toBe(5)
    expect(i2c.device.isLive).toBe(true)
  })

  it("D11 gives a reset that never ends up after 2 s", async () => {
    const stuck = (msgId: number) => change(msgId, (frame) => frame.setUint32(PAYLOAD, 4, true))
    const [set, get] = [stuck(SET_DEVICE_STATUS), stuck(GET_DEVICE_STATUS)]
    const { i2c, clock, failure } = await open({ tamper: (frame) => get(set(frame) ?? frame) })
    const beforeMs = clock.now()
    expect(await failure(i2c.start())).toMatchObject({ code: "DEVICE_FAILED" })
    expect(clock.now() - beforeMs).toBeGreaterThanOrEqual(2000)
    expect(clock.now() - beforeMs).toBeLessThan(2500)
  })

  it("does not believe in more than 64 blocks of features", async () => {
    const tamper = change(GET_DEVICE_INFO, (frame) => frame.setUint32(PAYLOAD + 24, 1 << 30, true))
    const { i2c, failure } = await open({ tamper })
    expect(await failure(i2c.start())).toMatchObject({
      code: "PROTOCOL",
      message: "Device 0: it claims 1073741824 blocks of feature bits.",
    })
  })

  it("reads features in as many messages as they take", async () => {
    const blocks = 60
    const tamper = change(GET_DEVICE_INFO, (frame) => frame.setUint32(PAYLOAD + 24, blocks, true))
    const { i2c, clock } = await open({ tamper })
    await clock.run(i2c.start())
    expect(i2c.device.offered).toHaveLength(blocks)
    expect(i2c.device.offered.slice(2).every((bits) => bits === 0)).toBe(true)
  })

  it("says which virtqueue does not exist", async () => {
    const tamper = change(GET_VQUEUE, (frame) => frame.setUint32(PAYLOAD + 4, 0, true))
    const { i2c, failure } = await open({ tamper })
    expect(await failure(i2c.start())).toMatchObject({
      code: "DEVICE_FAILED",
      message: "Virtqueue 0 of device 0 does not exist.",
    })
  })

  it("D47 takes the largest queue that the device has, if that is smaller", async () => {
    const tamper = change(GET_VQUEUE, (frame) => frame.setUint32(PAYLOAD + 4, 16, true))
    const { i2c, clock } = await open({ tamper })
    expect(await clock.run(i2c.readByte(0x54, 0))).toBe(0x31)
    expect(i2c.device.queues[0]?.state.curSize).toBe(16)
  })

  it("a queue that is too small for a request ends every call with one error, also the second", async () => {
    const tamper = change(GET_VQUEUE, (frame) => frame.setUint32(PAYLOAD + 4, 1, true))
    const { i2c, failure } = await open({ tamper })
    for (let times = 0; times < 3; times++)
      expect(await failure(i2c.readByte(0x54, 0))).toMatchObject({ code: "DEVICE_FAILED" })
  })

  it("D55 does not use a queue that did not take its configuration", async () => {
    const tamper = change(GET_VQUEUE, (frame, times) => {
      if (times === 1) frame.setUint32(PAYLOAD + 24, 77, true)
    })
    const { i2c, failure } = await open({ tamper })
    expect(await failure(i2c.start())).toMatchObject({
      code: "DEVICE_FAILED",
      message: "Virtqueue 0 of device 0 did not take its configuration.",
    })
  })

  it.each([
    ["another queue than asked for", GET_VQUEUE, (frame: DataView) => frame.setUint32(PAYLOAD, 3, true)],
    [
      "other feature blocks than asked for",
      GET_DEVICE_FEATURES,
      (frame: DataView) => frame.setUint32(PAYLOAD, 5, true),
    ],
    [
      "more feature blocks than the message has",
      GET_DEVICE_FEATURES,
      (frame: DataView) => frame.setUint32(PAYLOAD + 4, 0xffffffff, true),
    ],
  ])("D34 says PROTOCOL for an answer about %s", async (_name, msgId, how) => {
    const { i2c, failure } = await open({ tamper: change(msgId, how) })
    expect(await failure(i2c.start())).toMatchObject({
      code: "PROTOCOL",
      message: expect.stringMatching(/^Device 0: ./),
      hint: expect.stringMatching(/firmware/),
    })
  })

  it("a shortened answer is an error, not a wrong value", async () => {
    const tamper = (frame: Uint8Array) => {
      if (frame[1] !== GET_DEVICE_INFO || ((frame[0] as number) & 2) !== 0) return frame
      const short = frame.slice(0, 32) // the 24 bytes of payload of an older draft
      short[6] = 32
      return short
    }
    const { i2c, failure } = await open({ tamper })
    expect(await failure(i2c.start())).toMatchObject({ code: "PROTOCOL" })
  })

  it("a call to a device that answers nothing ends with one TIMEOUT", async () => {
    const { i2c, clock, failure, bus } = await open({ tamper: change(SET_VQUEUE, () => false) })
    const beforeMs = clock.now()
    expect(await failure(i2c.readByte(0x54, 0))).toMatchObject({ code: "TIMEOUT" })
    expect(clock.now() - beforeMs).toBeLessThan(1500)
    await bus.close()
    expect(clock.pendingCount).toBe(0)
  })
})

describe("a device that runs", () => {
  it("D30 fails what is in flight at DEVICE_NEEDS_RESET, and initialises it again at the next call", async () => {
    const { i2c, link, clock, failure } = await open()
    await clock.run(i2c.start())
    const event = new Uint8Array(24)
    const status = 0x0f | STATUS_DEVICE_NEEDS_RESET
    encodeEventConfig(event, 0, {
      deviceStatus: status,
      generation: 0,
      offset: 0,
      length: 0,
      hasData: false,
      data: event,
      dataOffset: 0,
    })
    link.post(event)
    await clock.advance(5)
    expect(i2c.device.isLive).toBe(false)
    expect(await clock.run(i2c.readByte(0x54, 0))).toBe(0x31)
    // and with a call in flight
    link.post(event)
    const call = i2c.readByte(0x54, 0)
    expect(await failure(call)).toMatchObject({
      code: "DEVICE_FAILED",
      // the I2C adapter's explanation of it
      message:
        "The I2C device stopped and asks to be reset, as it does when transaction after transaction times out.",
      cause: { message: "Device 0 asks to be reset (DEVICE_NEEDS_RESET)." },
      maybeExecuted: true,
    })
    expect(await clock.run(i2c.readByte(0x54, 1))).toBe(0x32)
  })

  it("a lost EVENT_USED costs a TIMEOUT, and no more than that", async () => {
    let isLossy = false
    const { i2c, clock, failure } = await open({ tamper: change(EVENT_USED, () => !isLossy) })
    await clock.run(i2c.start())
    isLossy = true
    expect(await failure(i2c.readByte(0x54, 0))).toMatchObject({ code: "TIMEOUT", maybeExecuted: true })
    isLossy = false
    expect(await clock.run(i2c.readByte(0x54, 0))).toBe(0x31)
  })

  it.each([
    ["an index that runs ahead", (used: number) => [used + 2, 0x7f]],
    ["a head that is none", (used: number) => [used + 4, 0x77]],
    ["an absurd length", (used: number) => [used + 8 + 3, 0x7f]],
  ])("a used ring with %s breaks the queue, once, and the next call heals it", async (_name, where) => {
    const { i2c, link, clock, failure } = await open()
    await clock.run(i2c.start())
    const { mailbox } = link.endpoint
    const used = i2c.device.queues[0]?.state.device.low as number
    const [offset = 0, value = 0] = where(used)
    // the device's area is lied to behind the device's back, as it answers
    const put = mailbox.outgoing.putIndex.bind(mailbox.outgoing)
    mailbox.outgoing.putIndex = (at, index) => {
      mailbox.outgoing.put8(offset, value)
      put(at, index)
      if (offset === used + 2) put(at, 0x7f)
    }
    expect(await failure(i2c.readByte(0x54, 0))).toMatchObject({
      code: "BROKEN_QUEUE",
      message: expect.stringMatching(/^Device 0 broke its queue: ./),
    })
    mailbox.outgoing.putIndex = put
    expect(await clock.run(i2c.readByte(0x54, 0))).toBe(0x31)
  })

  it("events about queues that there are not, and for devices that there are not, are counted and ignored", async () => {
    const { i2c, link, clock, bus } = await open()
    await clock.run(i2c.start())
    const before = bus.discardedCount
    link.post(Uint8Array.of(0, EVENT_USED, 0, 0, 0, 0, 12, 0, 9, 0, 0, 0)) // queue 9
    link.post(Uint8Array.of(0, EVENT_USED, 0, 0, 0, 0, 9, 0, 9)) // too short
    link.post(Uint8Array.of(0, 0x4f, 0, 0, 0, 0, 8, 0)) // no such event
    link.post(Uint8Array.of(0, EVENT_USED, 7, 0, 0, 0, 12, 0, 0, 0, 0, 0)) // device 7: nobody listens
    await clock.advance(10)
    expect(bus.discardedCount - before).toBe(3)
    expect(await clock.run(i2c.readByte(0x54, 0))).toBe(0x31)
  })
})

describe("configuration", () => {
  const config = Uint8Array.from({ length: 300 }, (_, at) => at & 0xff)
  const openDevice = async (options: MemoryLinkOptions = {}) => {
    const opened = await open({ types: [configDevice(config.slice())], ...options })
    const device = new VirtioDevice(opened.bus, 0)
    await opened.clock.run(device.initialise({ wanted: [0, 0], required: [0, 0], queueSizes: [] }))
    return { ...opened, device }
  }

  it("reads more than a message holds, at one generation", async () => {
    const { device, clock } = await openDevice({ maxMessageSize: 52 })
    expect(await clock.run(device.readConfig(0, 300))).toEqual(config)
    expect(await clock.run(device.readConfig(299, 1))).toEqual(Uint8Array.of(299 & 0xff))
  })

  it("reads again when the generation changed in between", async () => {
    const tamper = change(GET_CONFIG, (frame, times) => frame.setUint32(PAYLOAD, times === 0 ? 6 : 7, true))
    const { device, clock } = await openDevice({ tamper })
    expect(await clock.run(device.readConfig(0, 300))).toEqual(config)
  })

  it("gives up on one that never stands still", async () => {
    const tamper = change(GET_CONFIG, (frame, times) => frame.setUint32(PAYLOAD, times, true))
    const { device, failure } = await openDevice({ tamper })
    expect(await failure(device.readConfig(0, 300))).toMatchObject({
      code: "DEVICE_FAILED",
      message: "Device 0 changes its configuration faster than it can be read.",
    })
  })

  it("D40 D41 asks nothing outside the configuration space", async () => {
    const { device, failure } = await openDevice()
    for (const [offset, length] of [
      [0, 301],
      [300, 1],
      [-1, 1],
      [0, -1],
    ] as const)
      expect(await failure(device.readConfig(offset, length))).toMatchObject({ code: "INVALID_ARGUMENT" })
    expect(await failure(device.writeConfig(299, Uint8Array.of(1, 2)))).toMatchObject({
      code: "INVALID_ARGUMENT",
    })
    expect(await failure(device.writeConfig(0, new Uint8Array(250)))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "A message carries at most 208 bytes of configuration, not 250.",
    })
  })

  it("D42 tells whether the device applied a write", async () => {
    const isRefusing = false
    const tamper = change(SET_CONFIG, (frame) => {
      if (isRefusing) frame.setUint32(PAYLOAD + 8, 0, true)
    })
    const { device, clock } = await openDevice({ tamper })
    expect(await clock.run(device.writeConfig(4, Uint8Array.of(9, 8)))).toBe(true)
    expect(await clock.run(device.readConfig(3, 4))).toEqual(Uint8Array.of(3, 9, 8, 6))
  })

  it("D7 a write under the strict profile carries the generation that was read", async () => {
    const { device, clock } = await openDevice({ isStrict: true })
    await clock.run(device.readConfig(0, 4))
    expect(await clock.run(device.writeConfig(0, Uint8Array.of(7)))).toBe(true)
    expect(await clock.run(device.writeConfig(1, Uint8Array.of(6)))).toBe(true)
    expect(await clock.run(device.readConfig(0, 2))).toEqual(Uint8Array.of(7, 6))
  })
})
