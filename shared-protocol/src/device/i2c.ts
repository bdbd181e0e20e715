// The virtio-i2c device (virtio 1.4 5.16, device id 34): runs requests on an I2C controller.
// The format of a request is in device-types/i2c.ts. `serve` is one flat function because calls and fields are slow
// on the chip: calls are written out in place, fields are copied to locals, tests are nested ifs (docs/performance.md
// "On the chip").

import type { Allocator, ByteBuf } from "../bytes.js"
import {
  FEATURE_ACCESS_PLATFORM_BLOCK1,
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_INDIRECT_DESC,
  FEATURE_RING_RESET_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../device-types/feature-bits.js"
import {
  I2C_BUS_HELD,
  I2C_DONE,
  I2C_FEATURE_ZERO_LENGTH_REQUEST,
  I2C_FLAG_FAIL_NEXT,
  I2C_FLAG_M_RD,
  I2C_HEADER_SIZE,
  I2C_MAX_TRANSFER_BYTES,
  I2C_QUEUE_SIZE,
  I2C_READ_FAILED,
  I2C_STATUS_ERROR,
  I2C_STATUS_OK,
  VIRTIO_ID_I2C,
} from "../device-types/i2c.js"
import { ChainMemory, GROUP_SHIFT } from "../ring/chain-memory.js"
import type { DeviceRing } from "../ring/device-ring.js"
import type { DeviceModel } from "./device-model.js"
import type { I2cController } from "./i2c-controller.js"

/** The most bytes, in each direction, of a request in an unusual layout. A header or a status counts, too. */
const MAX_CUT_BYTES = I2C_HEADER_SIZE + I2C_MAX_TRANSFER_BYTES

/**
 * Descriptors between two pauses: 32 register reads of six, or one chain as long as the queue, which a hostile
 * driver may make available 256 times at once.
 */
const PAUSE_AFTER = 192
/** Added to the descriptors of such a request: 256 of one descriptor each made the runtime panic. */
const CUT_COST = 8

/** Not executed: no virtio-i2c request, or its group has failed. */
const REFUSED = -1

/**
 * The shape of a chain, by its descriptors alone. For the first three the ring notes all that serving them needs:
 *
 *   known  shape bits 0..1, the header's offset bits 2..16, the status' offset bits 17..31
 *   more   the data's offset bits 0..14, its length bits 15..29
 */
const SHAPE_PROBE = 1
const SHAPE_WRITE = 2
const SHAPE_READ = 3
/**
 * Other chains have none of these bits: either there is no byte for a status, or the bytes are cut into descriptors in
 * an unusual way, which must make no difference (virtio 1.4 2.7.4, R1).
 */
const LOOKED_NO_STATUS = 4
const LOOKED_CUT = 8
const SHAPE_BITS = 3
const OFFSET_BITS = 0x7fff
/** The low byte of an address field that begins a 10-bit address is one of these. */
const FIRST_10_BIT = 0xf0
const LAST_10_BIT = 0xf7
/** Descriptors of a usual chain. One without data has one less. */
const USUAL_DESCRIPTORS = 3

export class I2cDevice implements DeviceModel {
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
    // copied into fields: the chip searches the fields of an object before the methods of its class (docs/performance.md)
    const own = this
    own.serve = own.serve
    own.look = own.look
  }

  writeConfig(_offset: number, _data: ByteBuf, _dataOffset: number, _length: number): boolean {
    return false
  }

  reset(): void {
    this.isGroupFailed = false
  }

  /**
   * The chip's hot path. A write followed by a read of the same address within its FAIL_NEXT group becomes one bus
   * transaction with a repeated start, if the driver made both available together.
   */
  async serve(_queueIndex: number, ring: DeviceRing): Promise<string> {
    const out = ring.driverArea
    const into = ring.deviceArea
    const bytes = into.bytes
    const controller = this.controller
    const resetCount = ring.resetCount
    const isInOrder = ring.features.hasInOrder
    const entries = ring.avail + 4
    const mask = ring.size - 1
    const memory = ring.memory === undefined ? new ChainMemory([], 0) : ring.memory
    const notes = memory.notes
    const notesMore = memory.notesMore
    const firstNote = memory.firstNote
    const strangeHead = memory.strangeHead
    let problem = ""
    let isGroupFailed = this.isGroupFailed
    /** Points at an entry of the available ring, then a group, then a header: each further local costs 8 bytes. */
    let at = 0
    /** Where the next chain is in the available ring, and how many may be taken before the next look at its index. */
    let last = ring.lastAvail
    let left = 0
    let sincePause = 0
    /** What reads have filled and is not marked as changed yet: neighbours are marked together. */
    let dataAt = 0
    let dataEnd = 0
    /** With VIRTIO_F_IN_ORDER: how many chains were served and not given back yet, and the last of them. */
    let servedCount = 0
    let servedHead = 0
    let servedLength = 0
    let writeAt = 0
    let readAt = 0
    let pairStatusAt = 0
    let pairFlags = 0
    while (true) {
      if (left === 0) {
        left = ((out[entries - 2] | (out[entries - 1] << 8)) - last) & 0xffff
        if (left === 0) break
        if (left > mask + 1) {
          ring.lastAvail = last & 0xffff
          ring.available()
          problem = ring.brokenReason
          break
        }
        if (sincePause >= PAUSE_AFTER) {
          sincePause = 0
          await this.pause()
          if (ring.resetCount !== resetCount) break
        }
        if (left > PAUSE_AFTER / USUAL_DESCRIPTORS) left = PAUSE_AFTER / USUAL_DESCRIPTORS
        sincePause += left * USUAL_DESCRIPTORS
      }
      // as `DeviceRing.pop` for a chain that is known, written out
      at = entries + ((last & mask) << 1)
      let head = out[at] | (out[at + 1] << 8)
      let known = 0
      let more = 0
      if ((head & strangeHead) === 0) {
        at = head >> GROUP_SHIFT
        known = notes[firstNote + at]
        more = notesMore[at]
      }
      if (!known) {
        ring.lastAvail = last & 0xffff
        head = ring.pop()
        if (head < 0) {
          problem = ring.brokenReason
          break
        }
        known = this.look(ring)
        more = this.lookedMore
      }
      last++
      left--
      const shape = known & SHAPE_BITS
      if (shape === 0) {
        if (known === LOOKED_NO_STATUS) {
          problem = "no status"
          break
        }
        sincePause += ring.count + CUT_COST
        if (sincePause >= PAUSE_AFTER) left = 0
        this.isGroupFailed = isGroupFailed
        problem = await this.serveCut(head, ring)
        if (ring.resetCount !== resetCount) break
        isGroupFailed = this.isGroupFailed
        if (problem !== "") break
        continue
      }
      const header = (known >> 2) & OFFSET_BITS
      const statusAt = known >>> 17
      const low = out[header]
      const flags = out[header + 4]
      // as `addressOf`, written out
      let address = low >> 1
      if ((low & 1) | out[header + 1]) address = REFUSED
      else if (low >= FIRST_10_BIT) if (low <= LAST_10_BIT) address = REFUSED
      let writeLength = 0
      let readLength = 0
      // the read that completes a register read
      let pairHead = -1
      if (shape === SHAPE_WRITE) {
        writeAt = more & OFFSET_BITS
        writeLength = more >> 15
        if (flags & I2C_FLAG_M_RD) address = REFUSED
        else if (flags & I2C_FLAG_FAIL_NEXT)
          if (left > 0)
            if (address >= 0) {
              at = entries + ((last & mask) << 1)
              const second = out[at] | (out[at + 1] << 8)
              known = 0
              if ((second & strangeHead) === 0) {
                at = second >> GROUP_SHIFT
                known = notes[firstNote + at]
                more = notesMore[at]
              }
              if (!known) {
                // only looked at: it stays in the ring
                ring.lastAvail = last & 0xffff
                known = ring.pop() < 0 ? LOOKED_NO_STATUS : this.look(ring)
                more = this.lookedMore
              }
              if ((known & SHAPE_BITS) === SHAPE_READ) {
                at = (known >> 2) & OFFSET_BITS
                pairFlags = out[at + 4]
                if (pairFlags & I2C_FLAG_M_RD)
                  if ((out[at] | (out[at + 1] << 8)) === low) {
                    pairHead = second
                    pairStatusAt = known >>> 17
                    readAt = more & OFFSET_BITS
                    readLength = more >> 15
                    last++
                    left--
                  }
              }
            }
      } else if (shape === SHAPE_READ) {
        readAt = more & OFFSET_BITS
        readLength = more >> 15
        if ((flags & I2C_FLAG_M_RD) === 0) address = REFUSED
      }
      let result = REFUSED
      if (address < 0) this.malformedCount++
      else if (!isGroupFailed) {
        result = await controller.transfer(address, out, writeAt, writeLength, readLength)
        if (ring.resetCount !== resetCount) break
      }
      if (result === I2C_DONE) {
        isGroupFailed = false
        if (readLength > 0) {
          bytes.blitAt(readAt, controller.data, 0, readLength)
          if (readAt !== dataEnd) {
            if (dataEnd > 0) into.mark(dataAt, dataEnd - dataAt)
            dataAt = readAt
          }
          dataEnd = readAt + readLength
        }
        // I2C_STATUS_OK is 0
        if (bytes[statusAt]) into.put8(statusAt, I2C_STATUS_OK)
        if (pairHead >= 0) {
          if (bytes[pairStatusAt]) into.put8(pairStatusAt, I2C_STATUS_OK)
          if (isInOrder) servedCount++
          else ring.push(head, 1)
          head = pairHead
        }
      } else {
        let status = I2C_STATUS_ERROR
        if (pairHead >= 0) if (result === I2C_READ_FAILED) status = I2C_STATUS_OK // the write was done
        if (bytes[statusAt] !== status) into.put8(statusAt, status)
        isGroupFailed = (flags & I2C_FLAG_FAIL_NEXT) !== 0
        if (pairHead >= 0) {
          if (bytes[pairStatusAt] !== I2C_STATUS_ERROR) into.put8(pairStatusAt, I2C_STATUS_ERROR)
          isGroupFailed = (pairFlags & I2C_FLAG_FAIL_NEXT) !== 0
          if (isInOrder) servedCount++
          else ring.push(head, 1)
          head = pairHead
        }
        // the status of a request cannot say this; DEVICE_NEEDS_RESET can
        if (result === I2C_BUS_HELD) problem = "the I2C bus is held"
      }
      // the status lies behind the room for the data, so the used length has to reach that far
      if (isInOrder) {
        servedCount++
        servedHead = head
        servedLength = 1 + readLength
      } else ring.push(head, 1 + readLength)
      if (problem !== "") break
    }
    // also after a reset: the driver's copy of the area has to get what was written
    if (dataEnd > 0) into.mark(dataAt, dataEnd - dataAt)
    if (ring.resetCount !== resetCount) return ""
    this.isGroupFailed = isGroupFailed
    ring.lastAvail = last & 0xffff
    if (servedCount > 0) ring.pushBatch(servedCount, servedHead, servedLength)
    return problem
  }

  /**
   * Carries out the popped chain whatever its layout. All readable bytes together are the header and the data to
   * write. All writable bytes together are the room for what is read, and the last one is the status. Returns "" or
   * why the device needs a reset.
   */
  private async serveCut(head: number, ring: DeviceRing): Promise<string> {
    const into = ring.deviceArea
    const resetCount = ring.resetCount
    let readable = 0
    let writable = 0
    for (let i = 0; i < ring.count; i++) {
      if (i < ring.readable) readable += ring.lengthAt(i)
      else writable += ring.lengthAt(i)
    }
    const writeLength = readable - I2C_HEADER_SIZE
    const readLength = writable - 1
    const alloc = this.alloc
    let address = REFUSED
    let result = REFUSED
    let flags = 0
    // what a driver may make us allocate has a limit: descriptors can name the same bytes again and again
    if (alloc !== undefined && writeLength >= 0 && readable <= MAX_CUT_BYTES && writable <= MAX_CUT_BYTES) {
      const bytes = alloc(readable)
      let at = 0
      for (let i = 0; i < ring.readable; i++) {
        const length = ring.lengthAt(i)
        bytes.blitAt(at, ring.driverArea, ring.offsetAt(i), length)
        at += length
      }
      flags = bytes[4]
      address = addressOf(bytes, writeLength, readLength)
      if (address >= 0 && !this.isGroupFailed) {
        result = await this.controller.transfer(address, bytes, I2C_HEADER_SIZE, writeLength, readLength)
        if (ring.resetCount !== resetCount) return ""
      }
    }
    if (address < 0) this.malformedCount++
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

  /** The shape of the popped chain. For the usual shapes the ring notes it. The second number is in `lookedMore`. */
  private look(ring: DeviceRing): number {
    const { count, readable, offsets, lengths } = ring
    this.lookedMore = 0
    if (count < 1 || readable === count) return LOOKED_NO_STATUS
    const statusLength = count <= USUAL_DESCRIPTORS ? lengths[count - 1] : ring.lengthAt(count - 1)
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
    ring.memory?.note(known, this.lookedMore)
    return known
  }
}

/**
 * The 7-bit address in the header of a request that writes and reads so many bytes. REFUSED if these contradict each
 * other or the header's flags, and for other addresses: a 10-bit one has 11110 in the upper bits of the low byte, and
 * its rest in the high byte.
 */
function addressOf(header: ByteBuf, writeLength: number, readLength: number): number {
  const isRead = (header[4] & I2C_FLAG_M_RD) !== 0
  if (isRead ? writeLength > 0 : readLength > 0) return REFUSED
  const rawAddress = header[0] | (header[1] << 8)
  if (rawAddress & 0xff01) return REFUSED
  return (rawAddress & 0xf8) === 0xf0 ? REFUSED : rawAddress >> 1
}
