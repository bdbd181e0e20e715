// Several places in the window that are only useful together: either all of them are taken, or none.

import type { RangeAllocator } from "./range-allocator.js"

export interface WantedPlace {
  readonly space: RangeAllocator
  /** 0 takes nothing; its offset is then 0. */
  readonly lengthBytes: number
  /** A power of two; 1 when absent. */
  readonly alignment?: number
  /** Taken where the space has room that is aligned like this; otherwise `alignment` is enough. */
  readonly wishedAlignment?: number
}

export interface WindowPlaces {
  /** In the order in which they were wanted. */
  readonly offsets: readonly number[]
  /** Gives all of them back. To be called once. */
  release(): void
}

/** Takes a place for each of `wanted`. Undefined when one finds no room; then none is taken. */
export function takePlaces(wanted: readonly WantedPlace[]): WindowPlaces | undefined {
  const offsets: number[] = []
  const release = () => {
    for (const [at, offset] of offsets.entries()) {
      const place = wanted[at] as WantedPlace
      if (place.lengthBytes > 0) place.space.release(offset, place.lengthBytes)
    }
  }
  for (const { space, lengthBytes, alignment = 1, wishedAlignment = alignment } of wanted) {
    const offset =
      lengthBytes === 0
        ? 0
        : (space.allocate(lengthBytes, wishedAlignment) ?? space.allocate(lengthBytes, alignment))
    if (offset === undefined) {
      release()
      return undefined
    }
    offsets.push(offset)
  }
  return { offsets, release }
}
