// A driver that a test works by hand, on the near side of a forwarder. It has frames, and a window of its own with
// rings and buffers.

import { allocateBytes } from "../../host/src/bytes.js"
import type { DriverSide } from "../../host/src/node/message-forwarder.js"
import { getU16, getU32, putU16, putU32 } from "../../shared-protocol/src/bytes.js"
import { EVENT_AVAIL_SIZE, encodeEventAvail } from "../../shared-protocol/src/messages/events.js"
import { encodeSetDriverFeaturesRequest } from "../../shared-protocol/src/messages/features.js"
import { getToken, putToken, TYPE_RESPONSE } from "../../shared-protocol/src/messages/header.js"
import { EVENT_USED } from "../../shared-protocol/src/messages/ids.js"
import { encodeSetDeviceStatusRequest } from "../../shared-protocol/src/messages/status.js"
import {
  encodeGetVqueueRequest,
  encodeSetVqueueRequest,
  VQUEUE_ENABLE,
} from "../../shared-protocol/src/messages/vqueue.js"
import {
  availBytes,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_WRITE,
  descBytes,
} from "../../shared-protocol/src/ring/layout.js"

/** A descriptor. Its buffer may be outside the window. */
export interface NearDescriptor {
  readonly at: number
  readonly high?: number
  readonly lengthBytes: number
  readonly flags: number
  readonly next: number
}

export interface Used {
  readonly head: number
  readonly lengthBytes: number
}

const RINGS_AT = 64

export class NearDriver implements DriverSide {
  readonly bytes: Uint8Array
  readonly window
  /** The frames that came, in order. */
  readonly frames: Uint8Array[] = []
  /** Reads and writes outside the window. */
  readonly outside: string[] = []
  take: (frame: Uint8Array) => void = () => {}
  #token = 0x4000
  #buffersAt = 0
  #descriptor = 0
  #availIdx = 0
  #usedIdx = 0
  #size = 0

  constructor(lengthBytes: number) {
    const bytes = new Uint8Array(lengthBytes)
    this.bytes = bytes
    const look = (what: string, offset: number, count: number) => {
      if (offset < 0 || offset + count > lengthBytes) this.outside.push(`${what} ${count} at ${offset}`)
    }
    this.window = {
      holds: (offset: number, count: number) => offset + count <= lengthBytes,
      read(offset: number, count: number) {
        look("read", offset, count)
        const read = new Uint8Array(count)
        read.set(bytes.subarray(offset, offset + count))
        return read
      },
      write(offset: number, written: Uint8Array) {
        look("write", offset, written.length)
        bytes.set(written.subarray(0, Math.max(0, lengthBytes - offset)), Math.min(offset, lengthBytes))
      },
    }
  }

  send(frame: Uint8Array): void {
    this.frames.push(frame)
  }

  /** Sends a request. Returns its token. */
  request(lengthBytes: number, encode: (frame: Uint8Array) => unknown): number {
    const frame = allocateBytes(lengthBytes)
    encode(frame)
    putToken(frame, ++this.#token)
    this.take(frame)
    return this.#token
  }

  answers(token: number): Uint8Array[] {
    return this.frames.filter(
      (frame) => (frame[0] as number) & TYPE_RESPONSE && getToken(allocateFrom(frame)) === token,
    )
  }

  /** How many EVENT_USED came for queue 0 of a device. */
  usedEvents(devNum = 0): number {
    return this.frames.filter(
      (frame) => frame[0] === 0 && frame[1] === EVENT_USED && getU16(allocateFrom(frame), 2) === devNum,
    ).length
  }

  /** Asks for a reset. The answer must come before `bringUp`. */
  resetDevice(devNum: number): void {
    this.request(12, (frame) => encodeSetDeviceStatusRequest(frame, devNum, 0))
  }

  /** Sets up queue 0 of a device with this size. Let time pass until it is done. */
  bringUp(devNum: number, size: number, rings: { desc?: number; avail?: number; used?: number } = {}): void {
    for (const status of [1, 3])
      this.request(12, (frame) => encodeSetDeviceStatusRequest(frame, devNum, status))
    this.request(24, (frame) =>
      encodeSetDriverFeaturesRequest(frame, devNum, { blockIndex: 0, numBlocks: 2, features: [1, 1] }),
    )
    this.request(12, (frame) => encodeSetDeviceStatusRequest(frame, devNum, 11))
    const desc = rings.desc ?? RINGS_AT
    const avail = rings.avail ?? desc + descBytes(size)
    const used = rings.used ?? (avail + availBytes(size) + 3) & ~3
    this.#size = size
    this.#buffersAt = used + 8 + 8 * size
    this.#availIdx = 0
    this.#usedIdx = 0
    this.#descriptor = 0
    const at = (low: number) => ({ low, high: 0 })
    this.request(48, (frame) =>
      encodeSetVqueueRequest(frame, devNum, {
        index: 0,
        flags: VQUEUE_ENABLE,
        size,
        reserved: 0,
        desc: at(desc),
        driver: at(avail),
        device: at(used),
      }),
    )
    this.request(12, (frame) => encodeSetDeviceStatusRequest(frame, devNum, 15))
  }

  askQueue(devNum = 0): number {
    return this.request(12, (frame) => encodeGetVqueueRequest(frame, devNum, 0))
  }

  /** Puts bytes, or room for so many, after those placed before. Returns the offset. */
  place(bytes: readonly number[] | number): number {
    const at = this.#buffersAt
    this.#buffersAt += typeof bytes === "number" ? bytes : bytes.length
    if (this.#buffersAt > this.bytes.length) throw new Error("the test's own window is too small")
    if (typeof bytes !== "number") this.bytes.set(bytes, at)
    return at
  }

  describe(index: number, { at, high = 0, lengthBytes, flags, next }: NearDescriptor): void {
    const entry = allocateBytes(16)
    putU32(entry, 0, at)
    putU32(entry, 4, high)
    putU32(entry, 8, lengthBytes)
    putU16(entry, 12, flags)
    putU16(entry, 14, next)
    this.bytes.set(entry, RINGS_AT + 16 * index)
  }

  /** Makes a chain available, of bytes to read and room to write. Returns its head and the offsets of its parts. */
  offer(...parts: readonly (readonly number[] | number)[]): { head: number; at: number[] } {
    const head = this.#descriptor
    const at = parts.map((part) => this.place(part))
    for (const [n, part] of parts.entries()) {
      const isLast = n === parts.length - 1
      this.describe(head + n, {
        at: at[n] as number,
        lengthBytes: typeof part === "number" ? part : part.length,
        flags: (typeof part === "number" ? DESCRIPTOR_WRITE : 0) | (isLast ? 0 : DESCRIPTOR_NEXT),
        next: isLast ? 0 : head + n + 1,
      })
    }
    this.#descriptor += parts.length
    this.offerHead(head)
    return { head, at }
  }

  offerHead(head: number): void {
    const avail = RINGS_AT + descBytes(this.#size)
    const slot = allocateBytes(2)
    putU16(slot, 0, head)
    this.bytes.set(slot, avail + 4 + 2 * (this.#availIdx % this.#size))
    this.setAvailable(this.#availIdx + 1)
  }

  /** Writes the index of the available ring. */
  setAvailable(idx: number): void {
    this.#availIdx = idx & 0xffff
    const bytes = allocateBytes(2)
    putU16(bytes, 0, this.#availIdx)
    this.bytes.set(bytes, RINGS_AT + descBytes(this.#size) + 2)
  }

  kick(devNum = 0): void {
    const frame = allocateBytes(EVENT_AVAIL_SIZE)
    encodeEventAvail(frame, devNum, { vqIndex: 0, nextOffset: 0 })
    this.take(frame)
  }

  /** The chains that came back since the last call. */
  takeUsed(): Used[] {
    const used = (RINGS_AT + descBytes(this.#size) + availBytes(this.#size) + 3) & ~3
    const ring = allocateFrom(this.bytes.subarray(used, used + 4 + 8 * this.#size))
    const back: Used[] = []
    for (const idx = getU16(ring, 2); this.#usedIdx !== idx; this.#usedIdx = (this.#usedIdx + 1) & 0xffff) {
      const at = 4 + 8 * (this.#usedIdx % this.#size)
      back.push({ head: getU32(ring, at), lengthBytes: getU32(ring, at + 4) })
    }
    return back
  }
}

function allocateFrom(bytes: Uint8Array) {
  const copy = allocateBytes(bytes.length)
  copy.set(bytes)
  return copy
}
