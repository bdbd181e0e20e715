// A link whose other end is the device code itself, which runs natively in this process: no VM, no Jacdac, no throttle.

import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import type { Clock } from "../../host/src/clock.js"
import type { Link, LinkEvents } from "../../host/src/link/link.js"
import { type DeviceEndpoint, makeDeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import type { DeviceModel } from "../../shared-protocol/src/device/device-model.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import { withoutNet } from "./no-net.js"

/** The time that a packet from the device takes. */
const LATENCY_MS = 1

/** The device, and the faults that it makes. */
export interface MemoryLinkOptions {
  /** When absent: one virtio-i2c device with the simulated bus. */
  readonly types?: readonly DeviceModel[]
  readonly deviceNumbers?: readonly number[]
  readonly isStrict?: boolean
  readonly maxMessageSize?: number
  /** Bytes of the two areas of the window. 8192 when absent. */
  readonly driverAreaSize?: number
  readonly deviceAreaSize?: number
  /** Called for each message of the device. Returns what is sent instead, or undefined to lose the message. */
  readonly tamper?: (frame: Uint8Array) => Uint8Array | undefined
}

export class MemoryLink implements Link {
  readonly name = "memory"
  readonly isSimulated = true

  readonly #clock: Clock
  readonly #options: MemoryLinkOptions
  #endpoint: DeviceEndpoint
  #events: LinkEvents | undefined
  #isPumping = false

  constructor(clock: Clock, options: MemoryLinkOptions = {}) {
    this.#clock = clock
    this.#options = options
    this.#endpoint = this.#boot()
  }

  /** The device's end, for tests to look into. */
  get endpoint(): DeviceEndpoint {
    return this.#endpoint
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events
  }

  send(packet: Uint8Array): void {
    if (!this.#events) return
    this.#endpoint.receive(packet.slice())
    void this.#pump()
  }

  async close(): Promise<void> {
    this.#events = undefined
  }

  /** Makes the device send a message that nobody asked for. */
  post(message: Uint8Array): void {
    this.#endpoint.mailbox.post(message)
    void this.#pump()
  }

  /** Breaks the link. */
  breakOff(reason?: Error): void {
    const events = this.#events
    this.#events = undefined
    events?.onClose(reason)
  }

  /** The device loses its memory, as when its power is switched off and on. */
  restart(): void {
    this.#endpoint = this.#boot()
  }

  #boot(): DeviceEndpoint {
    const endpoint = makeEndpoint(this.#clock, this.#options)
    endpoint.bus.onWake = () => void this.#pump()
    return endpoint
  }

  /** Does what the firmware's fiber does. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    const endpoint = this.#endpoint
    await endpoint.bus.work()
    for (let packet = endpoint.nextPacket(); packet; ) {
      const bytes = Uint8Array.from(packet as unknown as Uint8Array)
      this.#clock.schedule(LATENCY_MS, () => {
        if (endpoint === this.#endpoint) this.#events?.onPacket(bytes)
      })
      await endpoint.bus.work()
      packet = endpoint.nextPacket()
    }
    this.#isPumping = false
  }
}

function makeEndpoint(clock: Clock, options: MemoryLinkOptions): DeviceEndpoint {
  const { tamper, types, ...rest } = options
  const bus = new SimulatedBus(
    demoChips(() => clock.now(), allocateBytes),
    allocateBytes,
  )
  const endpoint = makeDeviceEndpoint({
    alloc: allocateBytes,
    models: types ?? [new I2cDevice(bus, allocateBytes(0), () => Promise.resolve(), allocateBytes)],
    driverAreaSize: 8192,
    deviceAreaSize: 8192,
    identity: { board: "memory", firmwareVersion: [0, 1, 0, 0], hasSimulatedChips: true },
    ...rest,
  })
  withoutNet(endpoint)
  if (tamper) {
    const { mailbox } = endpoint
    const post = mailbox.post.bind(mailbox)
    mailbox.post = (message) => {
      const changed = tamper(message as unknown as Uint8Array)
      if (changed) post(changed)
    }
  }
  return endpoint
}
