// The driver's end of QEMU's public virtio-msg bus (virtio-msg-bus-linux-user): frames in two rings, each in a file, a
// byte on a socket as doorbell, memory in a third file (docs/conform-your-own.md "Rings in a file").

import path from "node:path"
import { type Clock, systemClock } from "../clock.js"
import { counted } from "../counted.js"
import { invalidArgument, protocolBroken, VirtioMsgError } from "../errors.js"
import type { CloseReason } from "../link/link.js"
import { RingConsumer, RingProducer, SLOT_BYTES } from "../link/spsc-ring.js"
import type { ByteStream } from "../link/stream-port.js"
import type { PlainEvents, PlainPeer } from "../plain/plain-peer.js"
import { Outbox } from "./outbox.js"
import { SharedFile } from "./shared-file.js"
import { SocketStream } from "./socket-stream.js"

const PREFIX = "qemu-msg:"
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

export function isQemuMsgPort(port: string): boolean {
  return parseQemuMsgPort(port) !== undefined
}

export interface QemuMsgOptions {
  readonly clock?: Clock | undefined
  /** Carries the doorbell's bytes to the socket at `path`. A Unix socket when absent. */
  readonly openDoorbell?: (path: string) => ByteStream
}

export class QemuMsgConnection implements PlainPeer {
  readonly busName = "rings in files"
  readonly greeting: PlainPeer["greeting"]
  readonly window: SharedFile
  readonly #files: readonly SharedFile[]
  readonly #outbox: Outbox
  readonly #incoming: RingConsumer
  readonly #doorbell: ByteStream
  readonly #events: PlainEvents
  #isClosed = false

  private constructor(
    files: { toDevice: SharedFile; toDriver: SharedFile; memory: SharedFile },
    doorbell: ByteStream,
    events: PlainEvents,
    clock: Clock,
  ) {
    const { toDevice, toDriver, memory } = files
    this.#files = [toDevice, toDriver, memory]
    this.#outbox = new Outbox(new RingProducer(toDevice), clock, {
      onSent: () => doorbell.write(Uint8Array.of(1)),
      onDue: () => this.#guarded(() => this.#outbox.flush()),
      stuck: (waiting) =>
        protocolBroken(`${waiting} wait: nobody takes them out of the ring.`, {
          hint: "Does the other side still run? Start it anew.",
        }),
    })
    this.#incoming = new RingConsumer(toDriver)
    this.#doorbell = doorbell
    this.#events = events
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
    this.#guarded(() => this.#outbox.put(Uint8Array.from(frame)))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#outbox.close()
    await this.#doorbell.close()
    for (const file of this.#files) file.close()
  }

  #take(): void {
    const frames = this.#guarded(() => this.#incoming.take()) ?? []
    for (const frame of frames) if (!this.#isClosed) this.#events.onFrame(frame)
    if (!this.#outbox.isEmpty) this.#guarded(() => this.#outbox.flush())
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
