// The forwarder between a driver's window and a board's, of different sizes: chains, limits, hostile rings, epochs,
// devices that come and go. In memory, in virtual time.

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { PATIENCE_MS } from "../../host/src/node/forwarded-queue.js"
import { openGuestMessageBus } from "../../host/src/node/guest-message-bus.js"
import { MOST_REQUESTS } from "../../host/src/node/message-forwarder.js"
import { simulatedModels } from "../../host/src/node/plain-board.js"
import { getU32 } from "../../shared-protocol/src/bytes.js"
import type { DeviceModel } from "../../shared-protocol/src/device/device-model.js"
import type { TransportDevice } from "../../shared-protocol/src/device/transport-device.js"
import {
  DEVICE_ADDED,
  DEVICE_REMOVED,
  decodeEventDevice,
  decodeGetDevicesResponse,
  encodeGetDevicesRequest,
  encodePingRequest,
} from "../../shared-protocol/src/messages/bus.js"
import { encodeGetDeviceStatusRequest } from "../../shared-protocol/src/messages/status.js"
import { decodeGetVqueueResponse } from "../../shared-protocol/src/messages/vqueue.js"
import type { DeviceRing } from "../../shared-protocol/src/ring/device-ring.js"
import {
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_WRITE,
} from "../../shared-protocol/src/ring/layout.js"
import { MemoryLink, type MemoryLinkOptions } from "../support/memory-link.js"
import { NearDriver } from "../support/near-driver.js"

const RAM = 0x54
const FAIL_NEXT = 1
const READ = 2
const OK = 0
/** What no device writes as a status. */
const UNTOUCHED = 0xee

const header = (flags: number, address = RAM) => [address << 1, 0, 0, 0, flags, 0, 0, 0]

/** A device with one queue, of which nothing ever comes back. */
function keeper(): DeviceModel {
  return {
    deviceId: 4,
    features: [1, 1],
    requiredFeatures: [0, 1],
    queueMaxSizes: [64],
    config: new Uint8Array(0) as never,
    writeConfig: () => false,
    serve: () => Promise.resolve(""),
    reset() {},
  }
}

async function open(options: MemoryLinkOptions = {}, nearBytes = 16384) {
  const clock = new VirtualClock(1000)
  const link = new MemoryLink(clock, options)
  const bus = await clock.run(Bus.open(link, { clock, reopen: true }))
  const near = new NearDriver(nearBytes)
  const epochs: string[] = []
  const guest = openGuestMessageBus(
    bus,
    Object.assign(near, {
      begin(_: unknown, events: { onFrame(frame: Uint8Array): void; onConnect?(): void }) {
        epochs.push("begin")
        near.take = events.onFrame
        events.onConnect?.()
      },
      end() {
        epochs.push("end")
        near.take = () => {}
      },
    }),
  )
  const bringUp = async (devNum: number, size: number, rings = {}) => {
    near.resetDevice(devNum)
    await clock.advance(200)
    near.bringUp(devNum, size, rings)
    await clock.advance(200)
  }
  const kick = async (devNum = 0) => {
    near.kick(devNum)
    await clock.advance(200)
  }
  /** A write of a register's number and the read of what is there, with one kick. */
  const readRegister = async (register: number) => {
    near.offer(header(FAIL_NEXT), [register], 1)
    const { at } = near.offer(header(READ), 1, 1)
    await kick()
    return at.slice(1).map((offset) => near.bytes[offset])
  }
  const free = () => [bus.window.driverSpace.longestFree, bus.window.deviceSpace.longestFree]
  const close = async () => {
    guest.close()
    await clock.run(bus.close())
    await clock.advance(5000)
    expect(clock.pendingCount).toBe(0)
  }
  return { clock, link, bus, near, guest, epochs, bringUp, kick, readRegister, free, close }
}

describe("two windows of different size", () => {
  it.each([
    ["smaller", { driverAreaSize: 1024, deviceAreaSize: 512 }, 16384],
    ["larger", { driverAreaSize: 16384, deviceAreaSize: 16384 }, 2048],
  ])("chains come and go though the far one is %s", async (_, options, nearBytes) => {
    const { near, bringUp, readRegister, close } = await open(options, nearBytes)
    await bringUp(0, 8)
    expect(await readRegister(14)).toEqual([0x66, OK])
    expect(near.takeUsed()).toEqual([
      { head: 0, lengthBytes: 1 },
      { head: 3, lengthBytes: 2 },
    ])
    expect(near.outside).toEqual([])
    await close()
  })

  it("what a device wrote comes back, also behind the length that it claims: a status stands there", async () => {
    const { link, near, bringUp, readRegister, close } = await open()
    const [ring] = (link.endpoint.bus.devices[0] as TransportDevice).queues.rings
    const { push } = ring as DeviceRing
    Object.assign(ring as DeviceRing, { push: (head: number) => push.call(ring, head, 0) })
    await bringUp(0, 8)
    expect(await readRegister(14)).toEqual([0x66, OK])
    expect(near.takeUsed().map(({ lengthBytes }) => lengthBytes)).toEqual([0, 0])
    await close()
  })

  it("the driver sees its own addresses, and no larger queue than the far window has room for", async () => {
    const { clock, near, bringUp, close } = await open({ driverAreaSize: 1024, deviceAreaSize: 1024 })
    await bringUp(0, 4)
    const token = near.askQueue()
    await clock.advance(100)
    const [frame] = near.answers(token)
    const state = decodeGetVqueueResponse(frame as never)
    expect(state.ok && [state.value.maxSize, state.value.curSize, state.value.desc.low]).toEqual([4, 4, 64])
    await close()
  })

  it("a chain that never fits comes back, unserved, and those behind it are served", async () => {
    const { near, bringUp, kick, free, close } = await open({ driverAreaSize: 1024, deviceAreaSize: 1024 })
    await bringUp(0, 8)
    const before = free()
    const large = near.offer(header(0), Array(1032).fill(7), 1)
    near.bytes[large.at[2] as number] = UNTOUCHED
    const small = near.offer(header(0), [14], 1)
    near.bytes[small.at[2] as number] = UNTOUCHED
    await kick()
    expect(near.takeUsed()).toEqual([
      { head: large.head, lengthBytes: 0 },
      { head: small.head, lengthBytes: 1 },
    ])
    expect([near.bytes[large.at[2] as number], near.bytes[small.at[2] as number]]).toEqual([UNTOUCHED, OK])
    expect(near.usedEvents()).toBeGreaterThan(0)
    expect(free()).toEqual(before)
    await close()
  })

  it("chains that find no room wait for it, and go on in their order", async () => {
    const { near, bringUp, kick, close } = await open({ driverAreaSize: 2048, deviceAreaSize: 1024 })
    await bringUp(0, 32)
    const heads = Array.from({ length: 10 }, () => near.offer(header(0), [16, ...Array(400).fill(5)], 1).head)
    await kick()
    expect(near.takeUsed()).toEqual(heads.map((head) => ({ head, lengthBytes: 1 })))
    await close()
  })
})

describe("a chain that waits for the room of another device's buffers", () => {
  /** Device 1 has most of the far window, and a chain of device 0 waits for it. */
  async function withoutRoom() {
    const types = [...simulatedModels(new VirtualClock()).slice(0, 1), keeper()]
    const board = await open({ types, driverAreaSize: 2048, deviceAreaSize: 1024 })
    const { near, bringUp, kick } = board
    await bringUp(1, 4, {})
    near.offer(Array(1400).fill(1), 1)
    await kick(1)
    await bringUp(0, 4, {})
    const { head } = near.offer(header(0), Array(600).fill(7), 1)
    await kick(0)
    expect(near.takeUsed()).toEqual([])
    return { ...board, head }
  }

  it("goes over when they come back", async () => {
    const { near, clock, head, close } = await withoutRoom()
    near.resetDevice(1)
    await clock.advance(300)
    expect(near.takeUsed()).toEqual([{ head, lengthBytes: 1 }])
    await close()
  })

  it("comes back unserved when they do not", async () => {
    const { near, clock, head, close } = await withoutRoom()
    const before = near.usedEvents(0)
    await clock.advance(PATIENCE_MS)
    expect(near.takeUsed()).toEqual([{ head, lengthBytes: 0 }])
    expect(near.usedEvents(0)).toBe(before + 1)
    await close()
  })
})

describe("limits of messages", () => {
  it.each([
    ["52 bytes", 52, 60],
    ["a packet", 228, 60_000],
  ])(
    "a request longer than %s goes no further, and the next one is answered",
    async (_, maxMessageSize, length) => {
      const { clock, near, bus, close } = await open({ maxMessageSize })
      const lengths: number[] = []
      bus.trace.onMessage.on((direction, frame) => {
        if (direction === "out") lengths.push(frame.length)
      })
      const long = near.request(length, (frame) => {
        encodePingRequest(frame, 1)
        frame[6] = length & 0xff
        frame[7] = length >> 8
      })
      const short = near.request(12, (frame) => encodePingRequest(frame, 2))
      await clock.advance(500)
      expect(near.answers(long)).toEqual([])
      expect(near.answers(short)).toHaveLength(1)
      expect(Math.max(...lengths)).toBeLessThanOrEqual(maxMessageSize)
      await close()
    },
  )

  it("requests without end do not pile up", async () => {
    const { clock, near, guest, close } = await open()
    for (let n = 0; n < 10 * MOST_REQUESTS; n++) near.request(12, (frame) => encodePingRequest(frame, n))
    expect(guest.forwarder.counts.requests).toBe(MOST_REQUESTS)
    await clock.advance(5000)
    const later = near.request(12, (frame) => encodePingRequest(frame, 1))
    await clock.advance(500)
    expect(near.answers(later)).toHaveLength(1)
    await close()
  })
})

describe("a hostile driver", () => {
  const outside = { at: 0x7fff_0000, lengthBytes: 4 }
  it.each([
    ["a descriptor behind the window", [{ ...outside, flags: 0, next: 0 }]],
    ["one that ends behind it", [{ at: 16380, lengthBytes: 5, flags: 0, next: 0 }]],
    ["one as long as 32 bits say", [{ at: 512, lengthBytes: 0xffffffff, flags: DESCRIPTOR_WRITE, next: 0 }]],
    ["one above 4 GiB", [{ at: 512, high: 1, lengthBytes: 8, flags: 0, next: 0 }]],
    ["a chain without end", [{ at: 512, lengthBytes: 1, flags: DESCRIPTOR_NEXT, next: 0 }]],
    ["a chain into no descriptor", [{ at: 512, lengthBytes: 8, flags: DESCRIPTOR_NEXT, next: 200 }]],
    ["an indirect table", [{ at: 512, lengthBytes: 32, flags: DESCRIPTOR_INDIRECT, next: 0 }]],
  ])("gets %s back, and nothing outside is touched", async (_, descriptors) => {
    const { near, bringUp, kick, bus, readRegister, close } = await open()
    await bringUp(0, 16)
    const avails: number[] = []
    bus.trace.onMessage.on((direction, frame) => {
      if (direction === "out" && frame[1] === 0x41) avails.push(1)
    })
    for (const [index, descriptor] of descriptors.entries()) near.describe(index, descriptor)
    near.offerHead(0)
    near.offerHead(900)
    await kick()
    expect(near.takeUsed()).toEqual([
      { head: 0, lengthBytes: 0 },
      { head: 900, lengthBytes: 0 },
    ])
    expect(near.outside).toEqual([])
    expect(avails).toEqual([])
    expect(await readRegister(14)).toEqual([0x66, OK])
    await close()
  })

  it.each([
    ["behind the window", { desc: 16384 - 16 }],
    ["at 0", { avail: 0 }],
    ["that ends behind it", { used: 16384 - 8 }],
  ])("has no queue with a ring %s", async (_, rings) => {
    const { clock, near, bringUp, kick, close } = await open()
    await bringUp(0, 16, rings)
    await kick()
    const token = near.askQueue()
    await clock.advance(100)
    expect(getU32(near.answers(token)[0] as never, 16)).toBe(0)
    expect(near.outside).toEqual([])
    await close()
  })

  it("cannot have more chains out than its queue holds, however often it says so", async () => {
    const board = await open({ types: [keeper()] })
    const { near, bringUp, kick, guest } = board
    await bringUp(0, 4)
    near.describe(0, { at: 1024, lengthBytes: 1, flags: DESCRIPTOR_WRITE, next: 0 })
    let reads = 0
    const { read } = near.window
    near.window.read = (offset, count) => {
      if (count === 16) reads++
      return read(offset, count)
    }
    for (let round = 1; round <= 50; round++) {
      near.setAvailable(4 * round)
      await kick()
    }
    expect(reads).toBe(4)
    expect(guest.forwarder.counts.events).toBe(50)
    await board.close()
  })

  it.each([[[]], [[0, 3, 0, 0, 0, 0, 255, 255]], [[0, 3, 0, 0, 0, 0, 0, 0]], [[1, 3, 0, 0, 0, 0, 8, 0]]])(
    "says nothing with %j",
    async (bytes) => {
      const { clock, near, guest, close } = await open()
      near.take(Uint8Array.from(bytes))
      await clock.advance(2000)
      expect({ counts: guest.forwarder.counts, frames: near.frames }).toEqual({
        counts: { requests: 0, events: 0 },
        frames: [],
      })
      await close()
    },
  )
})

describe("an epoch", () => {
  it("ends with requests in flight: none is answered twice or late, and a new one begins", async () => {
    const { clock, link, near, epochs, bringUp, readRegister, close } = await open()
    await bringUp(0, 16)
    link.restart()
    const tokens = Array.from({ length: 8 }, () =>
      near.request(8, (frame) => encodeGetDeviceStatusRequest(frame, 0)),
    )
    near.offer(header(0), [14], 1)
    near.kick()
    await clock.advance(5000)
    expect(epochs).toEqual(["begin", "end", "begin"])
    expect(tokens.flatMap((token) => near.answers(token))).toEqual([])
    expect(near.takeUsed()).toEqual([])
    await bringUp(0, 16)
    expect(await readRegister(14)).toEqual([0x66, OK])
    await close()
  })
})

describe("a device", () => {
  it("that comes and goes is announced, is there for both, and leaves nothing in the window", async () => {
    const { clock, link, bus, near, bringUp, kick, free, close } = await open()
    const before = free()
    const listed = async () => {
      const token = near.request(12, (frame) => encodeGetDevicesRequest(frame, { offset: 0, count: 16 }))
      await clock.advance(200)
      const list = decodeGetDevicesResponse(near.answers(token)[0] as never)
      return list.ok ? list.value.deviceNumbers : []
    }
    const devNum = link.endpoint.bus.plug(keeper())
    link.post(pingOfTheDevice())
    await clock.advance(200)
    expect(await listed()).toEqual(await clock.run(bus.devices()))
    await bringUp(devNum, 4)
    near.offer(100)
    await kick(devNum)
    expect(free()).not.toEqual(before)
    link.endpoint.bus.unplug(devNum)
    link.post(pingOfTheDevice())
    await clock.advance(200)
    const events = near.frames
      .map((frame) => decodeEventDevice(frame as never))
      .flatMap((event) => (event.ok ? [event.value] : []))
    expect(events).toEqual([
      { deviceNumber: devNum, busState: DEVICE_ADDED },
      { deviceNumber: devNum, busState: DEVICE_REMOVED },
    ])
    expect(await listed()).toEqual([0])
    expect(free()).toEqual(before)
    await close()
  })
})

/** A message that no driver waits for: the device's end sends what it has to say with it. */
function pingOfTheDevice(): Uint8Array {
  const frame = new Uint8Array(12)
  encodePingRequest(frame as never, 0)
  return frame
}
