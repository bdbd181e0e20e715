// Tells the kernel that cursors have moved: once for everything that one turn of the event loop moved, at its end, or sooner
// with what somebody waits for. So a request that is answered in the turn that brought it is one kick, for the answer and
// for its slot.

export class Doorbell {
  readonly #ring: () => void
  #isDue = false

  constructor(ring: () => void) {
    this.#ring = ring
  }

  /** A cursor has moved: rings at the end of the turn. */
  moved(): void {
    if (this.#isDue) return
    this.#isDue = true
    // a promise's callback that calls nextTick gets its callback run when no promise has anything left to do
    queueMicrotask(() => process.nextTick(() => this.ringIfDue()))
  }

  /** Rings now if something has moved. */
  ringIfDue(): void {
    if (!this.#isDue) return
    this.#isDue = false
    this.#ring()
  }
}
