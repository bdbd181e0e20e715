// The device's end of the plain profile: a Unix socket that greets, and the file that both sides share.

import net from "node:net"
import path from "node:path"
import { BOARD_IN_USE_LINE } from "../link/stream-port.js"
import { encodeGreeting, encodeRecord, type PlainGreeting, recordDecoder } from "../plain/plain-record.js"
import { BoundedStream } from "./bounded-stream.js"
import { listen } from "./listen.js"
import { checkSocketPlace } from "./listening-place.js"
import { OneHost } from "./one-host.js"
import { TemporaryFolder } from "./process-end.js"
import { SharedFile } from "./shared-file.js"

export interface PlainServerEvents {
  onFrame(frame: Uint8Array): void
  /** A driver has connected: a new bus begins. */
  onConnect?(): void
  /** A driver was disconnected, and why. */
  onNotice?(sentence: string): void
}

export class PlainServer {
  /** What to give to --port. */
  readonly port: string
  readonly socketPath: string
  readonly window: SharedFile
  readonly #folder: TemporaryFolder
  readonly #server: net.Server
  readonly #hosts: OneHost
  readonly #events: PlainServerEvents
  #stream: BoundedStream | undefined
  #greeting: Uint8Array = new Uint8Array(0)

  private constructor(
    folder: TemporaryFolder,
    socketPath: string,
    window: SharedFile,
    server: net.Server,
    events: PlainServerEvents,
  ) {
    this.#folder = folder
    this.socketPath = socketPath
    this.port = `plain:unix:${socketPath}`
    this.window = window
    this.#server = server
    this.#events = events
    this.#hosts = new OneHost(
      (socket) => this.#attach(socket),
      () => events.onNotice?.("A second driver was refused: the device has one at a time."),
      encodeRecord(new TextEncoder().encode(BOARD_IN_USE_LINE)),
    )
  }

  /**
   * Listens at `where`, or in a new folder that only its owner may enter. The window is in that folder or in
   * `windowPath`, a file that is kept. Rejects with SYSTEM_FAILED.
   */
  static async listen(
    parameters: Omit<PlainGreeting, "file" | "windowBytes">,
    windowBytes: number,
    events: PlainServerEvents,
    where?: string,
    windowPath?: string,
  ): Promise<PlainServer> {
    if (where !== undefined) checkSocketPlace(where)
    const folder = new TemporaryFolder("virtio-msg-plain-")
    let window: SharedFile | undefined
    try {
      window =
        windowPath === undefined
          ? SharedFile.create(path.join(folder.path, "window"), windowBytes)
          : SharedFile.keep(windowPath, windowBytes)
      const server = net.createServer()
      const socketPath = where ?? path.join(folder.path, "socket")
      await listen(server, { path: socketPath }, `plain:unix:${socketPath}`)
      const made = new PlainServer(folder, socketPath, window, server, events)
      made.greetWith(parameters)
      server.on("connection", (socket) => made.#hosts.take(socket))
      return made
    } catch (error) {
      window?.close()
      folder.remove()
      throw error
    }
  }

  /** The greeting for connections from now on. */
  greetWith(parameters: Omit<PlainGreeting, "file" | "windowBytes">): void {
    const { path, lengthBytes } = this.window
    this.#greeting = encodeGreeting({ ...parameters, windowBytes: lengthBytes, file: path })
  }

  /** Ends the connection. A driver may connect again. */
  disconnect(): void {
    this.#hosts.disconnect()
  }

  send(frame: Uint8Array): void {
    this.#stream?.write(encodeRecord(frame))
  }

  async close(): Promise<void> {
    this.#hosts.close()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.window.close()
    this.#folder.remove()
  }

  /** A driver has the device: a new bus begins. */
  #attach(socket: net.Socket): () => void {
    const { onFrame, onConnect, onNotice } = this.#events
    onConnect?.()
    const decode = recordDecoder((bytes) => onFrame(bytes))
    const stream = new BoundedStream(socket, {
      name: "The driver",
      onThrow: (error) => onNotice?.(`The driver was disconnected: ${error}`),
      onOverflow: (error) => onNotice?.(error.message),
      onData: (chunk) => {
        if (this.#stream === stream) decode(chunk)
      },
    })
    this.#stream = stream
    this.window.mark()
    stream.write(encodeRecord(this.#greeting))
    return () => {
      this.#stream = undefined
    }
  }
}
