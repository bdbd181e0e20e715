// The windows of the kernel's memory that are mapped for a device model, each at a bus address. They are all the
// memory that it can read or write. Addresses are numbers. No window lies beyond 2^53, so an inexact address finds
// none.

import { constants } from "node:os"
import type { DriverWindow } from "../given-ring.js"
import type { Mapping } from "../vhost-user/libc.js"

/** One publication of a window, as MAP_ADD says it. */
export interface WindowPlace {
  readonly seq: bigint
  readonly id: bigint
  readonly address: bigint
  readonly length: bigint
}

export interface WindowRequest extends WindowPlace {
  readonly mmapOffset: bigint
  readonly mmapLength: bigint
  /** The kernel would like it to stay mapped. */
  readonly isRetained: boolean
}

interface MappedWindow {
  readonly place: WindowPlace
  readonly from: number
  readonly to: number
  readonly isRetained: boolean
  readonly mapping: Mapping
}

/** More windows than this are refused. Each is a mapping of this process, and Linux allows it 65,530 of them. */
export const MOST_WINDOWS = 1024
/** The most bytes that are mapped. They take address space, and nothing else. */
export const MOST_BYTES = 2 ** 32
/** When there are so many, windows are unmapped that the kernel does not ask to keep and nothing uses. */
export const MANY_WINDOWS = 512
/** So many unmapped windows are remembered: the kernel may name them once more. */
const MOST_REMEMBERED = 1024
const PAGE_BYTES = 4096n
const SAFE = BigInt(Number.MAX_SAFE_INTEGER)

const { EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC } = constants.errno

export class BridgeWindows implements DriverWindow {
  readonly #map: (mmapOffset: number, lengthBytes: number) => Mapping
  /** By id, in the order of MAP_ADD. */
  readonly #windows = new Map<bigint, MappedWindow>()
  /** Unmapped by us, by id. */
  readonly #released = new Map<bigint, bigint>()
  #mappedBytes = 0
  /** The window that was used last: the next access most often needs the same. */
  #last: MappedWindow | undefined

  /** `map` maps a window. The `errno` of what it throws is the answer. */
  constructor(map: (mmapOffset: number, lengthBytes: number) => Mapping) {
    this.#map = map
  }

  get count(): number {
    return this.#windows.size
  }

  /** Maps a window. Returns 0, or the errno that says why not. */
  add(request: WindowRequest): number {
    const { id, address, length, mmapOffset, mmapLength } = request
    const isAligned = [address, length, mmapOffset, mmapLength].every((each) => each % PAGE_BYTES === 0n)
    if (!isAligned || address === 0n || length === 0n || length > mmapLength) return EINVAL
    if (address + length > SAFE || mmapOffset + mmapLength > SAFE) return EINVAL
    const [from, to] = [Number(address), Number(address + length)]
    for (const window of this.#windows.values())
      if (window.place.id === id || (from < window.to && window.from < to)) return EEXIST
    if (this.#windows.size >= MOST_WINDOWS) return ENOSPC
    if (this.#mappedBytes + to - from > MOST_BYTES) return ENOMEM
    let mapping: Mapping
    try {
      mapping = this.#map(Number(mmapOffset), to - from)
    } catch (error) {
      return errnoOf(error) ?? ENOMEM
    }
    const place = { seq: request.seq, id, address, length }
    this.#windows.set(id, { place, from, to, isRetained: request.isRetained, mapping })
    this.#released.delete(id)
    this.#mappedBytes += to - from
    return 0
  }

  /** Unmaps a window for the kernel. Returns 0, also when we had unmapped it before, or the errno that says why not. */
  remove(place: WindowPlace): number {
    const window = this.#windows.get(place.id)
    if (!window) return this.#released.get(place.id) === place.seq ? 0 : ENOENT
    const { seq, address, length } = window.place
    if (place.seq !== seq || place.address !== address || place.length !== length) return EINVAL
    this.#unmap(window)
    return 0
  }

  /**
   * When there are many windows: unmaps the oldest ones that the kernel does not ask to keep and that `isUsed` does
   * not need. Returns them.
   */
  tidy(isUsed: (address: number, lengthBytes: number) => boolean): WindowPlace[] {
    const released: WindowPlace[] = []
    for (const window of this.#windows.values()) {
      if (this.#windows.size <= MANY_WINDOWS) break
      if (window.isRetained || isUsed(window.from, window.to - window.from)) continue
      this.#unmap(window)
      this.#remember(window.place)
      released.push(window.place)
    }
    return released
  }

  /** Unmaps everything. */
  clear(): void {
    for (const window of [...this.#windows.values()]) this.#unmap(window)
    this.#released.clear()
  }

  holds(address: number, lengthBytes: number): boolean {
    for (let at = address, end = address + lengthBytes; at < end; ) {
      const window = this.#at(at)
      if (!window) return false
      at = window.to
    }
    return true
  }

  read(address: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes)
    this.#walk(address, lengthBytes, (piece, at) => bytes.set(piece, at))
    return bytes
  }

  write(address: number, bytes: Uint8Array): void {
    this.#walk(address, bytes.length, (piece, at) => piece.set(bytes.subarray(at, at + piece.length)))
  }

  /** Visits the mapped bytes of a range, up to the first byte that is not mapped. */
  #walk(address: number, lengthBytes: number, visit: (piece: Uint8Array, at: number) => void): void {
    for (let done = 0; done < lengthBytes; ) {
      const at = address + done
      const window = this.#at(at)
      if (!window) return
      const count = Math.min(lengthBytes - done, window.to - at)
      visit(window.mapping.bytes.subarray(at - window.from, at - window.from + count), done)
      done += count
    }
  }

  #at(address: number): MappedWindow | undefined {
    const last = this.#last
    if (last && address >= last.from && address < last.to) return last
    for (const window of this.#windows.values())
      if (address >= window.from && address < window.to) {
        this.#last = window
        return window
      }
    return undefined
  }

  #unmap(window: MappedWindow): void {
    if (this.#last === window) this.#last = undefined
    this.#windows.delete(window.place.id)
    this.#mappedBytes -= window.to - window.from
    window.mapping.unmap()
  }

  #remember({ id, seq }: WindowPlace): void {
    this.#released.set(id, seq)
    const [oldest] = this.#released.keys()
    if (this.#released.size > MOST_REMEMBERED && oldest !== undefined) this.#released.delete(oldest)
  }
}

/** The errno of an error that a system call threw. */
function errnoOf(error: unknown): number | undefined {
  const { errnoName } = (error ?? {}) as { errnoName?: string }
  return errnoName === undefined ? undefined : (constants.errno as Record<string, number>)[errnoName]
}
