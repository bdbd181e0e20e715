// The driver's end of the plain profile: a socket to a device, its greeting, and the file that both share.

import { systemClock } from "../clock.js"
import { VirtioMsgError } from "../errors.js"
import type { CloseReason } from "../link/link.js"
import { decodeGreeting, encodeRecord, type PlainGreeting, RecordDecoder } from "../link/plain-record.js"
import { SharedFile } from "./shared-file.js"
import { parseSocketAddress, SocketStream } from "./socket-stream.js"

const PREFIX = "plain:"
/** How long a device may take to greet. */
const GREETING_TIMEOUT_MS = 5000

/** Whether a port is one of the plain profile: `plain:unix:PATH` or `plain:tcp://HOST:PORT`. */
export function isPlainPort(port: string): boolean {
  return port.startsWith(PREFIX) && parseSocketAddress(port.slice(PREFIX.length)) !== undefined
}

export interface PlainEvents {
  onFrame(frame: Uint8Array): void
  onClose(reason: CloseReason): void
}

/** A device of the plain profile, connected. */
export interface PlainPeer {
  readonly greeting: PlainGreeting
  readonly window: {
    read(offset: number, lengthBytes: number): Uint8Array
    write(offset: number, bytes: Uint8Array): void
  }
  send(frame: Uint8Array): void
  close(): Promise<void>
}

export class PlainConnection implements PlainPeer {
  readonly greeting: PlainGreeting
  readonly window: SharedFile
  readonly #stream: SocketStream

  private constructor(stream: SocketStream, greeting: PlainGreeting, window: SharedFile) {
    this.#stream = stream
    this.greeting = greeting
    this.window = window
  }

  /** Connects and waits for the greeting. Rejects with CONNECT_FAILED, PROTOCOL or VERSION_MISMATCH. */
  static async open(port: string, events: PlainEvents): Promise<PlainConnection> {
    const address = parseSocketAddress(port.slice(PREFIX.length))
    if (!address) throw new VirtioMsgError("INVALID_ARGUMENT", `"${port}" is no port of the plain profile.`)
    const stream = new SocketStream(port, address)
    let onGreeting: ((bytes: Uint8Array) => void) | undefined
    let onEarlyClose: ((reason: CloseReason) => void) | undefined
    const greeted = new Promise<Uint8Array>((resolve, reject) => {
      onGreeting = resolve
      onEarlyClose = (cause) =>
        reject(new VirtioMsgError("CONNECT_FAILED", `${port} closed before it had greeted.`, { cause }))
    })
    greeted.catch(() => {})
    const decoder = new RecordDecoder((bytes) => {
      if (!onGreeting) events.onFrame(bytes)
      else {
        onGreeting(bytes)
        onGreeting = undefined
      }
    })
    await stream.open({
      onData: (chunk) => decoder.push(chunk),
      onClose: (reason) => (onGreeting ? onEarlyClose?.(reason) : events.onClose(reason)),
    })
    const timer = systemClock.schedule(GREETING_TIMEOUT_MS, () => onEarlyClose?.(undefined))
    try {
      const greeting = decodeGreeting(await greeted, port)
      return new PlainConnection(stream, greeting, SharedFile.open(greeting.file, greeting.windowBytes))
    } catch (error) {
      await stream.close()
      throw error
    } finally {
      timer.cancel()
    }
  }

  send(frame: Uint8Array): void {
    this.#stream.write(encodeRecord(frame))
  }

  async close(): Promise<void> {
    await this.#stream.close()
    this.window.close()
  }
}
