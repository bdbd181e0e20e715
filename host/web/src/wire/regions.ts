// A virtqueue as seen from outside: the places of its parts in the window, its indexes and its descriptors (virtio 1.4
// 2.7). It only reads. It trusts no value, and never throws.

import { getU16, getU32 } from "../../../../shared-protocol/src/bytes.js"
import {
  availBytes,
  DESCRIPTOR_SIZE,
  DEVICE_AREA,
  DRIVER_AREA,
  descBytes,
  usedBytes,
} from "../../../../shared-protocol/src/ring/layout.js"

/** The two areas of the window: [the driver's, the device's]. */
export interface Areas {
  readonly driver: Uint8Array
  readonly device: Uint8Array
}

/** The place of a queue, as SET_VQUEUE set it. */
export interface QueuePlace {
  readonly devNum: number
  /** The virtio device type. -1 when it is not known. */
  readonly deviceId: number
  readonly index: number
  /** The number of descriptors. */
  readonly size: number
  /** Offsets: descriptor table and available ring are in the driver's area, the used ring is in the device's. */
  readonly desc: number
  readonly avail: number
  readonly used: number
}

export type RegionKind = "descriptors" | "available" | "used" | "request" | "answer"

/** A run of bytes of the window that has a meaning. */
export interface Region {
  readonly area: "driver" | "device"
  readonly kind: RegionKind
  readonly offset: number
  readonly length: number
  /** "descriptor table of queue 0, device 0" */
  readonly name: string
}

/** The two indexes, modulo 65536. Their difference is the number of chains that the device has. */
export function queueIndexes(queue: QueuePlace, areas: Areas): { avail: number; used: number } {
  return { avail: index(areas.driver, queue.avail + 2), used: index(areas.device, queue.used + 2) }
}

/** The regions of a queue: its three parts, then the buffers that its descriptors name, without repetition. */
export function queueRegions(queue: QueuePlace, areas: Areas): Region[] {
  const of = `queue ${queue.index}, device ${queue.devNum}`
  const { size } = queue
  const regions: Region[] = [
    part("driver", "descriptors", queue.desc, descBytes(size), `descriptor table of ${of}`),
    part("driver", "available", queue.avail, availBytes(size), `available ring of ${of}`),
    part("device", "used", queue.used, usedBytes(size), `used ring of ${of}`),
  ]
  const table = areas.driver.subarray(queue.desc, queue.desc + descBytes(size))
  const seen = new Set<string>()
  for (let at = 0; DESCRIPTOR_SIZE * (at + 1) <= table.length; at++) {
    const entry = table.subarray(DESCRIPTOR_SIZE * at)
    const [number, offset, length] = [getU16(entry, 6), getU32(entry, 0), getU32(entry, 8)]
    const area = number === DRIVER_AREA ? "driver" : number === DEVICE_AREA ? "device" : undefined
    const key = `${area}:${offset}:${length}`
    if (!area || length === 0 || seen.has(key) || offset + length > areas[area].length) continue
    seen.add(key)
    const kind = area === "driver" ? "request" : "answer"
    regions.push(part(area, kind, offset, length, `buffer of descriptor ${at} of ${of}`))
  }
  return regions
}

/** Says in words what the byte at `offset` in a region is. */
export function describeByte(region: Region, offset: number): string {
  const inside = offset - region.offset
  switch (region.kind) {
    case "descriptors": {
      const field = inside % DESCRIPTOR_SIZE
      const name = field < 8 ? "address" : field < 12 ? "length" : field < 14 ? "flags" : "next"
      return `${name} of descriptor ${Math.floor(inside / DESCRIPTOR_SIZE)}, ${region.name}`
    }
    case "available":
      return `${inside < 2 ? "flags" : inside < 4 ? "idx" : `entry ${(inside - 4) >> 1}`} of the ${region.name}`
    case "used":
      return `${inside < 2 ? "flags" : inside < 4 ? "idx" : `element ${(inside - 4) >> 3}`} of the ${region.name}`
    default:
      return `byte ${inside} of ${region.length}, ${region.name}`
  }
}

function index(area: Uint8Array, offset: number): number {
  return offset + 2 <= area.length ? getU16(area, offset) : 0
}

function part(area: Region["area"], kind: RegionKind, offset: number, length: number, name: string): Region {
  return { area, kind, offset, length, name }
}
