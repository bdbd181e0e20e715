// The driver's end of QEMU's public virtio-msg bus (virtio-msg-bus-linux-user): frames in two rings, each in a file, a
// byte on a socket as doorbell, memory in a third file (docs/conform-your-own.md "Rings in a file").

import path from "node:path"
import { type Clock, systemClock, type Timer } from "../clock.js"
import { counted } from "../counted.js"
import { invalidArgument, protocolBroken, VirtioMsgError } from "../errors.js"
import type { CloseReason } from "../link/link.js"
import { RingConsumer, RingProducer, SLOT_BYTES } from "../link/spsc-ring.js"
import type { ByteStream } from "../link/stream-port.js"
import type { PlainEvents, PlainPeer } from "../plain/plain-peer.js"
import { SharedFile } from "./shared-file.js"
import { SocketStream } from "./socket-stream.js"

const PREFIX = "qemu-msg:"
/** So many frames may wait while the ring is full. A peer that is so far behind has stopped reading. */
const MOST_WAITING = 4096
/** How soon a full ring is looked at again: the peer does not have to ring when there is room. */
const RETRY_MS = 5
/** A smaller memory has no room for rings. */
const SMALLEST_WINDOW = 4096

interface QemuMsgAddress {
  /** The ring that the driver writes, and the one that the device writes. */
  readonly toDevice: string
  readonly toDriver: string
  readonly socket: string
  readonly memory: string
}

/** `qemu-msg:FOLDER/NAME`, with or without `,socket=PATH` and `,memory=PATH`, taken apart. */
function parseQemuMsgPort(port: string): QemuMsgAddress | undefined {
  if (!port.startsWith(PREFIX)) return undefined
  const [where = "", ...options] = port.slice(PREFIX.length).split(",")
  const name = path.basename(where)
  const folder = path.dirname(where)
  if (name === "" || where.endsWith("/")) return undefined
  const address = {
    toDevice: path.join(folder, `queue-${name}-driver`),
    toDriver: path.join(folder, `queue-${name}-device`),
    socket: `${where}.socket`,
    memory: `${where}.memory`,
  }
  for (const option of options) {
    const [, key, value = ""] = /^(socket|memory)=(.+)$/.exec(option) ?? []
    if (key === "socket" || key === "memory") address[key] = value
    else return undefined
  }
  return address
}

/** Whether a port is one of these. */
export function isQemuMsgPort(port: string): boolean {
  return parseQemuMsgPort(port) !== undefined
}

export interface QemuMsgOptions {
  readonly clock?: Clock | undefined
  /** Carries the doorbell's bytes to the socket at `path`. A Unix socket when absent. */
  readonly openDoorbell?: (path: string) => ByteStream
}

/** A device behind two rings, connected. */
export class QemuMsgConnection implements PlainPeer {
  readonly busName = "rings in files"
  readonly greeting: PlainPeer["greeting"]
  readonly window: SharedFile
  readonly #files: readonly SharedFile[]
  readonly #outgoing: RingProducer
  readonly #incoming: RingConsumer
  readonly #doorbell: ByteStream
  readonly #events: PlainEvents
  readonly #clock: Clock
  #waiting: Uint8Array[] = []
  #retry: Timer | undefined
  #isClosed = false

  private constructor(
    files: { toDevice: SharedFile; toDriver: SharedFile; memory: SharedFile },
    doorbell: ByteStream,
    events: PlainEvents,
    clock: Clock,
  ) {
    const { toDevice, toDriver, memory } = files
    this.#files = [toDevice, toDriver, memory]
    this.#outgoing = new RingProducer(toDevice)
    this.#incoming = new RingConsumer(toDriver)
    this.#doorbell = doorbell
    this.#events = events
    this.#clock = clock
    this.window = memory
    this.greeting = {
      revision: 1,
      maxMessageSize: SLOT_BYTES,
      slotBytes: SLOT_BYTES,
      transportFeatures: 0,
      windowBytes: memory.lengthBytes,
      file: memory.path,
    }
  }

  /** Opens the files and connects to the socket. Rejects with INVALID_ARGUMENT, CONNECT_FAILED or PROTOCOL. */
  static async open(
    port: string,
    events: PlainEvents,
    options: QemuMsgOptions = {},
  ): Promise<QemuMsgConnection> {
    const address = parseQemuMsgPort(port)
    if (!address) throw invalidArgument(`"${port}" is no port of rings in files.`)
    const { clock = systemClock, openDoorbell = (at: string) => new SocketStream(port, { path: at }) } =
      options
    const files: SharedFile[] = []
    const opened = (file: string) => {
      const shared = SharedFile.openNamed(file)
      files.push(shared)
      return shared
    }
    const doorbell = openDoorbell(address.socket)
    try {
      const toDevice = opened(address.toDevice)
      const toDriver = opened(address.toDriver)
      const memory = opened(address.memory)
      if (memory.lengthBytes < SMALLEST_WINDOW)
        throw protocolBroken(
          `${memory.path} has ${counted(memory.lengthBytes, "byte")}, too few for a virtqueue.`,
          { hint: `Make it of ${SMALLEST_WINDOW} bytes or more.` },
        )
      const connection = new QemuMsgConnection({ toDevice, toDriver, memory }, doorbell, events, clock)
      await doorbell.open({
        onData: () => connection.#take(),
        onClose: (reason) => connection.#end(reason),
      })
      return connection
    } catch (error) {
      await doorbell.close()
      for (const file of files) file.close()
      throw withHint(error, address)
    }
  }

  /** Sends a frame of at most SLOT_BYTES. A longer one is dropped, since nothing can carry it. */
  send(frame: Uint8Array): void {
    if (this.#isClosed || frame.length > SLOT_BYTES) return
    this.#waiting.push(Uint8Array.from(frame))
    this.#guarded(() => this.#push())
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#retry?.cancel()
    this.#waiting = []
    await this.#doorbell.close()
    for (const file of this.#files) file.close()
  }

  #push(): void {
    let sent = 0
    while (sent < this.#waiting.length && this.#outgoing.push(this.#waiting[sent] as Uint8Array)) sent++
    this.#waiting.splice(0, sent)
    if (sent > 0) this.#doorbell.write(Uint8Array.of(1))
    this.#retry?.cancel()
    this.#retry = undefined
    if (this.#waiting.length > MOST_WAITING)
      throw protocolBroken(
        `${counted(this.#waiting.length, "message")} wait: nobody takes them out of the ring.`,
        { hint: "Does the other side still run? Start it anew." },
      )
    if (this.#waiting.length > 0)
      this.#retry = this.#clock.schedule(RETRY_MS, () => this.#guarded(() => this.#push()))
  }

  #take(): void {
    const frames = this.#guarded(() => this.#incoming.take()) ?? []
    for (const frame of frames) if (!this.#isClosed) this.#events.onFrame(frame)
    if (this.#waiting.length > 0) this.#guarded(() => this.#push())
  }

  /** The peer damaged the files: ends the connection, with a sentence. */
  #guarded<T>(action: () => T): T | undefined {
    if (this.#isClosed) return undefined
    try {
      for (const file of this.#files) file.expectWhole()
      return action()
    } catch (error) {
      if (!(error instanceof VirtioMsgError)) throw error
      this.#end(error)
      return undefined
    }
  }

  #end(reason: CloseReason): void {
    if (this.#isClosed) return
    void this.close()
    this.#events.onClose(reason)
  }
}

/** What to check when a file or the socket cannot be opened. */
function withHint(error: unknown, { toDevice, toDriver, memory, socket }: QemuMsgAddress): unknown {
  if (!(error instanceof VirtioMsgError) || error.code !== "CONNECT_FAILED") return error
  const hint =
    `Start the device side first. Its rings are ${toDevice} and ${toDriver}, its memory is ${memory}, its doorbell ` +
    `${socket}; the last two may be others: ,memory=PATH and ,socket=PATH behind the port.`
  return new VirtioMsgError(error.code, error.message, { hint, cause: error })
}
