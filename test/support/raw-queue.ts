// A virtqueue that a test controls itself. It can make chains of any form, also those that no driver would make.

import { Bus } from "../../host/src/bus/bus.js"
import type { VirtualClock } from "../../host/src/clock.js"
import type { DriverNeeds } from "../../host/src/driver/features.js"
import { VirtioDevice } from "../../host/src/driver/virtio-device.js"
import type { DeviceModel } from "../../shared-protocol/src/device/device-model.js"
import { MemoryLink } from "./memory-link.js"

/** A part of a chain: bytes for the device to read, or a number of bytes that it may write. */
export type Part = readonly number[] | number

export class RawDevice {
  readonly #clock: VirtualClock
  readonly bus: Bus
  readonly link: MemoryLink
  readonly device: VirtioDevice
  /** The parts of each chain that the device may write, by queue and head. */
  readonly #writable = new Map<string, { at: number; length: number }[]>()
  readonly #nextHead: number[]
  /** Why the device failed. */
  failure = ""

  private constructor(clock: VirtualClock, bus: Bus, link: MemoryLink, device: VirtioDevice) {
    this.#clock = clock
    this.bus = bus
    this.link = link
    this.device = device
    this.#nextHead = device.queues.map(() => 0)
    device.onBroken.on((error) => {
      this.failure = error.message
    })
  }

  /** Makes a bus with one device of this type, and initialises it. */
  static async open(clock: VirtualClock, type: DeviceModel, needs: DriverNeeds): Promise<RawDevice> {
    const link = new MemoryLink(clock, { types: [type] })
    const bus = await clock.run(Bus.open(link, { clock }))
    const device = new VirtioDevice(bus, 0)
    await clock.run(device.initialise(needs))
    return new RawDevice(clock, bus, link, device)
  }

  /** Offers a chain. Returns its head. */
  offer(queueIndex: number, ...parts: readonly Part[]): number {
    const queue = this.device.queues[queueIndex]
    if (!queue) throw new Error(`no queue ${queueIndex}`)
    let head = this.#nextHead[queueIndex] as number
    if (head + parts.length > queue.ring.size) head = 0 // the chains there have come back long ago
    this.#nextHead[queueIndex] = head + parts.length
    const { outgoing } = this.bus.window
    const writable: { at: number; length: number }[] = []
    parts.forEach((part, index) => {
      const length = typeof part === "number" ? part : part.length
      const space = typeof part === "number" ? this.bus.window.deviceSpace : this.bus.window.driverSpace
      const at = space.allocate(Math.max(length, 1)) as number
      if (typeof part === "number") writable.push({ at, length })
      else for (const [i, byte] of part.entries()) outgoing.put8(at + i, byte)
      const next = index < parts.length - 1 ? head + index + 1 : -1
      queue.ring.describe(head + index, at, length, typeof part === "number", next)
    })
    this.#writable.set(`${queueIndex}/${head}`, writable)
    queue.ring.offer(
      head,
      writable.reduce((sum, { length }) => sum + length, 0),
    )
    return head
  }

  /** Tells the device about the chains, gives it time, and returns those that came back: head and bytes written. */
  async kick(queueIndex: number): Promise<{ head: number; bytes: number[] }[]> {
    const queue = this.device.queues[queueIndex]
    if (!queue) throw new Error(`no queue ${queueIndex}`)
    this.device.announce(queue)
    await this.#clock.advance(100)
    return this.takeUsed(queueIndex)
  }

  /** The chains that came back meanwhile. */
  takeUsed(queueIndex: number): { head: number; bytes: number[] }[] {
    const queue = this.device.queues[queueIndex]
    const { incoming } = this.bus.window
    const back: { head: number; bytes: number[] }[] = []
    for (let head = queue?.ring.take() ?? -1; queue && head >= 0; head = queue.ring.take()) {
      const all = (this.#writable.get(`${queueIndex}/${head}`) ?? []).flatMap(({ at, length }) => [
        ...incoming.subarray(at, at + length),
      ])
      back.push({ head, bytes: all.slice(0, queue.ring.usedLength) })
    }
    return back
  }
}
