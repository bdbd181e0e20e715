// One virtqueue of a device, laid out in the shared window and configured by SET_VQUEUE (D22, D46 to D55).

import {
  FEATURE_EVENT_IDX,
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_INDIRECT_DESC,
} from "../../../shared-protocol/src/device/device-type.js"
import { VERSION_BLOCK_SIZE } from "../../../shared-protocol/src/mailbox/mailbox.js"
import type { Address } from "../../../shared-protocol/src/messages/vqueue.js"
import {
  VQUEUE_ENABLE,
  VQUEUE_ENABLED,
  type VqueueState,
} from "../../../shared-protocol/src/messages/vqueue.js"
import { DriverRing } from "../../../shared-protocol/src/ring/driver-ring.js"
import {
  AREA_BASES,
  AVAIL_ALIGNMENT,
  availBytes,
  type BaseAddress,
  DESC_ALIGNMENT,
  descBytes,
  isQueueSize,
  USED_ALIGNMENT,
  usedBytes,
} from "../../../shared-protocol/src/ring/layout.js"
import { VirtioMsgError } from "../errors.js"
import type { VirtioDevice } from "./virtio-device.js"

export class Virtqueue {
  readonly ring: DriverRing
  readonly index: number
  /** The state that the device confirmed. */
  readonly state: VqueueState
  readonly #release: () => void

  private constructor(index: number, ring: DriverRing, state: VqueueState, release: () => void) {
    this.index = index
    this.ring = ring
    this.state = state
    this.#release = release
  }

  /**
   * Configures and enables queue `index` with at most `wantedSize` descriptors, a power of two, fewer if the
   * device or the window allows fewer. Throws DEVICE_FAILED when there is no such queue or no room for one.
   */
  static async setUp(device: VirtioDevice, index: number, wantedSize: number): Promise<Virtqueue> {
    const offered = await device.transport.getVqueue(index) // D46
    const fail = (what: string) =>
      new VirtioMsgError("DEVICE_FAILED", `Virtqueue ${index} of device ${device.devNum} ${what}.`, {
        hint: "Reinstall the firmware, or give the device fewer other queues.",
      })
    if (offered.maxSize === 0) throw fail("does not exist")
    const { driverSpace, deviceSpace, session } = device.bus
    // a quarter of the window stays free for the buffers
    const fits = (entries: number) =>
      descBytes(entries) + availBytes(entries) <= (driverSpace.longestFree * 3) / 4 &&
      usedBytes(entries) <= (deviceSpace.longestFree * 3) / 4
    let size = wantedSize
    while (size > 1 && (size > offered.maxSize || !fits(size))) size /= 2 // D47
    if (!isQueueSize(size)) throw fail(`cannot have ${wantedSize} descriptors`)
    // 64: the device then remembers chains of up to four neighbours (DeviceRing)
    const desc =
      driverSpace.allocate(descBytes(size), VERSION_BLOCK_SIZE) ??
      driverSpace.allocate(descBytes(size), DESC_ALIGNMENT)
    const driver = driverSpace.allocate(availBytes(size), AVAIL_ALIGNMENT)
    const used = deviceSpace.allocate(usedBytes(size), USED_ALIGNMENT)
    if (desc === undefined || driver === undefined || used === undefined)
      throw fail(`has no room for ${size} descriptors in the window`)
    const release = () => {
      driverSpace.release(desc, descBytes(size))
      driverSpace.release(driver, availBytes(size))
      deviceSpace.release(used, usedBytes(size))
    }
    const [low = 0, high = 0] = device.selected
    const features = {
      hasIndirect: (low & FEATURE_INDIRECT_DESC) !== 0,
      hasEventIdx: (low & FEATURE_EVENT_IDX) !== 0,
      hasInOrder: (high & FEATURE_IN_ORDER_BLOCK1) !== 0,
    }
    const bases = device.bus.link.windowBases ?? AREA_BASES
    const place = { size, desc, avail: driver, used, bases }
    const ring = new DriverRing(place, session.mailbox.outgoing, session.mailbox.incoming, features)
    const setting = device.transport.setVqueue({
      index,
      flags: VQUEUE_ENABLE, // every field is given, so no ignore bit is set (D48, D49)
      size,
      reserved: 0,
      desc: address(bases.driver, desc),
      driver: address(bases.driver, driver),
      device: address(bases.device, used),
    })
    // D55: the empty response says nothing
    const [, state] = await Promise.all([setting, device.transport.getVqueue(index)])
    const isAsAsked =
      (state.flags & VQUEUE_ENABLED) !== 0 &&
      state.curSize === size &&
      isSame(state.desc, address(bases.driver, desc)) &&
      isSame(state.driver, address(bases.driver, driver)) &&
      isSame(state.device, address(bases.device, used))
    if (!isAsAsked) throw fail("did not take its configuration")
    return new Virtqueue(index, ring, state, release)
  }

  /** Gives the queue's place in the window back. The device must not use it any more. */
  release(): void {
    this.#release()
  }
}

function address(base: BaseAddress, offset: number): Address {
  return { low: base.low + offset, high: base.high }
}

function isSame(a: Address, b: Address): boolean {
  return a.low === b.low && a.high === b.high
}
