// What goes with this process, however it ends: only SIGKILL and a fault of Node itself leave it behind.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"

const actions = new Set<() => void>()
let isWatching = false

/** Calls `action` when this process ends; it cannot wait for anything then. Returns what calls that off. */
export function atProcessEnd(action: () => void): () => void {
  actions.add(action)
  if (!isWatching) watch()
  return () => actions.delete(action)
}

function watch(): void {
  isWatching = true
  const runAll = () => {
    for (const action of actions) action()
  }
  process.once("exit", runAll)
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const end = () => {
      // somebody else decides what the signal means, and may take his listener away while he does: ours is the first
      if (process.listenerCount(signal) > 1) return
      runAll()
      process.off(signal, end)
      process.kill(process.pid, signal)
    }
    process.prependListener(signal, end)
  }
}

/** A new folder among the system's temporary ones, which only its owner may enter. */
export class TemporaryFolder {
  readonly path: string
  readonly #callOff: () => void

  /** Throws what the file system says. */
  constructor(prefix: string) {
    this.path = mkdtempSync(path.join(tmpdir(), prefix))
    this.#callOff = atProcessEnd(() => this.#remove())
  }

  /** Removes it with all that is in it. */
  remove(): void {
    this.#callOff()
    this.#remove()
  }

  #remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
