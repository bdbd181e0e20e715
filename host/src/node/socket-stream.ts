// A byte stream over a Unix or TCP socket: a simulated board in another process, or on another machine.

import net from "node:net"
import type { ByteStream, ByteStreamEvents } from "../link/stream-port.js"
import { BoundedStream } from "./bounded-stream.js"
import { cannotConnect } from "./cannot-connect.js"

/** `unix:PATH` and `tcp://HOST:PORT`, taken apart; undefined for anything else. */
export function parseSocketAddress(text: string): net.NetConnectOpts | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length)
    return path === "" ? undefined : { path }
  }
  const match = /^tcp:\/\/(\[[0-9a-fA-F:]+\]|[^:/]+):(\d{1,5})$/.exec(text)
  if (!match) return undefined
  const port = Number(match[2])
  return port <= 65535 ? { host: (match[1] as string).replace(/^\[|\]$/g, ""), port } : undefined
}

export class SocketStream implements ByteStream {
  readonly name: string
  readonly isSimulated = true
  readonly paceMs = 0
  readonly #address: net.NetConnectOpts
  readonly #isBackground: boolean
  #socket: net.Socket | undefined
  #bounded: BoundedStream | undefined

  /** `isBackground`: once connected, the socket does not keep the process running. */
  constructor(name: string, address: net.NetConnectOpts, isBackground = false) {
    this.name = name
    this.#address = address
    this.#isBackground = isBackground
  }

  /** Rejects with CONNECT_FAILED when nobody listens. */
  open(events: ByteStreamEvents): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = net.createConnection(this.#address)
      this.#socket = socket
      let failure: Error | undefined
      socket.setNoDelay(true)
      socket.once("connect", () => {
        if (this.#isBackground) socket.unref()
        resolve()
      })
      this.#bounded = new BoundedStream(socket, {
        name: this.name,
        onData: (chunk) => events.onData(chunk),
        onOverflow: (error) => {
          failure = error
        },
      })
      socket.on("error", (error) => {
        failure = error
        reject(cannotConnect(this.name, this.#address, error))
      })
      socket.on("close", () => {
        if (this.#socket === socket) events.onClose(failure)
      })
    })
  }

  write(bytes: Uint8Array): void {
    this.#bounded?.write(bytes)
  }

  async close(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    this.#bounded = undefined
    if (!socket || socket.destroyed) return
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve())
      socket.destroy() // waits no longer for a peer that does not read
    })
  }
}
