// The driver's end of the plain profile: a socket to a device, its greeting, and the file that both share.

import type net from "node:net"
import path from "node:path"
import { systemClock } from "../clock.js"
import { connectFailed, invalidArgument } from "../errors.js"
import type { CloseReason } from "../link/link.js"
import { BOARD_IN_USE_LINE, inUse } from "../link/stream-port.js"
import type { PlainEvents, PlainPeer } from "../plain/plain-peer.js"
import { decodeGreeting, encodeRecord, type PlainGreeting, recordDecoder } from "../plain/plain-record.js"
import { SharedFile } from "./shared-file.js"
import { parseSocketAddress, SocketStream } from "./socket-stream.js"

const PREFIX = "plain:"
/** How long a device may take to greet. */
const GREETING_TIMEOUT_MS = 5000

interface PlainAddress {
  readonly socket: net.NetConnectOpts
  /** The shared file, if the user names it. Then the greeting has to name the same one. */
  readonly file: string | undefined
}

/** `plain:unix:PATH` or `plain:tcp://HOST:PORT`, with or without `,file=PATH`, taken apart. */
function parsePlainPort(port: string): PlainAddress | undefined {
  if (!port.startsWith(PREFIX)) return undefined
  const [, where = "", file] = /^(.*?)(?:,file=(.+))?$/.exec(port.slice(PREFIX.length)) ?? []
  const socket = parseSocketAddress(where)
  return socket && { socket, file }
}

export function isPlainPort(port: string): boolean {
  return parsePlainPort(port) !== undefined
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
    const address = parsePlainPort(port)
    if (!address) throw invalidArgument(`"${port}" is no port of the plain profile.`)
    if (!("path" in address.socket) && address.file === undefined)
      throw invalidArgument(`${port} does not say which file is shared.`, {
        hint: `Over TCP, both sides are told: --port ${port},file=PATH`,
      })
    const stream = new SocketStream(port, address.socket)
    let onGreeting: ((bytes: Uint8Array) => void) | undefined
    let onEarlyClose: ((reason: CloseReason) => void) | undefined
    const greeted = new Promise<Uint8Array>((resolve, reject) => {
      onGreeting = resolve
      onEarlyClose = (cause) => reject(connectFailed(`${port} closed before it had greeted.`, { cause }))
    })
    greeted.catch(() => {})
    const decode = recordDecoder((bytes) => {
      if (!onGreeting) events.onFrame(bytes)
      else {
        onGreeting(bytes)
        onGreeting = undefined
      }
    })
    await stream.open({
      onData: (chunk) => decode(chunk),
      onClose: (reason) => (onGreeting ? onEarlyClose?.(reason) : events.onClose(reason)),
    })
    const timer = systemClock.schedule(GREETING_TIMEOUT_MS, () => onEarlyClose?.(undefined))
    try {
      const first = await greeted
      if (new TextDecoder().decode(first) === BOARD_IN_USE_LINE) throw inUse(port, undefined)
      const greeting = decodeGreeting(first, port)
      return new PlainConnection(stream, greeting, openWindow(greeting, port, address))
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

/** The file that the greeting names, if this device may name it. Throws CONNECT_FAILED. */
function openWindow(greeting: PlainGreeting, port: string, { socket, file }: PlainAddress): SharedFile {
  if (file !== undefined && path.resolve(file) !== greeting.file)
    throw connectFailed(`${port} names another file than the device, which shares ${greeting.file}.`, {
      hint: "Start the device with that file, or name the device's behind --port, if you trust it.",
    })
  const folder = file === undefined && "path" in socket ? path.dirname(socket.path) : undefined
  return SharedFile.open({ path: greeting.file, lengthBytes: greeting.windowBytes, folder })
}
