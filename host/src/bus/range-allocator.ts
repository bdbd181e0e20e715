// Places in an area of the window. A taker gets the first free place that fits; freed neighbours are joined.

interface Range {
  offset: number
  length: number
}

export class RangeAllocator {
  #free: Range[]

  constructor(offset: number, length: number) {
    this.#free = length > 0 ? [{ offset, length }] : []
  }

  /**
   * Takes `length` bytes at a multiple of `alignment`, a power of two. Returns the offset, or undefined when
   * no free run is long enough.
   */
  allocate(length: number, alignment = 1): number | undefined {
    for (const [at, range] of this.#free.entries()) {
      const offset = (range.offset + alignment - 1) & ~(alignment - 1)
      const end = range.offset + range.length
      if (offset + length > end) continue
      const rest: Range[] = []
      if (offset > range.offset) rest.push({ offset: range.offset, length: offset - range.offset })
      if (end > offset + length) rest.push({ offset: offset + length, length: end - offset - length })
      this.#free.splice(at, 1, ...rest)
      return offset
    }
    return undefined
  }

  /** Gives back `length` bytes at `offset` that `allocate` returned. */
  release(offset: number, length: number): void {
    let at = this.#free.findIndex((range) => range.offset > offset)
    if (at < 0) at = this.#free.length
    const before = this.#free[at - 1]
    const after = this.#free[at]
    if (before && before.offset + before.length === offset) {
      before.length += length
      if (after && before.offset + before.length === after.offset) {
        before.length += after.length
        this.#free.splice(at, 1)
      }
    } else if (after && offset + length === after.offset) {
      after.offset = offset
      after.length += length
    } else this.#free.splice(at, 0, { offset, length })
  }

  /** Bytes of the longest free run. */
  get longestFree(): number {
    return this.#free.reduce((longest, range) => Math.max(longest, range.length), 0)
  }
}
