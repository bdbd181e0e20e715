// The device's side of a guest that speaks virtio-msg: the file that is the memory of its ivshmem card, and the virtio
// port for its frames, at which QEMU listens. Each connection is an epoch. It begins with the greeting of the plain
// profile.

import net from "node:net"
import path from "node:path"
import { type Clock, systemClock, type Timer } from "../../clock.js"
import { encodeGreeting, encodeRecord, type PlainGreeting, recordDecoder } from "../../plain/plain-record.js"
import { BoundedStream } from "../bounded-stream.js"
import { TemporaryFolder } from "../process-end.js"
import { SharedFile } from "../shared-file.js"

/** Room for the rings and buffers of five devices. QEMU wants a power of two. */
export const GUEST_WINDOW_BYTES = 65536
/** QEMU may not listen yet, or may still handle the end of the connection before. */
const DIAL_AGAIN_MS = 20

export interface GuestPortEvents {
  onFrame(frame: Uint8Array): void
  /** The guest's port took the connection. Its first frame may come. */
  onConnect?(): void
  /** The guest was disconnected, and why. */
  onNotice?(sentence: string): void
}

/** What the guest is greeted with; `windowBytes` is all of the card's memory when absent. */
export type GuestParameters = Omit<PlainGreeting, "file" | "windowBytes"> & { readonly windowBytes?: number }

export class GuestPort {
  /** For QEMU to listen at. */
  readonly socketPath: string
  readonly window: SharedFile
  readonly #folder = new TemporaryFolder("virtio-msg-guest-")
  readonly #clock: Clock
  #socket: net.Socket | undefined
  #stream: BoundedStream | undefined
  #redial: Timer | undefined

  /** Makes the window's file, in a folder that only the user may enter. Throws what the file system throws. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock
    this.socketPath = path.join(this.#folder.path, "frames.sock")
    this.window = SharedFile.create(path.join(this.#folder.path, "window"), GUEST_WINDOW_BYTES)
  }

  /** Begins an epoch as soon as QEMU takes the connection. The epoch before ends. */
  begin(parameters: GuestParameters, events: GuestPortEvents): void {
    this.end()
    const socket = net.connect(this.socketPath)
    this.#socket = socket
    const decode = recordDecoder((bytes) => events.onFrame(bytes))
    socket.once("connect", () => {
      if (this.#socket !== socket) return
      this.#stream = new BoundedStream(socket, {
        name: "The guest",
        onThrow: (error) => events.onNotice?.(`The guest was disconnected: ${error}`),
        onOverflow: (error) => events.onNotice?.(error.message),
        onData: (chunk) => {
          if (this.#socket === socket) decode(chunk)
        },
      })
      this.window.mark()
      const { path: file, lengthBytes: windowBytes } = this.window
      this.#stream.write(encodeRecord(encodeGreeting({ windowBytes, ...parameters, file })))
      events.onConnect?.()
    })
    socket.on("error", () => {})
    socket.once("close", () => {
      if (this.#socket !== socket) return
      this.#stream = undefined
      this.#redial = this.#clock.schedule(DIAL_AGAIN_MS, () => this.begin(parameters, events))
    })
  }

  /** Ends the epoch: the guest's requests in flight fail at once. */
  end(): void {
    this.#redial?.cancel()
    const socket = this.#socket
    this.#socket = undefined
    this.#stream = undefined
    socket?.destroy()
  }

  send(frame: Uint8Array): void {
    this.#stream?.write(encodeRecord(frame))
  }

  close(): void {
    this.end()
    this.window.close()
    this.#folder.remove()
  }
}
