// A device with one fault: the real device code, natively, with its frames rewritten or one of its parts replaced.

import { demoChips, SimulatedBus } from "../../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../../host/src/bytes.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { ChannelPort } from "../../../host/src/conformance/channel-port.js"
import { checkDevice } from "../../../host/src/conformance/check-device.js"
import type { RowResult } from "../../../host/src/conformance/result.js"
import { TABLE } from "../../../host/src/conformance/table.js"
import type { ByteBuf } from "../../../shared-protocol/src/bytes.js"
import type { DeviceEndpoint } from "../../../shared-protocol/src/device/device-endpoint.js"
import { I2cDevice } from "../../../shared-protocol/src/device/i2c.js"
import type { TransportDevice } from "../../../shared-protocol/src/device/transport-device.js"
import type { DeviceRing } from "../../../shared-protocol/src/ring/device-ring.js"
import { MemoryLink } from "../../support/memory-link.js"

const CONFIG_BYTES = 40
const LIMIT_MS = 3_600_000
/** A number that is neither 0 nor a power of two. */
export const DEV_NUM = 5

/** An I2C device that also has a configuration, which a driver may write: one device for all rows. */
export class I2cDeviceWithConfig extends I2cDevice {
  override readonly config: ByteBuf = allocateBytes(CONFIG_BYTES)

  override writeConfig(offset: number, data: ByteBuf, dataOffset: number, length: number): boolean {
    for (let i = 0; i < length; i++) this.config[offset + i] = data[dataOffset + i] as number
    return true
  }
}

export interface Parts {
  readonly endpoint: DeviceEndpoint
  readonly device: TransportDevice
  readonly type: I2cDeviceWithConfig
  readonly ring: DeviceRing
  readonly clock: VirtualClock
  readonly link: MemoryLink
}

/** What is wrong. */
export interface Fault {
  readonly isStrict?: boolean
  readonly maxMessageSize?: number
  /**
   * Each message of the device: as it is to be, several, or none. The request is the frame that the driver sent, of
   * an event's own accord the one before.
   */
  readonly out?: (frame: Uint8Array, request: Uint8Array) => Uint8Array | readonly Uint8Array[] | undefined
  /** Each message to the device. */
  readonly in?: (frame: Uint8Array) => Uint8Array | readonly Uint8Array[] | undefined
  /** The driver side of the bus, ours: what it does with a request instead of carrying it; undefined to carry it. */
  readonly request?: (frame: Uint8Array) => Promise<Uint8Array> | undefined
  /** Replaces parts of the device before it is connected to. */
  readonly patch?: (parts: Parts) => void
}

function makeDevice(fault: Fault): { link: MemoryLink; clock: VirtualClock } {
  const clock = new VirtualClock(1000)
  const chips = new SimulatedBus(
    demoChips(() => clock.now(), allocateBytes),
    allocateBytes,
  )
  const type = new I2cDeviceWithConfig(chips, allocateBytes(0), () => Promise.resolve(), allocateBytes)
  const link = new MemoryLink(clock, {
    types: [type],
    deviceNumbers: [DEV_NUM],
    isStrict: fault.isStrict ?? false,
    ...(fault.maxMessageSize === undefined ? {} : { maxMessageSize: fault.maxMessageSize }),
  })
  const { endpoint } = link
  const { mailbox } = endpoint
  let request = new Uint8Array(0)
  const post = mailbox.post.bind(mailbox)
  mailbox.post = (message) => {
    for (const each of several(
      fault.out
        ? fault.out(Uint8Array.from(message as unknown as Uint8Array), request)
        : Uint8Array.from(message as unknown as Uint8Array),
    ))
      post(each)
  }
  const take = mailbox.onMessage
  mailbox.onMessage = (packet, offset, length) => {
    const frame = Uint8Array.from((packet as unknown as Uint8Array).subarray(offset, offset + length))
    request = frame
    for (const each of several(fault.in ? fault.in(frame) : frame)) take(each, 0, each.length)
  }
  const device = endpoint.bus.devices[0] as TransportDevice
  fault.patch?.({ endpoint, device, type, ring: device.queues.rings[0] as DeviceRing, clock, link })
  return { link, clock }
}

function several(frames: Uint8Array | readonly Uint8Array[] | undefined): readonly Uint8Array[] {
  if (frames === undefined) return []
  return frames instanceof Uint8Array ? [frames] : frames
}

const rows = TABLE.filter((row) => row.device !== undefined)

/** Runs every row that is checked against a device. */
export async function resultsOf(fault: Fault): Promise<readonly RowResult[]> {
  const { link, clock } = makeDevice(fault)
  const port = await clock.run(ChannelPort.overLink(link, { clock }))
  const { request } = port
  Object.assign(port, { request: (frame: Uint8Array) => fault.request?.(frame) ?? request?.(frame) })
  try {
    return (await clock.run(checkDevice(port, { rows }), LIMIT_MS)).results
  } finally {
    await port.close()
  }
}

/** What failed of them. */
export async function failuresOf(fault: Fault): Promise<RowResult[]> {
  return (await resultsOf(fault)).filter(({ status }) => status === "fail")
}
