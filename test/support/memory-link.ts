// A link whose other end is the device code itself, natively, in this process: no VM, no Jacdac, no throttle.

import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import type { Clock } from "../../host/src/clock.js"
import type { Link, LinkEvents } from "../../host/src/link/link.js"
import { DeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"

/** What a packet from the device takes. */
const LATENCY_MS = 1

export class MemoryLink implements Link {
  readonly name = "memory"
  readonly isSimulated = true

  readonly #clock: Clock
  #endpoint: DeviceEndpoint
  #events: LinkEvents | undefined
  #isPumping = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#endpoint = makeEndpoint(clock)
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

  /** The device loses all that it had in memory, as when its power is switched off and on. */
  restart(): void {
    this.#endpoint = makeEndpoint(this.#clock)
  }

  /** What the firmware's fiber does. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    const endpoint = this.#endpoint
    await endpoint.work()
    for (let packet = endpoint.nextPacket(); packet; ) {
      const bytes = Uint8Array.from(packet as unknown as Uint8Array)
      this.#clock.schedule(LATENCY_MS, () => {
        if (endpoint === this.#endpoint) this.#events?.onPacket(bytes)
      })
      await endpoint.work()
      packet = endpoint.nextPacket()
    }
    this.#isPumping = false
  }
}

function makeEndpoint(clock: Clock): DeviceEndpoint {
  const bus = new SimulatedBus(
    demoChips(() => clock.now(), allocateBytes),
    allocateBytes,
  )
  return new DeviceEndpoint({
    alloc: allocateBytes,
    types: [new I2cDevice(bus, allocateBytes(0), () => Promise.resolve())],
    driverAreaSize: 8192,
    deviceAreaSize: 8192,
    identity: { board: "memory", firmwareVersion: [0, 1, 0, 0], hasSimulatedChips: true },
  })
}
