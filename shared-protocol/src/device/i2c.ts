// The virtio-i2c device (virtio 1.4 5.16, device id 34): runs requests on an I2C controller.
// The format of a request is in device-types/i2c.ts.

import type { Allocator, ByteBuf } from "../bytes.js"
import {
  FEATURE_ACCESS_PLATFORM_BLOCK1,
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_INDIRECT_DESC,
  FEATURE_RING_RESET_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../device-types/feature-bits.js"
import {
  I2C_FEATURE_ZERO_LENGTH_REQUEST,
  I2C_FLAG_FAIL_NEXT,
  I2C_FLAG_M_RD,
  I2C_HEADER_SIZE,
  I2C_MAX_TRANSFER_BYTES,
  I2C_QUEUE_SIZE,
  I2C_STATUS_ERROR,
  I2C_STATUS_OK,
  VIRTIO_ID_I2C,
} from "../device-types/i2c.js"
import { type DeviceRing, RING_BROKEN, RING_EMPTY } from "../ring/device-ring.js"
import type { DeviceType } from "./device-type.js"
import { I2C_BUS_HELD, I2C_DONE, I2C_READ_FAILED, type I2cController } from "./i2c-controller.js"

/** The most that a request cut into unusual descriptors may have to read or to write: its header, too, or its status. */
const MAX_CUT_BYTES = I2C_HEADER_SIZE + I2C_MAX_TRANSFER_BYTES

/**
 * Descriptors between two pauses: 32 register reads of six, or one chain as long as the queue, which a hostile
 * driver may make available 256 times at once.
 */
const PAUSE_AFTER = 192
/** What a cut request costs besides its descriptors, in descriptors: 256 of one descriptor each were a panic. */
const CUT_COST = 8

/** Not executed: no virtio-i2c request, or its group has failed. */
const REFUSED = -1

/**
 * What a chain can be, by its descriptors alone. Of the first three the ring notes all that serving them takes:
 *
 *   known  shape bits 0..1, the header's offset bits 2..16, the status' offset bits 17..31
 *   more   the data's offset bits 0..14, its length bits 15..29
 */
const SHAPE_PROBE = 1
const SHAPE_WRITE = 2
const SHAPE_READ = 3
/** With none of these bits: anything else. Not even a byte for a status, or bytes cut into descriptors in an unusual way,
 * which must not matter (virtio 1.4 2.7.4, R1). */
const LOOKED_NO_STATUS = 4
const LOOKED_CUT = 8
const SHAPE_BITS = 3
const OFFSET_BITS = 0x7fff
/** Of a chain that the ring has walked for us before; it may have one less. */
const USUAL_DESCRIPTORS = 3

export class I2cDevice implements DeviceType {
  readonly deviceId = VIRTIO_ID_I2C
  readonly features: readonly number[] = [
    I2C_FEATURE_ZERO_LENGTH_REQUEST | FEATURE_INDIRECT_DESC,
    FEATURE_VERSION_1_BLOCK1 |
      FEATURE_ACCESS_PLATFORM_BLOCK1 |
      FEATURE_IN_ORDER_BLOCK1 |
      FEATURE_RING_RESET_BLOCK1,
  ]
  readonly requiredFeatures: readonly number[] = [I2C_FEATURE_ZERO_LENGTH_REQUEST, FEATURE_VERSION_1_BLOCK1]
  readonly queueMaxSizes: readonly number[] = [I2C_QUEUE_SIZE]
  readonly remembersChains = true
  readonly config: ByteBuf
  /** Requests that were refused because they are no virtio-i2c requests. */
  malformedCount = 0

  private readonly controller: I2cController
  private readonly pause: () => Promise<void>
  private readonly alloc: Allocator | undefined
  /** The group that is being served has failed: its remaining requests fail unexecuted. */
  private isGroupFailed = false

  /**
   * `pause` lets others run: a runtime that counts operations between two waits (DeviceScript panics after
   * 131072) needs it, since a controller may answer without waiting. Without `alloc`, requests that are cut into
   * descriptors in an unusual way are refused.
   */
  constructor(controller: I2cController, noConfig: ByteBuf, pause: () => Promise<void>, alloc?: Allocator) {
    this.alloc = alloc
    this.controller = controller
    this.pause = pause
    this.config = noConfig
    // fields of their own: the chip would look for these methods among the names of all fields first (docs/performance.md)
    const own = this
    own.serve = own.serve
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
    const bytes = into.bytes
    const controller = this.controller
    const generation = ring.generation
    let walked = 0
    let head = ring.pop()
    while (head !== RING_EMPTY) {
      if (head === RING_BROKEN) return ring.brokenReason
      let known = ring.noted
      let more = ring.notedMore
      if (known === 0) {
        known = this.look(ring)
        more = this.lookedMore
      }
      const shape = known & SHAPE_BITS
      if (shape === 0) {
        if (known === LOOKED_NO_STATUS) return "a virtio-i2c request without a byte for its status"
        walked += ring.count + CUT_COST
        const problem = await this.serveCut(head, ring)
        if (ring.generation !== generation || problem !== "") return problem
        if (walked >= PAUSE_AFTER) {
          walked = 0
          await this.pause()
          if (ring.generation !== generation) return ""
        }
        head = ring.pop()
        continue
      }
      walked += USUAL_DESCRIPTORS
      const header = (known >> 2) & OFFSET_BITS
      const statusAt = (known >> 17) & OFFSET_BITS
      const flags = out[header + 4]
      const rawAddress = out[header] | (out[header + 1] << 8)
      let address = REFUSED
      // as `addressOf`, written out
      if ((rawAddress & 0xff01) === 0) {
        if ((rawAddress & 0xf8) !== 0xf0) {
          if (shape === SHAPE_PROBE) address = rawAddress >> 1
          else if ((flags & I2C_FLAG_M_RD) >> 1 === (shape & 1)) address = rawAddress >> 1
        }
      }
      let writeAt = 0
      let writeLength = 0
      let readAt = 0
      let readLength = 0
      // the read that completes a register read; its chain is popped together with the write's
      let pairHead = -1
      let pairStatusAt = 0
      let pairFlags = 0
      let next = -1
      if (shape === SHAPE_WRITE) {
        writeAt = more & OFFSET_BITS
        writeLength = more >> 15
        if (flags & I2C_FLAG_FAIL_NEXT) {
          if (address >= 0) next = ring.pop()
          if (next >= 0) {
            let pairKnown = ring.noted
            let pairMore = ring.notedMore
            if (pairKnown === 0) {
              pairKnown = this.look(ring)
              pairMore = this.lookedMore
            }
            if ((pairKnown & SHAPE_BITS) === SHAPE_READ) {
              const pairHeader = (pairKnown >> 2) & OFFSET_BITS
              pairFlags = out[pairHeader + 4]
              const rawPairAddress = out[pairHeader] | (out[pairHeader + 1] << 8)
              if (rawPairAddress === rawAddress && pairFlags & I2C_FLAG_M_RD) {
                walked += USUAL_DESCRIPTORS
                pairHead = next
                pairStatusAt = (pairKnown >> 17) & OFFSET_BITS
                readAt = pairMore & OFFSET_BITS
                readLength = pairMore >> 15
              }
            }
          }
        }
      } else if (shape === SHAPE_READ) {
        readAt = more & OFFSET_BITS
        readLength = more >> 15
      }
      let result = REFUSED
      if (!this.isGroupFailed && address >= 0) {
        result = await controller.transfer(address, out, writeAt, writeLength, readLength)
        if (ring.generation !== generation) return ""
        if (readLength > 0)
          if (result === I2C_DONE) {
            bytes.blitAt(readAt, controller.data, 0, readLength)
            into.mark(readAt, readLength)
          }
      } else if (address < 0) this.malformedCount++
      if (result === I2C_DONE) {
        if (bytes[statusAt] !== I2C_STATUS_OK) into.put8(statusAt, I2C_STATUS_OK)
        if (pairHead < 0) ring.push(head, 1 + readLength)
        else {
          if (bytes[pairStatusAt] !== I2C_STATUS_OK) into.put8(pairStatusAt, I2C_STATUS_OK)
          ring.pushPair(head, pairHead, 1, 1 + readLength)
          next = -1
        }
        this.isGroupFailed = false
      } else {
        const isWriteDone = pairHead >= 0 && result === I2C_READ_FAILED
        const status = isWriteDone ? I2C_STATUS_OK : I2C_STATUS_ERROR
        if (bytes[statusAt] !== status) into.put8(statusAt, status)
        // the status is behind the room for what is read: the length that is used reaches to it
        ring.push(head, pairHead < 0 ? 1 + readLength : 1)
        let groupFlags = flags
        if (pairHead >= 0) {
          if (bytes[pairStatusAt] !== I2C_STATUS_ERROR) into.put8(pairStatusAt, I2C_STATUS_ERROR)
          ring.push(pairHead, 1 + readLength)
          groupFlags = pairFlags
          next = -1
        }
        this.isGroupFailed = (groupFlags & I2C_FLAG_FAIL_NEXT) !== 0
        // the status of a request cannot say this; DEVICE_NEEDS_RESET can
        if (result === I2C_BUS_HELD) return "the I2C bus is held"
      }
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
   * Carries out the popped chain whatever its descriptors: the readable bytes together are the header and what is to
   * be written, the writable ones together are room for what is read, and the last of them is the status. Returns ""
   * or why the device needs a reset.
   */
  private async serveCut(head: number, ring: DeviceRing): Promise<string> {
    const into = ring.deviceArea
    const generation = ring.generation
    let readable = 0
    let writable = 0
    for (let i = 0; i < ring.count; i++) {
      if (i < ring.readable) readable += ring.lengthAt(i)
      else writable += ring.lengthAt(i)
    }
    // what a driver may make us allocate has a limit: descriptors can name the same bytes again and again
    const isSized = readable >= I2C_HEADER_SIZE && readable <= MAX_CUT_BYTES && writable <= MAX_CUT_BYTES
    const bytes = this.alloc === undefined || !isSized ? undefined : this.alloc(readable)
    let writeLength = 0
    const readLength = writable - 1
    let address = REFUSED
    let flags = 0
    if (bytes !== undefined) {
      let at = 0
      for (let i = 0; i < ring.readable; i++) {
        const length = ring.lengthAt(i)
        bytes.blitAt(at, ring.driverArea, ring.offsetAt(i), length)
        at += length
      }
      writeLength = readable - I2C_HEADER_SIZE
      flags = bytes[4]
      const shape = readLength > 0 ? SHAPE_READ : writeLength > 0 ? SHAPE_WRITE : SHAPE_PROBE
      if (writeLength === 0 || readLength === 0) address = addressOf(bytes, 0, shape)
    }
    let result = REFUSED
    if (bytes !== undefined && address >= 0 && !this.isGroupFailed) {
      result = await this.controller.transfer(address, bytes, I2C_HEADER_SIZE, writeLength, readLength)
      if (ring.generation !== generation) return ""
    } else if (address < 0) this.malformedCount++
    let left = result === I2C_DONE ? readLength : 0
    for (let i = ring.readable; left > 0; i++) {
      let length = ring.lengthAt(i)
      if (length > left) length = left
      const offset = ring.offsetAt(i)
      into.bytes.blitAt(offset, this.controller.data, readLength - left, length)
      into.mark(offset, length)
      left -= length
    }
    const last = ring.count - 1
    const statusAt = ring.offsetAt(last) + ring.lengthAt(last) - 1
    into.put8(statusAt, result === I2C_DONE ? I2C_STATUS_OK : I2C_STATUS_ERROR)
    ring.push(head, writable)
    this.isGroupFailed = result !== I2C_DONE && (flags & I2C_FLAG_FAIL_NEXT) !== 0
    return result === I2C_BUS_HELD ? "the I2C bus is held" : ""
  }

  private lookedMore = 0

  /** What the popped chain can be, as the ring notes it for the usual ones; the second number is in `lookedMore`. */
  private look(ring: DeviceRing): number {
    const { count, readable, offsets, lengths } = ring
    this.lookedMore = 0
    if (count < 1 || readable === count) return LOOKED_NO_STATUS
    const statusLength = ring.lengthAt(count - 1)
    if (statusLength === 0) return LOOKED_NO_STATUS
    if (statusLength !== 1) return this.alloc === undefined ? LOOKED_NO_STATUS : LOOKED_CUT
    let shape = 0
    if (readable >= 1 && lengths[0] === I2C_HEADER_SIZE) {
      if (count === 2) shape = SHAPE_PROBE
      // an empty buffer must not be there at all
      else if (count === 3 && lengths[1] > 0 && lengths[1] <= OFFSET_BITS)
        shape = readable === 1 ? SHAPE_READ : SHAPE_WRITE
    }
    if (shape === 0) return LOOKED_CUT
    if (shape !== SHAPE_PROBE) this.lookedMore = offsets[1] | (lengths[1] << 15)
    const known = shape | (offsets[0] << 2) | (offsets[count - 1] << 17)
    ring.note(known, this.lookedMore)
    return known
  }
}

/**
 * The 7-bit address in the header at `header` of `out`; REFUSED if the header contradicts the chain's shape, or
 * if the address is no plain one: 10-bit addresses have 11110 in the low byte's upper bits and more in the high.
 */
function addressOf(out: ByteBuf, header: number, shape: number): number {
  if (shape > SHAPE_READ) return REFUSED
  if (out[header + 4] & I2C_FLAG_M_RD) {
    if (shape === SHAPE_WRITE) return REFUSED
  } else if (shape === SHAPE_READ) return REFUSED
  const rawAddress = out[header] | (out[header + 1] << 8)
  if (rawAddress & 0xff01) return REFUSED
  return (rawAddress & 0xf8) === 0xf0 ? REFUSED : rawAddress >> 1
}
