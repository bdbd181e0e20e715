// The guest's console: a byte stream. The host waits in it for what the guest prints (guest-init.ts).

import type { Socket } from "node:net"

/** Text kept for messages about a guest that does not answer. */
const TAIL_LENGTH = 4000

interface Wait {
  readonly pattern: RegExp
  readonly resolve: (found: ConsoleMatch) => void
  readonly reject: (error: Error) => void
}

export interface ConsoleMatch {
  /** The text before the match. */
  readonly before: string
  readonly groups: readonly string[]
}

export class GuestConsole {
  readonly #socket: Socket
  #unread = ""
  #tail = ""
  #wait: Wait | undefined
  #endError: Error | undefined
  /** Where everything goes while a person has the console. */
  #tap: ((text: string) => void) | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding("utf8")
    socket.on("data", (text: string) => this.#take(text))
    // QEMU's own end tells more than that of the socket
    socket.on("error", () => {})
  }

  /** What the guest printed last. */
  get tail(): string {
    return this.#tail
  }

  /** Whether the guest may still answer. */
  get isOpen(): boolean {
    return this.#endError === undefined
  }

  send(text: string | Uint8Array): void {
    if (!this.#endError) this.#socket.write(text)
  }

  /** Resolves when the guest prints text that matches. Removes the match and all before it from the stream. */
  waitFor(pattern: RegExp): Promise<ConsoleMatch> {
    if (this.#endError) return Promise.reject(this.#endError)
    return new Promise((resolve, reject) => {
      this.#wait = { pattern, resolve, reject }
      this.#match()
    })
  }

  /** Hands on all that is printed up to what matches `pattern`; resolves with the match. */
  async tapUntil(pattern: RegExp, onText: (text: string) => void): Promise<ConsoleMatch> {
    this.#tap = onText
    try {
      return await this.waitFor(pattern)
    } finally {
      this.#tap = undefined
    }
  }

  /** Rejects all who wait, now and later. */
  end(error: Error): void {
    this.#endError ??= error
    this.#socket.destroy()
    this.#wait?.reject(error)
    this.#wait = undefined
  }

  #take(text: string): void {
    this.#unread += text
    this.#tail = (this.#tail + text).slice(-TAIL_LENGTH)
    this.#match()
  }

  #match(): void {
    const found = this.#wait?.pattern.exec(this.#unread)
    if (found && this.#wait) {
      const { resolve } = this.#wait
      this.#wait = undefined
      const before = this.#unread.slice(0, found.index)
      this.#unread = this.#unread.slice(found.index + found[0].length)
      this.#tap?.(before)
      resolve({ before, groups: found.slice(1) })
    } else if (this.#tap) {
      // the last characters may be the beginning of the text that is awaited
      const keep = this.#unread.lastIndexOf("@@")
      const end =
        keep >= 0 && this.#unread.length - keep < 64 ? keep : this.#unread.endsWith("@") ? -1 : undefined
      const text = this.#unread.slice(0, end)
      this.#unread = this.#unread.slice(text.length)
      if (text) this.#tap(text)
    }
  }
}
