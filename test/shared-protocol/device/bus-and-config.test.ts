// The device end's own messages, its epochs, and the configuration space of a device that has one.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import * as p from "../../../shared-protocol/src/index.js"
import { DeviceHarness } from "../support/device-harness.js"

/** A device with 8 bytes of configuration, of which the last cannot be written. */
class ConfigDevice implements p.DeviceModel {
  readonly deviceId = 41
  readonly features = [0, 1]
  readonly requiredFeatures = [0, 1]
  readonly queueMaxSizes: number[] = []
  readonly config = allocateBytes(8)

  writeConfig(offset: number, data: p.ByteBuf, dataOffset: number, length: number): boolean {
    if (offset + length > 7) return false
    p.copyBytes(this.config, offset, data, dataOffset, length)
    return true
  }
  async serve(): Promise<string> {
    return ""
  }
  reset(): void {}
}

function withConfig(isStrict: boolean) {
  const device = new DeviceHarness({ models: [new ConfigDevice()], isStrict })
  const get = async (offset: number, length: number) => {
    const response = await device.ask((frame) => p.encodeGetConfigRequest(frame, 0, { offset, length }))
    const decoded = response && p.decodeGetConfigResponse(response)
    return decoded?.ok ? { ...decoded.value, data: [...(response ?? [])].slice(20) } : undefined
  }
  const set = async (generation: number, offset: number, ...data: number[]) => {
    const config = { generation, offset, length: data.length, data, dataOffset: 0 }
    const response = await device.ask((frame) => p.encodeSetConfigRequest(frame, 0, config))
    const decoded = response && p.decodeSetConfigResponse(response)
    return decoded?.ok ? { length: decoded.value.length, generation: decoded.value.generation } : undefined
  }
  return { device, get, set }
}

describe("the configuration space", () => {
  it("V7 V8 V44 V45 V47 is written whatever the generation in the baseline profile, and changes its own", async () => {
    const { get, set } = withConfig(false)
    expect(await set(77, 1, 5, 6)).toEqual({ length: 2, generation: 1 })
    expect(await get(0, 4)).toMatchObject({ generation: 1, offset: 0, length: 4, data: [0, 5, 6, 0] })
  })

  it("V14 is written only with the current generation in the strict one", async () => {
    const { get, set } = withConfig(true)
    expect(await set(9, 0, 1)).toEqual({ length: 0, generation: 0 })
    expect(await set(0, 0, 1)).toEqual({ length: 1, generation: 1 })
    expect((await get(0, 1))?.data).toEqual([1])
  })

  it("V46 V47 V48 is left alone by a write that is empty, refused, or out of bounds", async () => {
    const { get, set } = withConfig(false)
    for (const write of [
      () => set(0, 0),
      () => set(0, 6, 1, 2),
      () => set(0, 8, 1),
      () => set(0, 0xffffffff, 1),
    ])
      expect(await write()).toEqual({ length: 0, generation: 0 })
    expect((await get(0, 8))?.data).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  })

  it("V30 gives no answer for a range that is not in it", async () => {
    const { get } = withConfig(false)
    expect((await get(8, 0))?.length).toBe(0)
    expect(await get(8, 1)).toBeUndefined()
    expect(await get(0xffffffff, 2)).toBeUndefined()
    expect(await get(0, 0xffffffff)).toBeUndefined()
  })
})

describe("GET_DEVICES", () => {
  const ask = async (device: DeviceHarness, offset: number, count: number) => {
    const response = await device.ask((frame) => p.encodeGetDevicesRequest(frame, { offset, count }))
    return p.decodeGetDevicesResponse(response ?? new Uint8Array())
  }
  const sparse = () =>
    new DeviceHarness({ models: [new ConfigDevice(), new ConfigDevice()], deviceNumbers: [3, 700] })

  it("B43 B45 B47 B48 says where the next window begins, and 0 behind the last device", async () => {
    const device = sparse()
    expect(await ask(device, 0, 10)).toEqual({
      ok: true,
      value: { offset: 0, count: 10, nextOffset: 700, deviceNumbers: [3] },
    })
    expect(await ask(device, 700, 8)).toMatchObject({ value: { nextOffset: 0, deviceNumbers: [700] } })
    expect(await ask(device, 65535, 100)).toMatchObject({ value: { count: 1, nextOffset: 0 } })
  })

  it("B44 answers a count of 0 with an empty bitmap, and B49 a large one with what fits", async () => {
    const device = sparse()
    expect(await ask(device, 0, 0)).toMatchObject({ value: { count: 0, nextOffset: 0, deviceNumbers: [] } })
    expect(await ask(device, 0, 65535)).toMatchObject({ value: { count: 1712, deviceNumbers: [3, 700] } })
  })

  it("V24 routes by number: the device at 700 answers as 700", async () => {
    const response = await sparse().ask((frame) => p.encodeGetDeviceInfoRequest(frame, 700))
    expect(response && p.decodeHeader(response)).toMatchObject({ value: { devNum: 700, type: 1 } })
  })
})

describe("HELLO", () => {
  it("B5 B7 says everything that a driver side must know first", async () => {
    const device = new DeviceHarness({ isStrict: true, maxMessageSize: 52 })
    const request = { protocolHash: 1, busVersion: 9 }
    const response = await device.ask((frame) => p.encodeHelloRequest(frame, request))
    expect(p.decodeHelloResponse(response ?? new Uint8Array())).toEqual({
      ok: true,
      value: {
        protocolHash: p.PROTOCOL_HASH,
        busVersion: p.BUS_VERSION,
        maxMessageSize: 52,
        revision: 1,
        transportFeatures: 1,
        driverAreaSize: 4096,
        deviceAreaSize: 4096,
        epoch: 0x77,
        receiveCredit: 6,
        hasSimulatedChips: false,
        firmwareVersion: [1, 2, 3, 0],
        board: "harness",
      },
    })
  })
})

describe("an epoch", () => {
  it("begins again with another CONNECT, and everything that a driver left is gone", async () => {
    const device = new DeviceHarness()
    await device.start()
    device.host.connect(0x99)
    expect(await device.getVqueue()).toMatchObject({ curSize: 0, flags: 0 })
    expect(device.endpoint.mailbox.epoch).toBe(0x99)
  })

  it("is not begun twice by a CONNECT that comes again, which is answered again", () => {
    const device = new DeviceHarness()
    device.host.post(Uint8Array.of(2, 3, 0, 0, 1, 0, 12, 0, 1, 2, 3, 4)) // PING
    const packet = Uint8Array.from(device.host.nextPacket() as unknown as Uint8Array)
    device.endpoint.receive(packet)
    expect(device.endpoint.nextPacket()).toBeDefined() // lost
    device.endpoint.receive(packet)
    const again = device.endpoint.nextPacket()
    device.host.receive(again as p.OwnedBytes)
    expect(device.endpoint.mailbox.resentCount).toBe(1)
  })

  it("that is unknown is refused by its number, and epoch 0 is none", () => {
    const device = new DeviceHarness()
    device.endpoint.receive(Uint8Array.of(0, 0x34, 0x12, 0, 0))
    expect([...(device.endpoint.nextPacket() as unknown as Uint8Array)]).toEqual([8, 0x34, 0x12, 0, 0])
    device.endpoint.receive(Uint8Array.of(p.PACKET_CONNECT | p.PACKET_DATA, 0, 0, 0, 0))
    expect(device.endpoint.nextPacket()).toBeUndefined()
  })

  it("spends a packet on an acknowledgement only after four that need no answer", () => {
    const device = new DeviceHarness()
    const send = () => {
      device.host.outgoing.put8(100 + device.host.unacknowledgedOut(), 1)
      device.endpoint.receive(device.host.nextPacket() as p.OwnedBytes)
    }
    for (let sent = 0; sent < 3; sent++) send()
    expect(device.endpoint.nextPacket()).toBeUndefined()
    send()
    expect([...(device.endpoint.nextPacket() as unknown as Uint8Array)]).toEqual([0, 0x77, 0, 0, 4])
  })
})
