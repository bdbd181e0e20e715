// A device endpoint with one virtio-i2c device, and the driver's end of its mailbox, without a link between.

import { allocateBytes } from "../../../host/src/bytes.js"
import * as p from "../../../shared-protocol/src/index.js"
import { withoutNet } from "../../support/no-net.js"

/** An I2C controller that does what the test says, and keeps what it was asked. */
export class RecordingController implements p.I2cController {
  data = allocateBytes(64)
  readonly calls: string[] = []
  result: (address: number) => number | Promise<number> = () => p.I2C_DONE

  async transfer(
    address: number,
    write: p.ByteBuf,
    offset: number,
    length: number,
    readLength: number,
  ): Promise<number> {
    const written = Array.from({ length }, (_, at) => write[offset + at])
    this.calls.push(`${address.toString(16)} w[${written}] r${readLength}`)
    this.data.fill(0x5a)
    return this.result(address)
  }
}

export const AREA = 4096
const RESPONSE_BIT = 1

export class DeviceHarness {
  readonly controller = new RecordingController()
  pauseCount = 0
  readonly endpoint: p.DeviceEndpoint
  readonly host: p.Mailbox
  /** Events and other frames that were no answer to `ask`. */
  readonly events: Uint8Array[] = []
  #answers: Uint8Array[] = []
  #token = 0x1234

  constructor(options: Partial<p.DeviceEndpointOptions> = {}) {
    const pause = async () => {
      this.pauseCount++
    }
    this.endpoint = p.makeDeviceEndpoint({
      alloc: allocateBytes,
      models: [new p.I2cDevice(this.controller, allocateBytes(0), pause)],
      driverAreaSize: AREA,
      deviceAreaSize: AREA,
      identity: { board: "harness", firmwareVersion: [1, 2, 3, 0], hasSimulatedChips: false },
      ...options,
    })
    withoutNet(this.endpoint)
    this.host = new p.Mailbox({ alloc: allocateBytes, outgoingSize: AREA, incomingSize: AREA, credit: 6 })
    this.host.onMessage = (packet, offset, length) => {
      const frame = (packet as Uint8Array).slice(offset, offset + length)
      if (((frame[0] ?? 0) & RESPONSE_BIT) !== 0) this.#answers.push(frame)
      else this.events.push(frame)
    }
    this.host.connect(0x77)
  }

  /** Sends a request and returns its response; undefined when the device stays silent. */
  async ask(encode: (frame: Uint8Array) => number): Promise<Uint8Array | undefined> {
    const buffer = new Uint8Array(p.MAX_MESSAGE_SIZE)
    const frame = buffer.slice(0, encode(buffer))
    if (frame.length >= p.HEADER_SIZE) p.putToken(frame, ++this.#token)
    this.#answers = []
    this.host.post(frame)
    await this.exchange()
    return this.#answers[0]
  }

  /** Lets packets go both ways until nobody has any. */
  async exchange(): Promise<void> {
    for (let quiet = false; !quiet; ) {
      quiet = true
      for (let packet = this.host.nextPacket(); packet; packet = this.host.nextPacket()) {
        this.endpoint.receive(packet)
        quiet = false
      }
      await this.endpoint.bus.work()
      for (let packet = this.endpoint.nextPacket(); packet; packet = this.endpoint.nextPacket()) {
        this.host.receive(packet)
        quiet = false
      }
      if (this.host.unacknowledgedIn > 0) this.endpoint.receive(this.host.barePacket(0))
    }
  }

  async status(value: number): Promise<number> {
    const response = await this.ask((frame) => p.encodeSetDeviceStatusRequest(frame, 0, value))
    const decoded = p.decodeSetDeviceStatusResponse(response ?? new Uint8Array(0))
    return decoded.ok ? decoded.value : -1
  }

  async select(...features: number[]): Promise<void> {
    const blocks = { blockIndex: 0, numBlocks: features.length, features }
    await this.ask((frame) => p.encodeSetDriverFeaturesRequest(frame, 0, blocks))
  }

  async setVqueue(change: Partial<p.VqueueSetting> = {}): Promise<Uint8Array | undefined> {
    return this.ask((frame) => p.encodeSetVqueueRequest(frame, 0, { ...QUEUE, ...change }))
  }

  async getVqueue(index = 0): Promise<p.VqueueState> {
    const response = await this.ask((frame) => p.encodeGetVqueueRequest(frame, 0, index))
    const decoded = p.decodeGetVqueueResponse(response ?? new Uint8Array(0))
    if (!decoded.ok) throw new Error(decoded.reason)
    return decoded.value
  }

  /** Brings the device to DRIVER_OK with queue 0, and returns the driver's half of it. */
  async start(lowFeatures = 1, highFeatures = p.FEATURE_VERSION_1_BLOCK1): Promise<p.DriverRing> {
    await this.status(0)
    await this.status(1)
    await this.status(3)
    await this.select(lowFeatures, highFeatures)
    await this.status(11)
    const ring = this.makeRing(highFeatures)
    await this.setVqueue()
    await this.status(15)
    return ring
  }

  makeRing(highFeatures = 0): p.DriverRing {
    const place = { size: QUEUE.size, desc: 16, avail: 2048, used: 16 }
    const features = {
      hasIndirect: false,
      hasEventIdx: false,
      hasInOrder: (highFeatures & p.FEATURE_IN_ORDER_BLOCK1) !== 0,
    }
    return new p.DriverRing(place, this.host.outgoing, this.host.incoming, features)
  }

  /** Tells the device of what was offered, and lets it work. */
  async kick(ring: p.DriverRing): Promise<void> {
    ring.publish()
    const frame = new Uint8Array(p.EVENT_AVAIL_SIZE)
    p.encodeEventAvail(frame, 0, { vqIndex: 0, nextOffset: 0 })
    this.host.post(frame)
    await this.exchange()
  }
}

/** Queue 0 as `start` configures it. */
export const QUEUE: p.VqueueSetting = {
  index: 0,
  flags: p.VQUEUE_ENABLE,
  size: 64,
  reserved: 0,
  desc: { low: 16, high: 0x10000 },
  driver: { low: 2048, high: 0x10000 },
  device: { low: 16, high: 0x20000 },
}
