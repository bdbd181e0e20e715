// Where the used rings of a bus are, as the driver's messages say when they pass. For code that has to look at the
// rings because nobody tells it.

import { getU16, getU32 } from "../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE } from "../../../shared-protocol/src/messages/header.js"
import { SET_DEVICE_STATUS, SET_VQUEUE } from "../../../shared-protocol/src/messages/ids.js"
import { SET_VQUEUE_REQUEST_SIZE } from "../../../shared-protocol/src/messages/vqueue.js"

/** Where SET_VQUEUE has the address of the used ring. */
const USED_RING_AT = HEADER_SIZE + 32
/** Behind the ring's flags. */
const INDEX_AT = 2

export interface UsedRing {
  readonly devNum: number
  readonly vqIndex: number
  /** Of the ring's 16-bit index, counted from the beginning of the device's area. */
  readonly indexOffset: number
  /** The index that was last seen. */
  seen: number
}

export class UsedRings {
  readonly #base: number
  readonly #rings = new Map<string, UsedRing>()

  /** `base`: the low half of the address of the device's area. */
  constructor(base: number) {
    this.#base = base
  }

  /** A frame of the driver. Takes up a ring that is set up, and drops those of a device that is reset. */
  note(frame: Uint8Array): void {
    if (frame.length < HEADER_SIZE + 4 || frame[0] !== 0) return
    const devNum = getU16(frame, 2)
    if (frame[1] === SET_DEVICE_STATUS && getU32(frame, HEADER_SIZE) === 0)
      for (const [key, ring] of this.#rings) if (ring.devNum === devNum) this.#rings.delete(key)
    if (frame[1] !== SET_VQUEUE || frame.length < SET_VQUEUE_REQUEST_SIZE) return
    const vqIndex = getU32(frame, HEADER_SIZE)
    const indexOffset = getU32(frame, USED_RING_AT) - this.#base + INDEX_AT
    this.#rings.set(`${devNum}:${vqIndex}`, { devNum, vqIndex, indexOffset, seen: 0 })
  }

  all(): Iterable<UsedRing> {
    return this.#rings.values()
  }
}
