// The bus's driver side against a device end that answers late, twice, wrongly or not at all, and links that break.

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { HEARTBEAT_MS } from "../../host/src/bus/heartbeat.js"
import { VirtualClock } from "../../host/src/clock.js"
import type { VirtioMsgError } from "../../host/src/errors.js"
import { OpenedBus } from "../../host/src/opened-bus.js"
import { PACKET_HEADER_SIZE } from "../../shared-protocol/src/mailbox/packet.js"
import type { DeviceEvent } from "../../shared-protocol/src/messages/bus.js"
import { encodeGetDeviceStatusRequest } from "../../shared-protocol/src/messages/status.js"
import { MemoryLink, type MemoryLinkOptions } from "../support/memory-link.js"

const TYPE_BUS_RESPONSE = 3
const GET_DEVICES = 2
const PING = 3
const HELLO = 0x80
const GET_DEVICE_STATUS = 7
/** No record of a packet begins with it. */
const UNKNOWN_TAG = 0x7f

type Tamper = NonNullable<MemoryLinkOptions["tamper"]>

async function open(options: MemoryLinkOptions = {}) {
  const clock = new VirtualClock(1000)
  const link = new MemoryLink(clock, options)
  const bus = await clock.run(Bus.open(link, { clock }))
  return { clock, link, bus }
}

function failureOf(call: Promise<unknown>): Promise<VirtioMsgError> {
  return call.then(
    () => {
      throw new Error("no failure")
    },
    (error) => error,
  )
}

/** Changes the response to this bus message in place. */
function changeBus(msgId: number, how: (frame: DataView, times: number) => void): Tamper {
  let times = 0
  return (frame) => {
    if (frame[0] !== TYPE_BUS_RESPONSE || frame[1] !== msgId) return frame
    const copy = Uint8Array.from(frame)
    how(new DataView(copy.buffer), times++)
    return copy
  }
}

function statusRequest(): Uint8Array {
  const request = new Uint8Array(8)
  encodeGetDeviceStatusRequest(request, 0)
  return request
}

describe("HELLO", () => {
  it("does not connect a bus when the packet that brings it breaks the protocol behind it", async () => {
    const clock = new VirtualClock(1000)
    const link = new MemoryLink(clock)
    const opening = link.open.bind(link)
    link.open = (events) =>
      opening({ ...events, onPacket: (packet) => events.onPacket(Uint8Array.of(...packet, UNKNOWN_TAG)) })
    const error = await clock.run(failureOf(Bus.open(link, { clock })))
    expect(error).toMatchObject({ code: "PROTOCOL" })
    expect(clock.pendingCount).toBe(0)
  })

  it.each([
    ["another bus version", 8 + 4, 2, "VERSION_MISMATCH"],
    ["another protocol", 8, 1, "VERSION_MISMATCH"],
  ] as const)("refuses %s", async (_name, at, value, code) => {
    const clock = new VirtualClock(1000)
    const tamper = changeBus(HELLO, (frame) => frame.setUint8(at, value))
    const error = await clock.run(failureOf(Bus.open(new MemoryLink(clock, { tamper }), { clock })))
    expect(error).toMatchObject({ code, message: expect.stringMatching(/^The firmware on memory speaks/) })
    expect(clock.pendingCount).toBe(0)
  })

  it.each([
    ["messages shorter than 52 bytes", 8 + 6, 51, "allows messages of 51 bytes, the specification wants 52"],
    ["no room for packets", 8 + 22, 0, "has no room for packets"],
    ["an area of no bytes", 8 + 16, 0, "offers a window area of 0 bytes"],
    ["an area that spans cannot name", 8 + 18, 0xffff, "offers a window area of 65535 bytes"],
  ] as const)("refuses %s", async (_name, at, value, message) => {
    const clock = new VirtualClock(1000)
    const tamper = changeBus(HELLO, (frame) => {
      if (at === 8 + 22) frame.setUint8(at, value)
      else frame.setUint16(at, value, true)
    })
    const error = await clock.run(failureOf(Bus.open(new MemoryLink(clock, { tamper }), { clock })))
    expect(error).toMatchObject({ code: "PROTOCOL", message: `The firmware on memory ${message}.` })
  })

  it("connects when the first answers take longer than the first epoch's patience", async () => {
    const clock = new VirtualClock(1000)
    const link = new MemoryLink(clock)
    const opening = link.open.bind(link)
    // Every answer is late until one comes that belongs to the newest epoch.
    let isSlow = true
    let newest = 0
    const late = (packet: Uint8Array, deliver: () => void) => {
      const epoch = new DataView(packet.buffer, packet.byteOffset).getUint16(1, true)
      newest = epoch
      clock.schedule(isSlow ? 1400 : 1, () => {
        if (epoch === newest) isSlow = false
        deliver()
      })
    }
    link.open = (events) =>
      opening({ ...events, onPacket: (packet) => late(packet, () => events.onPacket(packet)) })
    const bus = await clock.run(Bus.open(link, { clock }))
    expect(await clock.run(bus.devices())).toEqual([0])
    await clock.run(bus.close())
  })

  it("gives up within 3 s when nothing answers", async () => {
    const clock = new VirtualClock(1000)
    const link = new MemoryLink(clock, { tamper: () => undefined })
    const error = await clock.run(failureOf(Bus.open(link, { clock })))
    expect(error).toMatchObject({ code: "CONNECT_FAILED", message: "Nothing answered HELLO on memory." })
    expect(clock.now()).toBeLessThanOrEqual(4000)
    expect(clock.pendingCount).toBe(0)
  })
})

describe("requests", () => {
  it("F9 a response that comes twice completes once", async () => {
    const { bus, clock, link } = await open()
    const answer = await clock.run(bus.request(statusRequest()))
    link.post(answer)
    await clock.advance(5)
    expect(bus.discardedCount).toBe(1)
    await clock.run(bus.ping())
  })

  it("a response that comes after its request's TIMEOUT is discarded, and answers no later request", async () => {
    let late: Uint8Array | undefined
    const tamper: Tamper = (frame) => {
      if (late || frame[0] !== 1 || frame[1] !== GET_DEVICE_STATUS) return frame
      late = Uint8Array.from(frame)
      late[8] = 0x0f // what the status was then
      return undefined
    }
    const { bus, clock, link } = await open({ tamper })
    expect(await clock.run(failureOf(bus.request(statusRequest())))).toMatchObject({ code: "TIMEOUT" })
    const next = bus.request(statusRequest())
    link.post(late as unknown as Uint8Array) // it overtakes the answer of the second request
    expect((await clock.run(next))[8]).toBe(0)
    expect(bus.discardedCount).toBe(1)
  })

  it.each([
    ["another token", 4, 99],
    ["another device", 2, 5],
    ["another message", 1, 8],
    ["a bus message's type", 0, 3],
  ] as const)("D10 a response with %s is discarded, and the request ends in time", async (_n, at, value) => {
    const tamper: Tamper = (frame) => {
      if (frame[0] !== 1 || frame[1] !== GET_DEVICE_STATUS) return frame
      const copy = Uint8Array.from(frame)
      copy[at] = value
      return copy
    }
    const { bus, clock } = await open({ tamper })
    const beforeMs = clock.now()
    const error = await clock.run(failureOf(bus.request(statusRequest())))
    expect(error).toMatchObject({ code: "TIMEOUT", maybeExecuted: true })
    expect(clock.now() - beforeMs).toBe(1000)
    expect(bus.discardedCount).toBe(1)
  })

  it("gives 300 requests in flight tokens of their own, none of them 0", async () => {
    const tokens = new Set<number>()
    const { bus, clock } = await open()
    bus.trace.onMessage.on((direction, frame) => {
      if (direction === "out") tokens.add((frame[4] as number) | ((frame[5] as number) << 8))
    })
    await clock.run(Promise.all(Array.from({ length: 300 }, () => bus.request(statusRequest()))))
    expect(tokens.size).toBe(300)
    expect(tokens.has(0)).toBe(false)
  })

  it("a token comes round again after 65535 requests, and never while it is in use", async () => {
    const { bus, clock } = await open()
    const slow = bus.request(statusRequest())
    // one of them is kept: its answer is held back by asking a device that is not there
    const absent = new Uint8Array(8)
    encodeGetDeviceStatusRequest(absent, 9)
    const kept = bus.request(absent, 1e9).catch((error) => error)
    await clock.run(slow)
    const keptToken = (absent[4] as number) | ((absent[5] as number) << 8)
    let isReused = false
    bus.trace.onMessage.on((direction, frame) => {
      const token = (frame[4] as number) | ((frame[5] as number) << 8)
      if (direction === "out" && token === keptToken) isReused = true
    })
    for (let sent = 0; sent < 66_000; sent += 500)
      await clock.run(Promise.all(Array.from({ length: 500 }, () => bus.request(statusRequest()))))
    expect(isReused).toBe(false)
    await bus.close()
    expect(await kept).toMatchObject({ code: "LINK_CLOSED" })
  })

  it("PING says PROTOCOL when other data comes back", async () => {
    const { bus, clock } = await open({
      tamper: changeBus(PING, (frame) => frame.setUint32(8, 0x12345678, true)),
    })
    expect(await clock.run(failureOf(bus.ping()))).toMatchObject({ code: "PROTOCOL" })
  })
})

describe("GET_DEVICES", () => {
  it("B47 follows next_offset over gaps", async () => {
    const numbers = [0, 3, 303, 304, 5000, 65535]
    const type = {
      deviceId: 41,
      features: [0, 1],
      requiredFeatures: [0, 1],
      queueMaxSizes: [],
      config: new Uint8Array(0),
      writeConfig: () => false,
      serve: async () => "",
      reset() {},
    }
    const { bus, clock } = await open({ types: numbers.map(() => type), deviceNumbers: numbers })
    expect(await clock.run(bus.devices())).toEqual(numbers)
  })

  it.each([
    ["goes back", 0, "next_offset 10 after 10"],
    ["answers about another window", 1, "asked for 304 numbers from 0, got 304 from 5"],
    ["answers about more than was asked for", 2, "asked for 304 numbers from 0, got"],
  ] as const)("ends with PROTOCOL when the device %s", async (_name, kind, message) => {
    const tamper = changeBus(GET_DEVICES, (frame, times) => {
      if (kind === 0) {
        frame.setUint16(8, times === 0 ? 0 : 10, true)
        frame.setUint16(10, 10, true)
      } else if (kind === 1) frame.setUint16(8, 5, true)
      else frame.setUint16(12, 305, true)
    })
    const { bus, clock } = await open({ tamper })
    const error = await clock.run(failureOf(bus.devices()))
    expect(error.code).toBe("PROTOCOL")
    expect(error.hint).toMatch(/If the firmware is ours, reinstall it; if not, virtio-msg conform/)
    if (kind < 2) expect(error.message).toContain(message)
  })

  it("ends with PROTOCOL when the device never comes to an end", async () => {
    const tamper = changeBus(GET_DEVICES, (frame) =>
      frame.setUint16(10, (frame.getUint16(8, true) + 1) & 0xffff, true),
    )
    const { bus, clock } = await open({ tamper })
    expect(await clock.run(failureOf(bus.devices()))).toMatchObject({
      code: "PROTOCOL",
      message: expect.stringMatching(/has not ended after \d+ requests/),
    })
  })
})

describe("events", () => {
  it("B53 tells of devices that come and go, and counts what is malformed", async () => {
    const { bus, clock, link } = await open()
    const events: DeviceEvent[] = []
    bus.onDevice.on((event) => events.push(event))
    link.post(Uint8Array.of(2, 0x40, 0, 0, 0, 0, 12, 0, 3, 0, 1, 0))
    link.post(Uint8Array.of(2, 0x40, 0, 0, 0, 0, 8, 0)) // without a payload
    link.post(Uint8Array.of(2, 0x41, 0, 0, 0, 0, 8, 0)) // no such bus event
    link.post(Uint8Array.of(0, 7, 0, 0, 0, 0, 8, 0)) // a request, to us
    link.post(Uint8Array.of(0, 7, 0)) // not even a header
    await clock.advance(10)
    expect(events).toHaveLength(1)
    expect(events[0]).toEqual({ deviceNumber: 3, busState: 1 })
    expect(bus.discardedCount).toBe(4)
    await clock.run(bus.ping())
  })
})

describe("a link that breaks", () => {
  it("ends everything that is in flight, once, and for good", async () => {
    const { bus, clock, link } = await open()
    const lost: VirtioMsgError[] = []
    bus.onLost.on((error) => lost.push(error))
    const calls = [bus.request(statusRequest()), bus.ping(), bus.devices()].map(failureOf)
    await Promise.resolve()
    link.breakOff(new Error("unplugged"))
    for (const error of await clock.run(Promise.all(calls)))
      expect(error).toMatchObject({ code: "LINK_CLOSED", message: "memory is gone." })
    expect(lost).toHaveLength(1)
    expect(await clock.run(failureOf(bus.ping()))).toMatchObject({ code: "LINK_CLOSED" })
    link.breakOff()
    await bus.close()
    expect(lost).toHaveLength(1)
    expect(clock.pendingCount).toBe(0)
  })

  it("ends the opening, when it breaks then", async () => {
    const clock = new VirtualClock(1000)
    const link = new MemoryLink(clock, { tamper: () => undefined })
    const opening = failureOf(Bus.open(link, { clock }))
    await clock.advance(50)
    link.breakOff()
    expect(await clock.run(opening)).toMatchObject({ code: "LINK_CLOSED" })
    expect(clock.pendingCount).toBe(0)
  })
})

describe("a device that falls silent", () => {
  it("is given up within 3 s, connected to again when it speaks, and asked again by the next call", async () => {
    let isSilent = false
    const { bus, clock, link } = await open({ tamper: (frame) => (isSilent ? undefined : frame) })
    const send = link.send.bind(link)
    link.send = (packet) => {
      if (!isSilent) send(packet)
    }
    isSilent = true
    const beforeMs = clock.now()
    expect(await clock.run(failureOf(bus.ping()))).toMatchObject({ code: "TIMEOUT" })
    expect(clock.now() - beforeMs).toBeLessThanOrEqual(3000)
    await clock.advance(5000)
    const epochCount = bus.epochCount
    const waiting = bus.ping()
    await clock.advance(1000)
    isSilent = false
    await clock.run(waiting)
    expect(bus.epochCount).toBe(epochCount + 1)
  })
})

describe("a link without a throttle", () => {
  it("brings a long read as fast as it carries packets: nothing waits for the heartbeat", async () => {
    const { clock, link, bus } = await open()
    const sent: number[] = []
    const opened = new OpenedBus(bus)
    const i2c = await clock.run(opened.i2c())
    const beganMs = clock.now()
    bus.trace.onPacket.on((direction, packet) => {
      if (direction === "out") sent.push(packet.length)
    })
    const reads = [0, 1, 2].map(() => i2c.transfer(0x50, [{ write: [0] }, { read: 1000 }]))
    for (const [data] of await clock.run(Promise.all(reads))) expect(data).toHaveLength(1000)
    expect(link.endpoint.mailbox.resentCount).toBe(0)
    // 14 packets of the device's, a few each millisecond
    expect(clock.now() - beganMs).toBeLessThan(HEARTBEAT_MS)
    // the requests, and one acknowledgement for every three packets
    expect(sent.filter((length) => length === PACKET_HEADER_SIZE).length).toBeLessThanOrEqual(5)
    await opened.close()
  })
})
