// The device's end of the plain profile: a Unix socket that greets, and the file that both sides share.

import { chmod, mkdtemp, rm } from "node:fs/promises"
import net from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { VirtioMsgError } from "../errors.js"
import { encodeGreeting, encodeRecord, type PlainGreeting, RecordDecoder } from "../link/plain-record.js"
import { BoundedStream } from "./bounded-stream.js"
import { ownersOnly, removeStaleSocket } from "./private-socket.js"
import { SharedFile } from "./shared-file.js"

export interface PlainServerEvents {
  onFrame(frame: Uint8Array): void
  /** A driver connected: a new bus begins. */
  onConnect?(): void
  /** A driver was disconnected, and why. */
  onNotice?(sentence: string): void
}

export class PlainServer {
  /** What to give to --port. */
  readonly port: string
  readonly socketPath: string
  readonly window: SharedFile
  readonly #folder: string
  readonly #server: net.Server
  #socket: net.Socket | undefined
  #stream: BoundedStream | undefined
  #greeting: Uint8Array = new Uint8Array(0)

  private constructor(folder: string, socketPath: string, window: SharedFile, server: net.Server) {
    this.#folder = folder
    this.socketPath = socketPath
    this.port = `plain:unix:${socketPath}`
    this.window = window
    this.#server = server
  }

  /** Listens at `where`, or in a new folder that only its owner may enter. Rejects with SYSTEM_FAILED. */
  static async listen(
    parameters: Omit<PlainGreeting, "file" | "windowBytes">,
    windowBytes: number,
    events: PlainServerEvents,
    where?: string,
  ): Promise<PlainServer> {
    const folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-plain-"))
    const window = SharedFile.create(path.join(folder, "window"), windowBytes)
    const server = net.createServer()
    const socketPath = where ?? path.join(folder, "socket")
    if (where !== undefined) await removeStaleSocket(where)
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(
          new VirtioMsgError("SYSTEM_FAILED", `Cannot listen on plain:unix:${socketPath}: ${cause.message}`, {
            hint: "Is the address in use, or the folder missing?",
            cause,
          }),
        ),
      )
      ownersOnly(() => server.listen(socketPath, resolve))
    })
    server.on("error", () => {}) // one connection that could not be taken
    if (where !== undefined) await chmod(where, 0o600)
    const made = new PlainServer(folder, socketPath, window, server)
    made.greetWith(parameters)
    server.on("connection", (socket) => {
      // whoever comes last has the bus
      made.#socket?.destroy()
      made.#socket = socket
      events.onConnect?.()
      const decoder = new RecordDecoder((bytes) => events.onFrame(bytes))
      made.#stream = new BoundedStream(socket, {
        name: "The driver",
        onThrow: (error) => events.onNotice?.(`The driver was disconnected: ${error}`),
        onOverflow: (error) => events.onNotice?.(error.message),
        onData: (chunk) => {
          if (made.#socket === socket) decoder.push(chunk) // else another driver has the bus by now
        },
      })
      socket.on("error", () => {})
      window.mark()
      made.#stream.write(encodeRecord(made.#greeting))
    })
    return made
  }

  /** What connections from now on are told. */
  greetWith(parameters: Omit<PlainGreeting, "file" | "windowBytes">): void {
    const { path, lengthBytes } = this.window
    this.#greeting = encodeGreeting({ ...parameters, windowBytes: lengthBytes, file: path })
  }

  /** Ends the connection; a driver may make another one. */
  disconnect(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  send(frame: Uint8Array): void {
    this.#stream?.write(encodeRecord(frame))
  }

  async close(): Promise<void> {
    this.#socket?.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.window.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
