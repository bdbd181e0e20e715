// A list of listeners: `on` returns the function that takes the listener off again.

export class Emitter<Args extends unknown[]> {
  /** Never changed, only replaced: `emit` goes on with the list that it began with. */
  #listeners: readonly ((...args: Args) => void)[] = []

  /** Adds a listener; call the result to remove it. */
  on(listener: (...args: Args) => void): () => void {
    if (!this.#listeners.includes(listener)) this.#listeners = [...this.#listeners, listener]
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener)
    }
  }

  /** Calls every listener, in the order in which they were added. */
  emit(...args: Args): void {
    for (const listener of this.#listeners) listener(...args)
  }
}
