// A list of listeners: `on` returns the function that takes the listener off again.

export class Emitter<Args extends unknown[]> {
  #listeners = new Set<(...args: Args) => void>()

  /** Adds a listener; call the result to remove it. */
  on(listener: (...args: Args) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Calls every listener, in the order in which they were added. */
  emit(...args: Args): void {
    for (const listener of [...this.#listeners]) listener(...args)
  }
}
