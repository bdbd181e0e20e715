// Small buffers for slots that are used in turn, one after another. What a batch writes or reads lies together and is
// sent in one span. A lap like the one before finds every buffer at its old place.

export class LapArena {
  readonly #offset: number
  readonly #length: number
  /** Where each slot's buffer began when the slot was used last. */
  readonly #starts: number[]
  /** Where it ended. */
  readonly #ends: number[] = []
  /** So many slots, from slot 0 on, have had a buffer. */
  #placedCount = 0
  /** Where the next buffer of this lap begins. */
  #end = 0

  /** `length` bytes from `offset` of an area, for `slotCount` slots. */
  constructor(slotCount: number, offset: number, length: number) {
    this.#offset = offset
    this.#length = length
    this.#starts = new Array(slotCount).fill(0)
  }

  /**
   * The place of `length` bytes for `slot`, which follows the slot that was placed last. Slot 0 begins a lap. `oldest`
   * is the slot that has been in use longest, or undefined when none is; its bytes and those of later slots are not
   * touched. Undefined when there is no room.
   */
  place(slot: number, length: number, oldest: number | undefined): number | undefined {
    const start = slot === 0 ? 0 : this.#end
    // the buffers of the lap before lie from the oldest slot's place on
    const limit = oldest !== undefined && oldest > slot ? (this.#starts[oldest] as number) : this.#length
    const fits = start + length <= limit
    this.#starts[slot] = start
    this.#end = fits ? start + length : start
    this.#ends[slot] = this.#end
    this.#placedCount = Math.max(this.#placedCount, slot + 1)
    return fits ? this.#offset + start : undefined
  }

  /** Nothing is in use. The next buffer is for `slot`, at its old place, or after the slot before if it has none. */
  begin(slot: number): void {
    const isNew = slot >= this.#placedCount
    this.#end = isNew ? (this.#ends[slot - 1] ?? 0) : (this.#starts[slot] as number)
  }

  /** Undoes the last calls of `place`: the next one is for `slot` again. */
  rewind(slot: number): void {
    this.#end = this.#starts[slot] as number
  }
}
