// An observer's copy of the shared window: both areas, as the spans on the link filled them.

import { getU16, getU32 } from "../../../shared-protocol/src/bytes.js"
import { MAX_AREA_SIZE } from "../../../shared-protocol/src/mailbox/packet.js"
import { DEVICE_AREA, DRIVER_AREA } from "../../../shared-protocol/src/ring/layout.js"
import type { Direction } from "../link/link.js"

/** Whose area the spans of a packet go to. */
export function areaWrittenBy(direction: Direction): number {
  return direction === "out" ? DRIVER_AREA : DEVICE_AREA
}

/** Where something lies in the window. */
export interface Place {
  readonly area: number
  readonly offset: number
}

export const NOWHERE: Place = { area: 0, offset: 0 }

export class WindowView {
  /** The sizes of the areas in bytes, as HELLO said. Before that, the largest possible ones. */
  readonly sizes = new Map([
    [DRIVER_AREA, MAX_AREA_SIZE],
    [DEVICE_AREA, MAX_AREA_SIZE],
  ])
  readonly #areas = new Map([
    [DRIVER_AREA, new Uint8Array(MAX_AREA_SIZE)],
    [DEVICE_AREA, new Uint8Array(MAX_AREA_SIZE)],
  ])

  /** All bytes of an area; undefined for an area that does not exist. */
  area(area: number): Uint8Array | undefined {
    return this.#areas.get(area)?.subarray(0, this.sizes.get(area))
  }

  /** Stores a span. Returns false, and stores nothing, when it lies outside the area. */
  write(area: number, offset: number, bytes: Uint8Array): boolean {
    const stored = this.area(area)
    if (!stored || offset + bytes.length > stored.length) return false
    stored.set(bytes, offset)
    return true
  }

  /** Bytes of the window. Undefined where the window has none. */
  read(area: number, offset: number, length: number): Uint8Array | undefined {
    const stored = this.area(area)
    return stored && offset + length <= stored.length ? stored.subarray(offset, offset + length) : undefined
  }

  u16(area: number, offset: number): number {
    const bytes = this.read(area, offset, 2)
    return bytes ? getU16(bytes, 0) : 0
  }

  u32(area: number, offset: number): number {
    const bytes = this.read(area, offset, 4)
    return bytes ? getU32(bytes, 0) : 0
  }

  /** An epoch begins: both areas are 0. */
  clear(): void {
    for (const bytes of this.#areas.values()) bytes.fill(0)
  }
}

/** The area and the offset that a 64-bit address means. */
export function placeOf(low: number, high: number): Place {
  return high & 0xffff ? NOWHERE : { area: high >>> 16, offset: low }
}

/** Whether two runs of bytes overlap. */
export function overlaps(offset: number, length: number, start: number, size: number): boolean {
  return offset < start + size && start < offset + length
}
