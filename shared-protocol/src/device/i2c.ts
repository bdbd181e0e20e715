// The virtio-i2c device (virtio 1.4 5.21, device id 34): runs requests on an I2C controller.
//
//   a request is one chain: header (8 bytes, readable), the bytes to write (readable) or to read (writable)
//   unless there are none, status (1 byte, writable)
//   header: addr le16@0 (7-bit address << 1), padding le16@2, flags le32@4 (bit 0 FAIL_NEXT, bit 1 M_RD)

import type { ByteBuf } from "../bytes.js"
import { type DeviceRing, RING_BROKEN, RING_EMPTY } from "../ring/device-ring.js"
import type { DeviceType } from "./device-type.js"
import {
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_INDIRECT_DESC,
  FEATURE_RING_RESET_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "./device-type.js"
import { I2C_DONE, I2C_READ_FAILED, type I2cController } from "./i2c-controller.js"

export const VIRTIO_ID_I2C = 34
/** VIRTIO_I2C_F_ZERO_LENGTH_REQUEST: driver and device must both support it. */
export const I2C_FEATURE_ZERO_LENGTH_REQUEST = 1
export const I2C_HEADER_SIZE = 8
/** The next request belongs to the same group and fails if this one does. */
export const I2C_FLAG_FAIL_NEXT = 1
/** The request reads. */
export const I2C_FLAG_M_RD = 2
export const I2C_STATUS_OK = 0
export const I2C_STATUS_ERROR = 1

/** Descriptors of the request queue at most: 64 requests of 4. */
export const I2C_QUEUE_SIZE = 256

/**
 * Descriptors between two pauses: 32 register reads of six, or one chain as long as the queue, which a hostile
 * driver may make available 256 times at once.
 */
const PAUSE_AFTER = 192

/** `checkRequest`: no virtio-i2c request, but it has a status byte to say so. */
const REFUSED = -1
/** `checkRequest`: not even that. */
const NO_STATUS = -2

export class I2cDevice implements DeviceType {
  readonly deviceId = VIRTIO_ID_I2C
  readonly features: readonly number[] = [
    I2C_FEATURE_ZERO_LENGTH_REQUEST | FEATURE_INDIRECT_DESC,
    FEATURE_VERSION_1_BLOCK1 | FEATURE_IN_ORDER_BLOCK1 | FEATURE_RING_RESET_BLOCK1,
  ]
  readonly requiredFeatures: readonly number[] = [I2C_FEATURE_ZERO_LENGTH_REQUEST, FEATURE_VERSION_1_BLOCK1]
  readonly queueMaxSizes: readonly number[] = [I2C_QUEUE_SIZE]
  readonly config: ByteBuf
  /** Requests that were refused because they are no virtio-i2c requests. */
  malformedCount = 0

  private readonly controller: I2cController
  private readonly pause: () => Promise<void>
  /** The group that is being served has failed: its remaining requests fail unexecuted. */
  private isGroupFailed = false

  /**
   * `pause` lets others run: a runtime that counts operations between two waits (DeviceScript panics after
   * 131072) needs it, since a controller may answer without waiting.
   */
  constructor(controller: I2cController, noConfig: ByteBuf, pause: () => Promise<void>) {
    this.controller = controller
    this.pause = pause
    this.config = noConfig
  }

  writeConfig(_offset: number, _data: ByteBuf, _dataOffset: number, _length: number): boolean {
    return false
  }

  reset(): void {
    this.isGroupFailed = false
  }

  /**
   * The chip's hot path, kept flat. A write followed by a read of the same address within its FAIL_NEXT group
   * becomes one bus transaction with a repeated start, if the driver made both available together.
   */
  async serve(_queueIndex: number, ring: DeviceRing): Promise<string> {
    const out = ring.driverArea
    const into = ring.deviceArea
    const generation = ring.generation
    let walked = 0
    let head = ring.pop()
    while (head !== RING_EMPTY) {
      if (head === RING_BROKEN) return ring.brokenReason
      const count = ring.count
      walked += count
      const last = count - 1
      const header = ring.offsets[0]
      const statusAt = ring.offsets[last]
      const flags = out[header + 4]
      let address = this.checkRequest(ring)
      if (address === NO_STATUS) return "a virtio-i2c request without a byte for its status"
      let writeAt = 0
      let writeLength = 0
      let readAt = 0
      let readLength = 0
      if (count === 3) {
        if (flags & I2C_FLAG_M_RD) {
          readAt = ring.offsets[1]
          readLength = ring.lengths[1]
        } else {
          writeAt = ring.offsets[1]
          writeLength = ring.lengths[1]
        }
      }
      // the read that completes a register read; its chain is popped together with the write's
      let pairHead = -1
      let pairStatusAt = 0
      let pairFlags = 0
      let next = -1
      if (writeLength > 0 && flags & I2C_FLAG_FAIL_NEXT && address >= 0 && !this.isGroupFailed) {
        next = ring.pop()
        if (next >= 0) {
          walked += ring.count
          const pairHeader = ring.offsets[0]
          if (
            ring.count === 3 &&
            out[pairHeader + 4] & I2C_FLAG_M_RD &&
            out[pairHeader] === out[header] &&
            this.checkRequest(ring) === address
          ) {
            pairHead = next
            pairStatusAt = ring.offsets[2]
            pairFlags = out[pairHeader + 4]
            readAt = ring.offsets[1]
            readLength = ring.lengths[1]
          }
        }
      }
      let result = I2C_DONE
      if (this.isGroupFailed || address < 0) {
        if (address < 0) this.malformedCount++
        result = REFUSED
        address = 0
      } else {
        result = await this.controller.transfer(address, out, writeAt, writeLength, readLength)
        if (ring.generation !== generation) return ""
        if (result === I2C_DONE && readLength > 0) {
          into.bytes.blitAt(readAt, this.controller.data, 0, readLength)
          into.mark(readAt, readLength)
        }
      }
      const isFirstOk = result === I2C_DONE || (pairHead >= 0 && result === I2C_READ_FAILED)
      const status = isFirstOk ? I2C_STATUS_OK : I2C_STATUS_ERROR
      if (into.bytes[statusAt] !== status) into.put8(statusAt, status)
      ring.push(head, 1 + (pairHead < 0 && result === I2C_DONE ? readLength : 0))
      let groupFlags = flags
      if (pairHead >= 0) {
        const pairStatus = result === I2C_DONE ? I2C_STATUS_OK : I2C_STATUS_ERROR
        if (into.bytes[pairStatusAt] !== pairStatus) into.put8(pairStatusAt, pairStatus)
        ring.push(pairHead, 1 + (result === I2C_DONE ? readLength : 0))
        groupFlags = pairFlags
        next = -1
      }
      this.isGroupFailed = result !== I2C_DONE && (groupFlags & I2C_FLAG_FAIL_NEXT) !== 0
      if (walked >= PAUSE_AFTER) {
        walked = 0
        // a chain that was popped already stays in the ring's fields: nobody else pops
        await this.pause()
        if (ring.generation !== generation) return ""
      }
      head = next === -1 ? ring.pop() : next
    }
    return ""
  }

  /**
   * The 7-bit address of the popped chain if it is a request as the specification wants it; REFUSED if it is
   * not, but has a status byte to say so; NO_STATUS otherwise.
   */
  private checkRequest(ring: DeviceRing): number {
    const out = ring.driverArea
    const last = ring.count - 1
    if (ring.count < 1 || ring.readable === ring.count || ring.lengths[last] !== 1) return NO_STATUS
    if (ring.readable < 1 || ring.lengths[0] !== I2C_HEADER_SIZE || ring.count < 2 || ring.count > 3)
      return REFUSED
    const header = ring.offsets[0]
    if (ring.count === 3) {
      // the buffer's direction and M_RD must agree, and an empty buffer must not be there at all
      const isRead = (out[header + 4] & I2C_FLAG_M_RD) !== 0
      if (ring.lengths[1] === 0 || (ring.readable === 1) !== isRead) return REFUSED
    } else if (ring.readable !== 1) return REFUSED
    // 10-bit addresses have 11110 in the low byte's upper bits and more in the high byte
    if (out[header + 1] !== 0 || out[header] & 1 || (out[header] & 0xf8) === 0xf0) return REFUSED
    return out[header] >> 1
  }
}
