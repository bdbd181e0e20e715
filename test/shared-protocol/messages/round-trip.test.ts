// What our encoders write, our decoders read back, whatever the values.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import * as protocol from "../../../shared-protocol/src/index.js"
import { fc } from "../../support/seeded-fast-check.js"
import { address64, randomBytes, u16, u32 } from "../support/arbitraries.js"

/** Encodes into exactly as many bytes as the message takes, and expects a header that says so. */
function encoded(encode: (frame: protocol.ByteBuf) => number): protocol.ByteBuf {
  const room = allocateBytes(300)
  room.fill(0xee)
  const size = encode(room)
  expect(room[size]).toBe(0xee)
  const frame = allocateBytes(size)
  expect(encode(frame)).toBe(size) // V23, D15
  expect(protocol.getU16(frame, 6)).toBe(size)
  expect(protocol.getToken(frame)).toBe(0)
  return frame
}

/** The value of a decoder that must accept. */
function accepted<T>(result: protocol.Decoded<T>): T {
  if (!result.ok) throw new Error(result.reason)
  return result.value
}

const info = fc.record({
  deviceId: u32,
  vendorId: u32,
  uuid: randomBytes(16, 16),
  numFeatureBlocks: u32,
  configSize: u32,
  maxVirtqueues: u32,
  adminVqStart: u32,
  adminVqCount: u32,
})
const blocks = fc
  .tuple(u32, fc.array(u32, { maxLength: 60 }))
  .map(([blockIndex, features]) => ({ blockIndex, numBlocks: features.length, features }))
const config = fc
  .tuple(u32, u32, randomBytes(200), fc.integer({ min: 0, max: 9 }))
  .map(([generation, offset, data, dataOffset]) => ({
    generation,
    offset,
    length: Math.max(0, data.length - dataOffset),
    data,
    dataOffset,
  }))
const addresses = { desc: address64, driver: address64, device: address64 }
const vqueueState = fc.record({ index: u32, maxSize: u32, curSize: u32, flags: u32, ...addresses })
const vqueueSetting = fc.record({ index: u32, flags: u32, size: u32, reserved: u32, ...addresses })
const region = fc.record({ shmid: u32, length: address64, address: address64 })
const hello = fc.record({
  protocolHash: u32,
  busVersion: u16,
  maxMessageSize: u16,
  revision: u32,
  transportFeatures: u32,
  driverAreaSize: u16,
  deviceAreaSize: u16,
  epoch: u16,
  receiveCredit: fc.nat(255),
  hasSimulatedChips: fc.boolean(),
  firmwareVersion: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
  board: fc.string({ maxLength: 32 }).filter((name) => !name.includes("\0")),
})

/** The data of a configuration message as plain numbers. */
function dataOf(value: protocol.ConfigData): number[] {
  return Array.from({ length: value.length }, (_, i) => Number(value.data[value.dataOffset + i]))
}

describe("what is encoded is decoded to the same", () => {
  it("GET_DEVICE_INFO response", () => {
    fc.assert(
      fc.property(info, u16, (value, devNum) => {
        const frame = encoded((room) => protocol.encodeGetDeviceInfoResponse(room, devNum, value))
        expect(protocol.getU16(frame, 2)).toBe(devNum)
        expect(accepted(protocol.decodeGetDeviceInfoResponse(frame, allocateBytes(16)))).toEqual(value)
      }),
      { numRuns: 50 },
    )
  })

  it("feature blocks, offered and selected", () => {
    fc.assert(
      fc.property(blocks, u16, (value, devNum) => {
        const offered = encoded((room) => protocol.encodeGetDeviceFeaturesResponse(room, devNum, value))
        expect(accepted(protocol.decodeGetDeviceFeaturesResponse(offered))).toEqual(value)
        const selected = encoded((room) => protocol.encodeSetDriverFeaturesRequest(room, devNum, value))
        expect(accepted(protocol.decodeSetDriverFeaturesRequest(selected))).toEqual(value)
        const { blockIndex, numBlocks } = value
        const asked = encoded((room) =>
          protocol.encodeGetDeviceFeaturesRequest(room, devNum, { blockIndex, numBlocks }),
        )
        expect(accepted(protocol.decodeGetDeviceFeaturesRequest(asked))).toEqual({ blockIndex, numBlocks })
      }),
      { numRuns: 50 },
    )
  })

  it("the three configuration messages with data", () => {
    fc.assert(
      fc.property(config, u16, (value, devNum) => {
        const wanted = { generation: value.generation, offset: value.offset, data: dataOf(value) }
        const check = (got: protocol.ConfigData) =>
          expect({ generation: got.generation, offset: got.offset, data: dataOf(got) }).toEqual(wanted)
        const read = encoded((room) => protocol.encodeGetConfigResponse(room, devNum, value))
        check(accepted(protocol.decodeGetConfigResponse(read)))
        const write = encoded((room) => protocol.encodeSetConfigRequest(room, devNum, value))
        check(accepted(protocol.decodeSetConfigRequest(write)))
        const written = encoded((room) => protocol.encodeSetConfigResponse(room, devNum, value))
        check(accepted(protocol.decodeSetConfigResponse(written)))
      }),
      { numRuns: 50 },
    )
  })

  it("GET_CONFIG request, GET_SHM, indexes and statuses", () => {
    fc.assert(
      fc.property(u32, u32, u16, region, (a, b, devNum, shm) => {
        const range = { offset: a, length: b }
        const asked = encoded((room) => protocol.encodeGetConfigRequest(room, devNum, range))
        expect(accepted(protocol.decodeGetConfigRequest(asked))).toEqual(range)
        const shmAsked = encoded((room) => protocol.encodeGetShmRequest(room, devNum, a))
        expect(accepted(protocol.decodeGetShmRequest(shmAsked))).toBe(a)
        const shmTold = encoded((room) => protocol.encodeGetShmResponse(room, devNum, shm))
        expect(accepted(protocol.decodeGetShmResponse(shmTold))).toEqual(shm)
        const index = encoded((room) => protocol.encodeGetVqueueRequest(room, devNum, a))
        expect(accepted(protocol.decodeGetVqueueRequest(index))).toBe(a)
        const reset = encoded((room) => protocol.encodeResetVqueueRequest(room, devNum, a))
        expect(accepted(protocol.decodeResetVqueueRequest(reset))).toBe(a)
        const status = encoded((room) => protocol.encodeSetDeviceStatusRequest(room, devNum, a))
        expect(accepted(protocol.decodeSetDeviceStatusRequest(status))).toBe(a)
        const result = encoded((room) => protocol.encodeSetDeviceStatusResponse(room, devNum, a))
        expect(accepted(protocol.decodeSetDeviceStatusResponse(result))).toBe(a)
        const got = encoded((room) => protocol.encodeGetDeviceStatusResponse(room, devNum, a))
        expect(accepted(protocol.decodeGetDeviceStatusResponse(got))).toBe(a)
      }),
      { numRuns: 50 },
    )
  })

  it("virtqueue states and settings", () => {
    fc.assert(
      fc.property(vqueueState, vqueueSetting, u16, (state, setting, devNum) => {
        const told = encoded((room) => protocol.encodeGetVqueueResponse(room, devNum, state))
        expect(accepted(protocol.decodeGetVqueueResponse(told))).toEqual(state)
        const asked = encoded((room) => protocol.encodeSetVqueueRequest(room, devNum, setting))
        expect(accepted(protocol.decodeSetVqueueRequest(asked))).toEqual(setting)
      }),
      { numRuns: 50 },
    )
  })

  it("events", () => {
    fc.assert(
      fc.property(config, u32, fc.boolean(), u16, (value, deviceStatus, hasData, devNum) => {
        const event = { ...value, deviceStatus, hasData }
        const frame = encoded((room) => protocol.encodeEventConfig(room, devNum, event))
        const got = accepted(protocol.decodeEventConfig(frame))
        expect([got.deviceStatus, got.generation, got.offset, got.length]).toEqual([
          deviceStatus,
          value.generation,
          value.offset,
          value.length,
        ])
        expect(got.hasData).toBe(hasData && value.length > 0)
        if (got.hasData) expect(dataOf(got)).toEqual(dataOf(value))
        const avail = { vqIndex: deviceStatus, nextOffset: value.generation }
        const announced = encoded((room) => protocol.encodeEventAvail(room, devNum, avail))
        expect(accepted(protocol.decodeEventAvail(announced))).toEqual(avail)
        const used = encoded((room) => protocol.encodeEventUsed(room, devNum, deviceStatus))
        expect(accepted(protocol.decodeEventUsed(used))).toBe(deviceStatus)
      }),
      { numRuns: 50 },
    )
  })

  it("the bus's messages", () => {
    fc.assert(
      fc.property(u32, u16, u16, hello, (data, a, b, value) => {
        const ping = encoded((room) => protocol.encodePingRequest(room, data))
        expect(accepted(protocol.decodePingRequest(ping))).toBe(data)
        const pong = encoded((room) => protocol.encodePingResponse(room, data))
        expect(accepted(protocol.decodePingResponse(pong))).toBe(data) // B50
        const window = { offset: a, count: b }
        const asked = encoded((room) => protocol.encodeGetDevicesRequest(room, window))
        expect(accepted(protocol.decodeGetDevicesRequest(asked))).toEqual(window)
        const event = { deviceNumber: a, busState: b }
        const plugged = encoded((room) => protocol.encodeEventDevice(room, event))
        expect(accepted(protocol.decodeEventDevice(plugged))).toEqual(event)
        const { protocolHash, busVersion } = value
        const greeting = encoded((room) => protocol.encodeHelloRequest(room, { protocolHash, busVersion }))
        expect(accepted(protocol.decodeHelloRequest(greeting))).toEqual({ protocolHash, busVersion })
        const answer = encoded((room) => protocol.encodeHelloResponse(room, value))
        expect(accepted(protocol.decodeHelloResponse(answer))).toEqual(value)
      }),
      { numRuns: 100 },
    )
  })
})
