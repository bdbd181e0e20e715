// What is right in another way fails no row: devices, buses and drivers that differ from ours wherever the text leaves
// it to them. The counterpart of the mutants.

import { describe, expect, it } from "vitest"
import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { systemClock, VirtualClock } from "../../host/src/clock.js"
import { ChannelPort } from "../../host/src/conformance/channel-port.js"
import { checkDevice } from "../../host/src/conformance/check-device.js"
import { checkDriver } from "../../host/src/conformance/check-driver.js"
import { driveOwn } from "../../host/src/conformance/driver/own-driver.js"
import type { Report } from "../../host/src/conformance/result.js"
import { TABLE } from "../../host/src/conformance/table.js"
import * as p from "../../shared-protocol/src/index.js"
import { type PlainPeerOptions, plainDevicePeer } from "../support/plain-device-peer.js"
import { type DriverFault, inProcessDriver } from "./in-process-driver.js"
import { I2cDeviceWithConfig } from "./mutants/wrong-device.js"

const LIMIT_MS = 3_600_000
const driverRows = TABLE.filter((row) => row.driver !== undefined)

function i2c(change: object = {}): p.DeviceModel {
  const chips = new SimulatedBus(
    demoChips(() => 0, allocateBytes),
    allocateBytes,
  )
  const pause = () => Promise.resolve()
  return Object.assign(new I2cDeviceWithConfig(chips, allocateBytes(0), pause, allocateBytes), change)
}

/** Gives as few bytes as it may. */
function meanRng(): p.DeviceModel {
  let seed = 1
  const source: p.EntropySource = {
    fill(into, offset, length) {
      for (let at = 0; at < length; at++) {
        seed = (seed * 1103515245 + 12345) >>> 0
        into[offset + at] = seed >>> 16
      }
    },
  }
  const rng = new p.RngDevice(source, allocateBytes(0))
  const serve = rng.serve.bind(rng)
  rng.serve = async (queueIndex, ring) => {
    const push = ring.push.bind(ring)
    ring.push = (head, length) => push(head, Math.max(1, length >> 1))
    const problem = await serve(queueIndex, ring)
    ring.push = push
    return problem
  }
  return rng
}

const isResponse = (frame: Uint8Array, msgId: number, type = 1) => frame[0] === type && frame[1] === msgId
const bytesOf = (...values: number[]) => Uint8Array.from(values)

/** Resets take some polls: the status stays for a while. */
function slowReset(): PlainPeerOptions["out"] {
  let polls = 0
  return (frame) => {
    const copy = Uint8Array.from(frame)
    if (isResponse(copy, p.SET_DEVICE_STATUS) && p.getU32(copy, 8) === 0) polls = 3
    const isPoll = isResponse(copy, p.GET_DEVICE_STATUS) || isResponse(copy, p.SET_DEVICE_STATUS)
    if (isPoll && polls-- > 0) p.putU32(copy, 8, 0x0f)
    return [copy]
  }
}

/** Shows at most 8 slots at a time. */
function narrowWindows(deviceNumbers: readonly number[]): PlainPeerOptions["out"] {
  return (frame) => {
    if (!isResponse(frame, p.GET_DEVICES, 3) || p.getU16(frame, 12) <= 8) return [frame]
    const copy = Uint8Array.from(frame.subarray(0, 15))
    p.putU16(copy, 6, 15)
    p.putU16(copy, 12, 8)
    const offset = p.getU16(copy, 8)
    p.putU16(copy, 10, deviceNumbers.find((devNum) => devNum >= offset + 8) ?? 0)
    return [copy]
  }
}

interface DeviceVariant extends Partial<PlainPeerOptions> {
  /** Recommendations that it does not follow. */
  readonly ignores?: readonly string[]
}

const DEVICES: Record<string, DeviceVariant> = {
  "has a queue of 4 descriptors": { models: [i2c({ queueMaxSizes: [4] })] },
  "has a queue of 1024": { models: [i2c({ queueMaxSizes: [1024] })] },
  "offers only what it cannot do without": { models: [i2c({ features: [1, 1], requiredFeatures: [1, 1] })] },
  "has ten feature blocks": { models: [i2c({ features: [1, 1, ...new Array(8).fill(0)] })] },
  "is no I2C adapter at all": { models: [meanRng()] },
  "has no queue that the suite knows": { models: [i2c({ deviceId: 0x7001 })] },
  "has numbers at the ends": { models: [i2c(), meanRng()], deviceNumbers: [0, 0xffff] },
  "has numbers far apart, and shows 8 slots at a time": {
    models: [i2c(), meanRng(), meanRng()],
    deviceNumbers: [6, 0x107, 0x8000],
    out: narrowWindows([6, 0x107, 0x8000]) as NonNullable<PlainPeerOptions["out"]>,
    ignores: ["B-S4"],
  },
  "carries 4096 bytes": { maxMessageSize: 4096, ignores: ["B-S2"] },
  "carries 53 bytes": { maxMessageSize: 53 },
  "is strict about generations": { isStrict: true },
  "has no bus messages": {
    deviceNumbers: [2],
    out: (frame) => (((frame[0] as number) & 2) !== 0 ? [] : [frame]),
  },
  "takes its time to reset": { out: slowReset() as NonNullable<PlainPeerOptions["out"]> },
  "pads what it sends": { out: (frame) => [bytesOf(...frame, 0, 0, 0, 0)] },
  "sends events of its own in between": {
    out: (frame) => [bytesOf(2, 0xc5, 0, 0, 0, 0, 9, 0, 1), frame, bytesOf(0, 0xe0, 0, 0, 0, 0, 8, 0)],
  },
  "gives events a token": {
    out: (frame) => [((frame[1] as number) & 0x40) !== 0 ? changedToken(frame, 0x7788) : frame],
  },
  "answers out of order": {
    latencyMs: (frame) => ((frame[1] as number) === p.GET_VQUEUE ? 7 : (frame[1] as number) & 1 ? 3 : 0.1),
  },
  "is slow": { latencyMs: () => 400 },
  "has a UUID and another vendor": {
    out: (frame) => {
      if (!isResponse(frame, p.GET_DEVICE_INFO)) return [frame]
      const copy = Uint8Array.from(frame)
      p.putU32(copy, 12, 0x1af4)
      copy.set(
        [0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x41, 0xd1, 0x80, 0xb4, 0, 0xc0, 0x4f, 0xd4, 0x30, 0xc8],
        16,
      )
      return [copy]
    },
  },
  "has a region of shared memory": {
    out: (frame) => {
      if (!isResponse(frame, p.GET_SHM) || p.getU32(frame, 8) !== 0) return [frame]
      const copy = Uint8Array.from(frame)
      p.putU32(copy, 16, 0x1000)
      p.putU32(copy, 24, 0x4000)
      return [copy]
    },
  },
}

function changedToken(frame: Uint8Array, token: number): Uint8Array {
  const copy = Uint8Array.from(frame)
  p.putU16(copy, 4, token)
  return copy
}

function notHeld({ results }: Report, ignores: readonly string[] = []): string[] {
  return results
    .filter(({ status, row }) => (status === "fail" || status === "blocked") && !ignores.includes(row.id))
    .map(({ row, status, detail }) => `${row.id} ${status}: ${detail}`)
}

describe("a device, or a bus, that", () => {
  it.each(Object.entries(DEVICES))("%s fails no row", async (_, { ignores, ...options }) => {
    const clock = new VirtualClock(1000)
    const { open } = plainDevicePeer(clock, { maxMessageSize: 264, models: [i2c()], ...options })
    const port = await ChannelPort.overPlain("in process", open, { clock })
    const report = await clock.run(checkDevice(port, { rows: TABLE }), LIMIT_MS)
    await port.close()
    expect(notHeld(report, ignores)).toEqual([])
    expect(report.results.filter(({ status }) => status === "pass").length).toBeGreaterThan(60)
  })
})

/** An extra request in front of each that `is` says, whose answer nobody waits for. */
function preceding(is: (frame: Uint8Array) => boolean, make: (frame: Uint8Array) => Uint8Array): DriverFault {
  return { send: (frame) => (is(frame) ? [changedToken(make(frame), 0xeeee), frame] : [frame]) }
}

const isRequest = (msgId: number) => (frame: Uint8Array) => frame[0] === 0 && frame[1] === msgId
const request = (frame: Uint8Array, msgId: number, ...payload: number[]) =>
  bytesOf(0, msgId, frame[2] as number, frame[3] as number, 0, 0, 8 + payload.length, 0, ...payload)

const DRIVERS: Record<string, DriverFault> = {
  "leaves the console alone": {
    work: async (bus) => {
      await driveOwn({ devices: async () => [], i2c: () => bus.i2c() } as unknown as typeof bus)
    },
  },
  "asks for the status in between": preceding(isRequest(p.GET_VQUEUE), (frame) =>
    request(frame, p.GET_DEVICE_STATUS),
  ),
  "asks who is there twice": preceding(isRequest(p.GET_DEVICE_INFO), (frame) =>
    request(frame, p.GET_DEVICE_INFO),
  ),
  "asks for shared memory": preceding(isRequest(p.GET_DEVICE_FEATURES), (frame) =>
    request(frame, p.GET_SHM, 0, 0, 0, 0),
  ),
  "pings before everything": {
    send: (frame) => [bytesOf(2, 3, 0, 0, 0xee, 0xee, 12, 0, 1, 2, 3, 4), frame],
  },
  "reads no byte of a configuration": preceding(isRequest(p.GET_DEVICE_FEATURES), (frame) =>
    request(frame, p.GET_CONFIG, 0, 0, 0, 0, 0, 0, 0, 0),
  ),
  "notifies twice": {
    send: (frame) => (isRequest(p.EVENT_AVAIL)(frame) ? [frame, frame] : [frame]),
  },
  "pads what it sends": { send: (frame) => [bytesOf(...frame, 0, 0)] },
  "has other tokens": {
    send: (frame) => [changedToken(frame, p.getToken(frame) ^ 0x5a5a)],
    receive: (frame) =>
      frame.length >= 8 && ((frame[0] as number) & 1) === 1
        ? [changedToken(frame, p.getToken(frame) ^ 0x5a5a)]
        : [frame],
  },
  "configures its queues in two steps": {
    send: (frame) => {
      if (!isRequest(p.SET_VQUEUE)(frame) || p.getU32(frame, 12) !== p.VQUEUE_ENABLE) return [frame]
      const fields = Uint8Array.from(frame)
      p.putU32(fields, 12, 0)
      const enable = Uint8Array.from(frame)
      p.putU32(enable, 12, p.VQUEUE_ENABLE | 0x3c)
      return [changedToken(fields, 0xeeee), enable]
    },
  },
}

describe("a driver that", () => {
  it.each(Object.entries(DRIVERS))("%s fails no row", async (name, variant) => {
    const report = await checkDriver(inProcessDriver(variant), { rows: driverRows, name, clock: systemClock })
    expect(notHeld(report)).toEqual([])
    expect(report.results.filter(({ status }) => status === "pass").length).toBeGreaterThan(60)
  })
})
