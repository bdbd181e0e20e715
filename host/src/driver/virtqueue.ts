// One virtqueue of a device, laid out in the shared window and configured by SET_VQUEUE (D22, D46 to D55).

import {
  FEATURE_EVENT_IDX,
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_INDIRECT_DESC,
} from "../../../shared-protocol/src/device-types/feature-bits.js"
import { NOTE_BLOCK_SIZE } from "../../../shared-protocol/src/mailbox/mailbox.js"
import type { Address } from "../../../shared-protocol/src/messages/vqueue.js"
import {
  VQUEUE_ENABLE,
  VQUEUE_ENABLED,
  type VqueueState,
} from "../../../shared-protocol/src/messages/vqueue.js"
import { DriverRing } from "../../../shared-protocol/src/ring/driver-ring.js"
import {
  AVAIL_ALIGNMENT,
  availBytes,
  type BaseAddress,
  DESC_ALIGNMENT,
  descBytes,
  isQueueSize,
  USED_ALIGNMENT,
  usedBytes,
} from "../../../shared-protocol/src/ring/layout.js"
import type { Bus } from "../bus/bus.js"
import { takePlaces, type WindowPlaces } from "../bus/window-places.js"
import { counted } from "../counted.js"
import { noQueue } from "./failures.js"
import type { Transport } from "./transport.js"

/** Queues of so many descriptors or more get a place in the window that makes them fast. */
const MANY_DESCRIPTORS = 64

/** Flags and index of a used ring. */
const USED_HEADER_BYTES = 4

/** What a queue needs of the device that it belongs to. */
interface QueueOwner {
  readonly devNum: number
  readonly bus: Bus
  readonly transport: Transport
  /** The feature bits that were agreed on, in blocks of 32. */
  readonly selected: readonly number[]
}

export class Virtqueue {
  readonly ring: DriverRing
  readonly index: number
  /** The state that the device confirmed, or what it said of the queue before it was enabled. */
  state: VqueueState
  readonly #device: QueueOwner
  readonly #places: WindowPlaces

  private constructor(
    device: QueueOwner,
    index: number,
    ring: DriverRing,
    state: VqueueState,
    places: WindowPlaces,
  ) {
    this.#device = device
    this.index = index
    this.ring = ring
    this.state = state
    this.#places = places
  }

  /**
   * Finds room for queue `index` with at most `wantedSize` descriptors, a power of two, fewer if the device or the
   * window allows fewer. Throws DEVICE_FAILED when there is no such queue or no room for one.
   */
  static async lay(device: QueueOwner, index: number, wantedSize: number): Promise<Virtqueue> {
    const offered = await device.transport.getVqueue(index) // D46
    if (offered.maxSize === 0) throw noQueue(device.devNum, index, "does not exist")
    const { window } = device.bus
    const { driverSpace, deviceSpace } = window
    // a quarter of the window stays free for the buffers
    const fits = (entries: number) =>
      descBytes(entries) + availBytes(entries) <= (driverSpace.longestFree * 3) / 4 &&
      usedBytes(entries) <= (deviceSpace.longestFree * 3) / 4
    let size = wantedSize
    while (size > 1 && (size > offered.maxSize || !fits(size))) size /= 2 // D47
    if (!isQueueSize(size))
      throw noQueue(device.devNum, index, `cannot have ${counted(wantedSize, "descriptor")}`)
    const places = takePlaces([
      {
        space: driverSpace,
        lengthBytes: descBytes(size),
        alignment: DESC_ALIGNMENT,
        // at such a place the device remembers chains of up to four neighbours (DeviceRing). Short queues are not
        // worth the gap
        wishedAlignment: size < MANY_DESCRIPTORS ? DESC_ALIGNMENT : NOTE_BLOCK_SIZE,
      },
      { space: driverSpace, lengthBytes: availBytes(size), alignment: AVAIL_ALIGNMENT },
      { space: deviceSpace, lengthBytes: usedBytes(size), alignment: USED_ALIGNMENT },
    ])
    if (!places)
      throw noQueue(device.devNum, index, `has no room for ${counted(size, "descriptor")} in the window`)
    const [desc, avail, used] = places.offsets as [number, number, number]
    const [low = 0, high = 0] = device.selected
    const features = {
      hasIndirect: (low & FEATURE_INDIRECT_DESC) !== 0,
      hasEventIdx: (low & FEATURE_EVENT_IDX) !== 0,
      hasInOrder: (high & FEATURE_IN_ORDER_BLOCK1) !== 0,
    }
    const place = { size, desc, avail, used, bases: window.bases }
    const ring = new DriverRing(place, window.outgoing, window.incoming, features)
    return new Virtqueue(device, index, ring, offered, places)
  }

  /** Tells the device where the queue lies, and has it confirmed. Throws DEVICE_FAILED when it is not. */
  async enable(): Promise<void> {
    const { index, ring } = this
    const { transport, bus } = this.#device
    const { bases } = bus.window
    const [descOffset, availOffset, usedOffset] = this.#places.offsets as [number, number, number]
    const desc = address(bases.driver, descOffset)
    const driver = address(bases.driver, availOffset)
    const used = address(bases.device, usedOffset)
    // where the driver can write there, it clears the used ring before it hands it over (virtio 1.4 2.7.10)
    bus.window.shared?.prefill(usedOffset, new Uint8Array(USED_HEADER_BYTES))
    const setting = transport.setVqueue({
      index,
      flags: VQUEUE_ENABLE, // every field is given, so no ignore bit is set (D48, D49)
      size: ring.size,
      reserved: 0,
      desc,
      driver,
      device: used,
    })
    // D55: the response is empty, so ask
    const [, state] = await Promise.all([setting, transport.getVqueue(index)])
    const isAsAsked =
      (state.flags & VQUEUE_ENABLED) !== 0 &&
      state.curSize === ring.size &&
      isSame(state.desc, desc) &&
      isSame(state.driver, driver) &&
      isSame(state.device, used)
    if (!isAsAsked) throw noQueue(this.#device.devNum, index, "did not take its configuration")
    this.state = state
  }

  /** Gives the queue's place in the window back. The device must not use it any more. */
  release(): void {
    this.#places.release()
  }
}

function address(base: BaseAddress, offset: number): Address {
  return { low: base.low + offset, high: base.high }
}

function isSame(a: Address, b: Address): boolean {
  return a.low === b.low && a.high === b.high
}
