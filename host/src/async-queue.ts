// Values that arrive over time, for one reader that takes them with `for await`.

interface Waiting<T> {
  readonly resolve: (result: IteratorResult<T>) => void
  readonly reject: (error: unknown) => void
}

export class AsyncQueue<T> implements AsyncIterable<T> {
  #values: T[] = []
  #waiting: Waiting<T>[] = []
  #ending: { readonly error?: unknown } | undefined

  /** Has no effect after the end. */
  push(value: T): void {
    if (this.#ending) return
    const waiting = this.#waiting.shift()
    if (waiting) waiting.resolve({ done: false, value })
    else this.#values.push(value)
  }

  /** No more values will come. Those that are there can still be taken. */
  end(): void {
    this.#finish({})
  }

  /** As `end`, and then the reader gets `error`, once. */
  fail(error: unknown): void {
    this.#finish({ error })
  }

  /** The next value, or the end, or the error. */
  next(): Promise<IteratorResult<T>> {
    if (this.#values.length > 0) return Promise.resolve({ done: false, value: this.#values.shift() as T })
    if (!this.#ending) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
    const ending = this.#ending
    this.#ending = {}
    return "error" in ending
      ? Promise.reject(ending.error)
      : Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return { next: () => this.next() }
  }

  #finish(ending: { readonly error?: unknown }): void {
    if (this.#ending) return
    this.#ending = ending
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (!("error" in ending)) resolve({ done: true, value: undefined })
      else {
        reject(ending.error)
        this.#ending = {}
      }
    }
  }
}
