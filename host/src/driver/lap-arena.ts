// Small buffers for slots that are used in turn, one behind another: what a batch writes or reads lies together
// and travels in one span, and a lap like the one before finds every buffer where it was.

export class LapArena {
  readonly #offset: number
  readonly #length: number
  /** Where each slot's buffer began when the slot was used last. */
  readonly #starts: number[]
  /** Where the next buffer of this lap begins. */
  #end = 0

  /** `length` bytes from `offset` of an area, for `slotCount` slots. */
  constructor(slotCount: number, offset: number, length: number) {
    this.#offset = offset
    this.#length = length
    this.#starts = new Array(slotCount).fill(0)
  }

  /**
   * The place of `length` bytes for `slot`, which follows the slot that was placed last; slot 0 begins a lap.
   * `oldest` is the slot that has been in use longest, undefined when none is: what it and those behind it have is
   * left alone. Undefined when there is no room.
   */
  place(slot: number, length: number, oldest: number | undefined): number | undefined {
    const start = slot === 0 ? 0 : this.#end
    // those of the lap before lie from the oldest one's place on
    const limit = oldest !== undefined && oldest > slot ? (this.#starts[oldest] as number) : this.#length
    const fits = start + length <= limit
    this.#starts[slot] = start
    this.#end = fits ? start + length : start
    return fits ? this.#offset + start : undefined
  }

  /** Takes the last calls of `place` back: the next one is for `slot` again. */
  rewind(slot: number): void {
    this.#end = this.#starts[slot] as number
  }
}
