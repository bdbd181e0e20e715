// A link whose other end is the device code itself, natively, in this process: no VM, no Jacdac, no throttle.

import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import type { Clock } from "../../host/src/clock.js"
import type { Link, LinkEvents } from "../../host/src/link/link.js"
import { type DeviceEndpoint, makeDeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import type { DeviceType } from "../../shared-protocol/src/device/device-type.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import { withoutNet } from "./no-net.js"

/** What a packet from the device takes. */
const LATENCY_MS = 1

/** What the device is, and what it gets wrong. */
export interface MemoryLinkOptions {
  /** A virtio-i2c device on the simulated bus when absent. */
  readonly types?: readonly DeviceType[]
  readonly deviceNumbers?: readonly number[]
  readonly isStrict?: boolean
  readonly maxMessageSize?: number
  /** Each message of the device goes through here: as it is to be, or undefined for one that is lost. */
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

  /** The device's end, to look into. */
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

  /** Has the device send a message of its own accord. */
  post(message: Uint8Array): void {
    this.#endpoint.mailbox.post(message)
    void this.#pump()
  }

  /** The link breaks. */
  breakOff(reason?: Error): void {
    const events = this.#events
    this.#events = undefined
    events?.onClose(reason)
  }

  /** The device loses all that it had in memory, as when its power is switched off and on. */
  restart(): void {
    this.#endpoint = this.#boot()
  }

  #boot(): DeviceEndpoint {
    const endpoint = makeEndpoint(this.#clock, this.#options)
    endpoint.bus.onWake = () => void this.#pump()
    return endpoint
  }

  /** What the firmware's fiber does. */
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
    types: types ?? [new I2cDevice(bus, allocateBytes(0), () => Promise.resolve(), allocateBytes)],
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
