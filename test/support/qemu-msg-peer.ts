// Plays the device's side of QEMU's public virtio-msg bus: two rings and the memory in files, and a byte as doorbell.
// It has its own code for the rings, written from their layout, so that both ends cannot be wrong in the same way.

import { closeSync, ftruncateSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs"
import net from "node:net"
import path from "node:path"
import type { Clock } from "../../host/src/clock.js"
import type { ByteStream, ByteStreamEvents } from "../../host/src/link/stream-port.js"
import { PlainDevice, type PlainDeviceOptions } from "../../host/src/plain/plain-device.js"

const SLOT = 64
const LATENCY_MS = 0.1

export interface QemuMsgPeerOptions {
  /** Slots of each ring. 4096 when absent, as in QEMU. */
  readonly slots?: number
  readonly windowBytes?: number
  /** The answer to the bytes of a slot, of any draft. Undefined: no answer. */
  readonly answer?: (message: Uint8Array) => Uint8Array | undefined
}

export class QemuMsgPeer {
  /** The value for --port. */
  readonly port: string
  readonly files: { readonly toDevice: string; readonly toDriver: string; readonly memory: string }
  readonly socketPath: string
  /** Every slot that came in the driver's ring, in order. */
  readonly taken: Uint8Array[] = []
  readonly slots: number
  #answer: ((message: Uint8Array) => Uint8Array | undefined) | undefined
  #ring: () => void = () => {}
  #stop: () => void | Promise<void> = () => {}

  constructor(folder: string, name: string, options: QemuMsgPeerOptions = {}) {
    this.port = `qemu-msg:${path.join(folder, name)}`
    this.files = {
      toDevice: path.join(folder, `queue-${name}-driver`),
      toDriver: path.join(folder, `queue-${name}-device`),
      memory: path.join(folder, `${name}.memory`),
    }
    this.socketPath = path.join(folder, `${name}.socket`)
    this.slots = options.slots ?? 4096
    this.#answer = options.answer
    const rings = new Uint8Array(128 + SLOT * this.slots)
    writeFileSync(this.files.toDevice, rings, { mode: 0o600 })
    writeFileSync(this.files.toDriver, rings, { mode: 0o600 })
    writeFileSync(this.files.memory, new Uint8Array(options.windowBytes ?? 32768), { mode: 0o600 })
  }

  /** Lets our own device code answer, with messages of a slot's size. */
  serve(options: Omit<PlainDeviceOptions, "windowBytes" | "maxMessageSize">): void {
    const { memory } = this.files
    const windowBytes = readFileSync(memory).length
    const window = {
      read: (offset: number, lengthBytes: number) => readAt(memory, offset, lengthBytes),
      write: (offset: number, bytes: Uint8Array) =>
        writeAt(memory, offset, bytes.subarray(0, Math.max(0, windowBytes - offset))),
    }
    const device = new PlainDevice({ ...options, windowBytes, maxMessageSize: SLOT }, window, (frame) =>
      this.send(frame),
    )
    device.connect()
    this.#answer = (message) => {
      device.take(message)
      return undefined
    }
  }

  /** Takes the driver's messages, and answers. */
  work(): void {
    const ring = this.files.toDevice
    const head = u32(readAt(ring, 0, 4))
    for (let tail = u32(readAt(ring, 64, 4)); tail !== head; ) {
      const message = readAt(ring, 128 + SLOT * tail, SLOT)
      tail = (tail + 1) % this.slots
      writeAt(ring, 64, bytesOf(tail))
      this.taken.push(message)
      const answer = this.#answer?.(message)
      if (answer) this.send(answer)
    }
  }

  /** Puts a message into the device's ring, and rings the doorbell. */
  send(message: Uint8Array): void {
    const ring = this.files.toDriver
    const head = u32(readAt(ring, 0, 4))
    const next = (head + 1) % this.slots
    if (next === u32(readAt(ring, 64, 4))) throw new Error("the device's ring is full")
    const slot = new Uint8Array(SLOT)
    slot.set(message)
    writeAt(ring, 128 + SLOT * head, slot)
    writeAt(ring, 0, bytesOf(next))
    this.ring()
  }

  ring(): void {
    this.#ring()
  }

  /** Overwrites a cursor of a ring, or other bytes of a file. An honest peer never does this. */
  poke(file: string, offset: number, value: number): void {
    writeAt(file, offset, bytesOf(value))
  }

  cut(file: string, lengthBytes: number): void {
    const descriptor = openSync(file, "r+")
    ftruncateSync(descriptor, lengthBytes)
    closeSync(descriptor)
  }

  /** A doorbell in this process, on the clock's time. */
  readonly openDoorbell = (clock: Clock) => (): ByteStream => {
    let events: ByteStreamEvents | undefined
    return {
      name: this.port,
      isSimulated: true,
      paceMs: 0,
      open: async (taking) => {
        events = taking
        this.#ring = () => clock.schedule(LATENCY_MS, () => events?.onData(Uint8Array.of(1)))
        this.#stop = () => {
          events?.onClose(undefined)
          events = undefined
        }
      },
      write: () => void clock.schedule(LATENCY_MS, () => this.work()),
      close: async () => {
        events = undefined
      },
    }
  }

  /** A doorbell on a Unix socket, for other processes. */
  async listen(): Promise<void> {
    let socket: net.Socket | undefined
    const server = net.createServer((connected) => {
      socket = connected
      connected.on("error", () => {})
      connected.on("data", () => this.work())
    })
    this.#ring = () => socket?.write(Uint8Array.of(1))
    this.#stop = () => {
      socket?.destroy()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    }
    await new Promise<void>((resolve) => server.listen(this.socketPath, resolve))
  }

  /** Stops: the driver finds nobody any more. */
  async stop(): Promise<void> {
    await this.#stop()
  }
}

function readAt(file: string, offset: number, lengthBytes: number): Uint8Array {
  const descriptor = openSync(file, "r")
  const bytes = new Uint8Array(lengthBytes)
  readSync(descriptor, bytes, 0, lengthBytes, offset)
  closeSync(descriptor)
  return bytes
}

function writeAt(file: string, offset: number, bytes: Uint8Array): void {
  const descriptor = openSync(file, "r+")
  writeSync(descriptor, bytes, 0, bytes.length, offset)
  closeSync(descriptor)
}

const u32 = (bytes: Uint8Array) => new DataView(bytes.buffer).getUint32(0, true)

function bytesOf(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}
