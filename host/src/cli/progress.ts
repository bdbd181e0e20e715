// The progress of a long step, in one line of stderr that changes. Nothing where stderr is no terminal.

/** A step that ends so soon needs no progress. */
const WONDER_MS = 2000
const CLEAR_LINE = "\r\x1b[K"

function isTerminal(): boolean {
  return process.stderr.isTTY === true
}

export class Progress {
  readonly #title: string
  readonly #fromMs: number
  #shown = ""

  /** With `isPatient` nothing is shown in the first two seconds. */
  constructor(title: string, isPatient = false) {
    this.#title = title
    this.#fromMs = performance.now() + (isPatient ? WONDER_MS : 0)
  }

  /** `done` of `total`, in any unit. */
  show(done: number, total: number): void {
    const percent = total > 0 ? Math.floor((100 * done) / total) : 0
    const text = `${this.#title.padEnd(10)} ${percent} %`
    if (!isTerminal() || text === this.#shown || performance.now() < this.#fromMs) return
    this.#shown = text
    process.stderr.write(`\r${text}`)
  }

  /** Ends the line, so that what follows begins a new one. */
  end(): void {
    if (this.#shown) process.stderr.write("\n")
    this.#shown = ""
  }

  /** Removes the line, because what follows says more. */
  clear(): void {
    if (this.#shown) process.stderr.write(CLEAR_LINE)
    this.#shown = ""
  }
}

/** Prints `sentence`, and for how long it has lasted, while `work` takes more than two seconds. */
export async function sayWhile<T>(sentence: string, work: Promise<T>): Promise<T> {
  if (!isTerminal()) return work
  const startMs = performance.now()
  let isShown = false
  const show = () => {
    isShown = true
    const seconds = Math.floor((performance.now() - startMs) / 1000)
    process.stderr.write(`${CLEAR_LINE}${sentence} ... ${seconds} s`)
  }
  let timer = setTimeout(() => {
    show()
    timer = setInterval(show, 1000)
    timer.unref()
  }, WONDER_MS)
  timer.unref()
  try {
    return await work
  } finally {
    clearTimeout(timer)
    if (isShown) process.stderr.write(CLEAR_LINE)
  }
}
