// The virtqueues of one device: GET_VQUEUE, SET_VQUEUE with its flags, RESET_VQUEUE
// (virtio-msg "SET_VQUEUE", V53 to V65).

import type { Allocator, ByteBuf } from "../bytes.js"
import type { OutgoingArea } from "../mailbox/outgoing-area.js"
import {
  type Address,
  decodeSetVqueueRequest,
  encodeGetVqueueResponse,
  VQUEUE_DESC_IGNORE,
  VQUEUE_DEVICE_IGNORE,
  VQUEUE_DRIVER_IGNORE,
  VQUEUE_ENABLE,
  VQUEUE_ENABLED,
  VQUEUE_OPERATION_MASK,
  VQUEUE_RESERVED_FLAGS,
  VQUEUE_SIZE_IGNORE,
  type VqueueSetting,
} from "../messages/vqueue.js"
import { DeviceRing } from "../ring/device-ring.js"
import {
  AVAIL_ALIGNMENT,
  availBytes,
  DESC_ALIGNMENT,
  DEVICE_AREA,
  DRIVER_AREA,
  descBytes,
  isQueueSize,
  type RingFeatures,
  USED_ALIGNMENT,
  usedBytes,
} from "../ring/layout.js"

const UNSET: Address = { low: 0, high: 0 }

export class DeviceQueues {
  readonly rings: DeviceRing[] = []

  private readonly maxSizes: readonly number[]
  private readonly driverArea: ByteBuf
  private readonly deviceArea: OutgoingArea
  /** As configured. What a ring uses while it is enabled has been checked. */
  private readonly sizes: number[] = []
  private readonly desc: Address[] = []
  private readonly driver: Address[] = []
  private readonly device: Address[] = []

  /** `alloc` and `areaNotes` as for `DeviceRing`. */
  constructor(
    maxSizes: readonly number[],
    driverArea: ByteBuf,
    deviceArea: OutgoingArea,
    alloc: Allocator,
    areaNotes?: number[],
  ) {
    this.maxSizes = maxSizes
    this.driverArea = driverArea
    this.deviceArea = deviceArea
    for (let i = 0; i < maxSizes.length; i++) {
      this.rings.push(new DeviceRing(driverArea, deviceArea, alloc, maxSizes[i], areaNotes))
      this.sizes.push(0)
      this.desc.push(UNSET)
      this.driver.push(UNSET)
      this.device.push(UNSET)
    }
  }

  reset(): void {
    for (let i = 0; i < this.rings.length; i++) this.resetOne(i)
  }

  /** Stops queue `index` and forgets its configuration; nothing happens for a queue that is not there (V63). */
  resetOne(index: number): void {
    if (index >= this.rings.length) return
    this.rings[index].reset()
    this.sizes[index] = 0
    this.desc[index] = UNSET
    this.driver[index] = UNSET
    this.device[index] = UNSET
  }

  /** Writes GET_VQUEUE's response: all zero but the index for a queue that is not there (V54). */
  get(response: ByteBuf, devNum: number, index: number): void {
    const exists = index < this.rings.length
    encodeGetVqueueResponse(response, devNum, {
      index,
      maxSize: exists ? this.maxSizes[index] : 0,
      curSize: exists ? this.sizes[index] : 0,
      flags: exists && this.rings[index].enabled ? VQUEUE_ENABLED : 0,
      desc: exists ? this.desc[index] : UNSET,
      driver: exists ? this.driver[index] : UNSET,
      device: exists ? this.device[index] : UNSET,
    })
  }

  /**
   * Carries out SET_VQUEUE, wholly or not at all (V59). False only when the request is malformed; one that
   * breaks a rule changes nothing and still gets its empty response (V57, V58, V61).
   */
  set(request: ByteBuf, features: RingFeatures): boolean {
    const decoded = decodeSetVqueueRequest(request)
    if (decoded.ok === false) return false
    const setting = decoded.value
    if (setting.index >= this.rings.length) return true // V56
    if (setting.reserved !== 0 || (setting.flags & VQUEUE_RESERVED_FLAGS) !== 0) return true
    const ring = this.rings[setting.index]
    const operation = setting.flags & VQUEUE_OPERATION_MASK
    if (operation === VQUEUE_OPERATION_MASK) return true
    // an enabled queue keeps its fields and cannot be disabled this way: nothing is left to change (V58, V61, V62)
    if (ring.enabled) return true
    this.apply(setting, ring, operation === VQUEUE_ENABLE, features)
    return true
  }

  private apply(setting: VqueueSetting, ring: DeviceRing, isEnable: boolean, features: RingFeatures): void {
    const index = setting.index
    const flags = setting.flags
    const size = flags & VQUEUE_SIZE_IGNORE ? this.sizes[index] : setting.size
    const desc = flags & VQUEUE_DESC_IGNORE ? this.desc[index] : setting.desc
    const driver = flags & VQUEUE_DRIVER_IGNORE ? this.driver[index] : setting.driver
    const device = flags & VQUEUE_DEVICE_IGNORE ? this.device[index] : setting.device
    // what the request sets has to be right by itself; the whole has to be right before the queue starts
    const isSizeSound = isQueueSize(size) && size <= this.maxSizes[index]
    const unchecked = isEnable ? 0 : flags
    if ((unchecked & VQUEUE_SIZE_IGNORE) === 0) if (!isSizeSound) return
    const ringSize = isSizeSound ? size : 1
    if ((unchecked & VQUEUE_DESC_IGNORE) === 0)
      if (!this.isPlace(desc, DRIVER_AREA, DESC_ALIGNMENT, descBytes(ringSize))) return
    if ((unchecked & VQUEUE_DRIVER_IGNORE) === 0)
      if (!this.isPlace(driver, DRIVER_AREA, AVAIL_ALIGNMENT, availBytes(ringSize))) return
    if ((unchecked & VQUEUE_DEVICE_IGNORE) === 0)
      if (!this.isPlace(device, DEVICE_AREA, USED_ALIGNMENT, usedBytes(ringSize))) return
    this.sizes[index] = size
    this.desc[index] = desc
    this.driver[index] = driver
    this.device[index] = device
    if (!isEnable) return
    ring.size = size
    ring.desc = desc.low
    ring.avail = driver.low
    ring.used = device.low
    ring.enable(features)
  }

  /** Whether `bytes` bytes at `address` lie in the area that they belong in, aligned as they must be. */
  private isPlace(address: Address, area: number, alignment: number, bytes: number): boolean {
    const length = area === DRIVER_AREA ? this.driverArea.length : this.deviceArea.bytes.length
    return (
      address.high === area * 0x10000 &&
      address.low % alignment === 0 &&
      address.low <= length &&
      bytes <= length - address.low
    )
  }
}
