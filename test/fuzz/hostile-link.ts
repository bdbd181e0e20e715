// A device that is honest by nature, with somebody between it and the host who changes its packets: each in its turn, by
// a list of what to do to it. Epoch and sequence stay right, so that what is changed is taken.

import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import type { Clock } from "../../host/src/clock.js"
import type { Link, LinkEvents } from "../../host/src/link/link.js"
import * as p from "../../shared-protocol/src/index.js"
import { GpioTestLines } from "../support/gpio-test-lines.js"
import { withoutNet } from "../support/no-net.js"
import { applyHabit, type RingLie, ringLie } from "./habits.js"
import { AREA_SIZE } from "./hostile-driver.js"

export type Tampering =
  | { readonly kind: "lose" }
  | { readonly kind: "repeat"; readonly times: number }
  | { readonly kind: "byte"; readonly at: number; readonly value: number }
  | { readonly kind: "cut"; readonly length: number }
  /** Records in front of the packet's own, or behind them. */
  | { readonly kind: "records"; readonly bytes: Uint8Array; readonly isFront: boolean }
  /** The packet's own records are gone. */
  | { readonly kind: "replace"; readonly bytes: Uint8Array }
  /** From this packet on, as often as a message fits it. */
  | { readonly kind: "habit"; readonly name: string; readonly value: number }
  /** Into the used ring of the I2C device. */
  | { readonly kind: "ring"; readonly lie: RingLie; readonly value: number }
  /** The device knows no epoch any more. */
  | { readonly kind: "restart" }

/** What to do to the packet with this number, counted from when it begins. */
export interface Deed {
  readonly packet: number
  readonly tampering: Tampering
}

const LATENCY_MS = 1

export class HostileLink implements Link {
  readonly name = "hostile"
  readonly isSimulated = true
  /** Nothing is changed before this is set. */
  deeds: readonly Deed[] = []

  readonly #clock: Clock
  #endpoint = makeEndpoint()
  #events: LinkEvents | undefined
  #isPumping = false
  #packets = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * From now on nothing is changed. What was slipped into the host's mirror of the device's area is put right: a
   * hostile device has only one memory, and this one's is honest.
   */
  behave(): void {
    this.deeds = []
    this.#endpoint.mailbox.outgoing.mark(0, AREA_SIZE)
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

  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    await this.#endpoint.bus.work()
    for (let packet = this.#endpoint.nextPacket(); packet; packet = this.#endpoint.nextPacket()) {
      this.#deliver(Uint8Array.from(packet as unknown as Uint8Array))
      await this.#endpoint.bus.work()
    }
    this.#isPumping = false
  }

  #deliver(packet: Uint8Array): void {
    let packets = [packet]
    if (this.deeds.length > 0) {
      this.#packets++
      for (const { packet: at, tampering } of this.deeds)
        if (at === this.#packets || (tampering.kind === "habit" && at < this.#packets))
          packets = packets.flatMap((each) => this.#tamper(each, tampering))
    }
    for (const each of packets)
      this.#clock.schedule(LATENCY_MS, () => this.#events?.onPacket(each.slice(0, p.MAX_PACKET_SIZE)))
  }

  #tamper(packet: Uint8Array, tampering: Tampering): Uint8Array[] {
    const head = packet.subarray(0, p.PACKET_HEADER_SIZE)
    const rest = packet.subarray(p.PACKET_HEADER_SIZE)
    switch (tampering.kind) {
      case "lose":
        return []
      case "repeat":
        return Array.from({ length: tampering.times }, () => packet)
      case "byte":
        packet[tampering.at % packet.length] = tampering.value
        return [packet]
      case "cut":
        return [packet.slice(0, tampering.length)]
      case "records": {
        const parts = tampering.isFront ? [head, tampering.bytes, rest] : [head, rest, tampering.bytes]
        return [Uint8Array.from(parts.flatMap((part) => [...part]))]
      }
      case "replace":
        return [Uint8Array.of(...head, ...tampering.bytes)]
      case "habit":
        applyHabit(packet, tampering.name, tampering.value)
        return [packet]
      case "ring": {
        const ring = this.#endpoint.bus.devices[0]?.queues.rings[0]
        if (!ring?.enabled) return [packet]
        return [
          Uint8Array.of(...head, ...ringLie(tampering.lie, ring.used, ring.size, tampering.value), ...rest),
        ]
      }
      case "restart":
        this.#endpoint = makeEndpoint()
        this.#isPumping = false
        return []
    }
  }
}

function makeEndpoint(): p.DeviceEndpoint {
  const chips = demoChips(() => 0, allocateBytes)
  return withoutNet(
    p.makeDeviceEndpoint({
      alloc: allocateBytes,
      models: [
        new p.I2cDevice(
          new SimulatedBus(chips, allocateBytes),
          allocateBytes(0),
          () => Promise.resolve(),
          allocateBytes,
        ),
        new p.GpioDevice(new GpioTestLines(), allocateBytes),
        new p.RngDevice({ fill: (into, offset, length) => into.fillAt(offset, length, 4) }, allocateBytes(0)),
      ],
      driverAreaSize: AREA_SIZE,
      deviceAreaSize: AREA_SIZE,
      identity: { board: "hostile", firmwareVersion: [0, 1, 0, 0], hasSimulatedChips: true },
    }),
  )
}
