// A byte stream over a serial port, by the serialport package's stream and native binding (prebuilt, optional).

import { connectFailed, linkClosed, missingDependency, notFound, type VirtioMsgError } from "../errors.js"
import type { ByteStream, ByteStreamEvents } from "../link/stream-port.js"
import { findPortHolders, holdersHint } from "./port-holders.js"
import { permissionHint } from "./port-permission.js"
import { mendedBinding } from "./serial-binding.js"
import { SerialLocation } from "./serial-location.js"
import { listSerialPorts } from "./serial-ports.js"

/** Native USB ignores the rate. The bridge of a classic ESP32 runs at this one. */
const BAUD_RATE = 1_500_000
/** Stock firmware loses full frames that follow each other sooner. */
const PACE_MS = 2

/** So many bytes may wait for a board that does not read. */
const MOST_WAITING_BYTES = 1024 * 1024

/** What we use of a port of the serialport package. */
export interface SerialPortLike {
  readonly isOpen: boolean
  /** Bytes that wait to be written. */
  readonly writableLength: number
  open(done: (error: Error | null) => void): void
  write(bytes: Uint8Array, done?: (error: Error | null | undefined) => void): boolean
  close(done: (error: Error | null) => void): void
  update(options: { baudRate: number }, done: (error: Error | null) => void): void
  set(lines: { dtr?: boolean; rts?: boolean }, done: (error: Error | null) => void): void
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown
  on(event: "close" | "error", listener: (error?: Error | null) => void): unknown
}

export class SerialStream implements ByteStream {
  readonly name: string
  readonly isSimulated = false
  readonly paceMs = PACE_MS
  readonly #location: SerialLocation
  #port: SerialPortLike | undefined
  #events: ByteStreamEvents | undefined

  constructor(path: string) {
    this.name = path
    this.#location = new SerialLocation(path)
  }

  /**
   * Opens the port. When opened again, finds the port that the same board has now. Rejects with NOT_FOUND,
   * CONNECT_FAILED or MISSING_DEPENDENCY.
   */
  async open(events: ByteStreamEvents): Promise<void> {
    const path = await this.#location.find()
    const port = await openSerialPort(path, BAUD_RATE)
    this.#port = port
    this.#events = events
    // only while somebody reads does the port notice that its cable has gone
    port.on("data", (chunk) => events.onData(chunk))
    port.on("error", () => {}) // "close" follows
    port.on("close", (error) => {
      if (this.#port !== port) return
      this.#port = undefined
      events.onClose(error ?? undefined)
    })
  }

  write(bytes: Uint8Array): void {
    const port = this.#port
    if (!port?.isOpen) return
    // a stream makes a Buffer of what it is given, and for a short Uint8Array that costs more than this copy does
    port.write(Buffer.from(bytes))
    if (port.writableLength > MOST_WAITING_BYTES) this.#giveUp(port)
  }

  #giveUp(port: SerialPortLike): void {
    this.#port = undefined
    port.close(() => {})
    this.#events?.onClose(
      linkClosed(`The board on ${this.name} takes nothing that it is sent.`, {
        hint: "Unplug it and plug it in again.",
      }),
    )
  }

  async close(): Promise<void> {
    const port = this.#port
    this.#port = undefined
    if (port?.isOpen) await new Promise<void>((resolve) => port.close(() => resolve()))
  }
}

/** Opens a serial port. Rejects with NOT_FOUND, CONNECT_FAILED or MISSING_DEPENDENCY. */
export async function openSerialPort(path: string, baudRate: number): Promise<SerialPortLike> {
  const port = await makePort(path, baudRate)
  await new Promise<void>((resolve, reject) =>
    port.open((error) => (error ? openError(path, error).then(reject) : resolve())),
  )
  return port
}

async function makePort(path: string, baudRate: number): Promise<SerialPortLike> {
  try {
    const { SerialPortStream } = await import("@serialport/stream")
    const { autoDetect } = await import("@serialport/bindings-cpp")
    const options = { binding: mendedBinding(autoDetect()), path, baudRate, autoOpen: false }
    return new SerialPortStream(options) as unknown as SerialPortLike
  } catch (cause) {
    throw missingDependency("Serial ports need two packages that are not installed.", {
      hint: "npm install @serialport/stream@13 @serialport/bindings-cpp@13",
      cause,
    })
  }
}

/** Why a port could not be opened, from what the serialport package's binding says on each system. */
export async function openError(path: string, error: Error): Promise<VirtioMsgError> {
  if (/no such file|file not found/i.test(error.message))
    return notFound(`There is no serial port ${path}.`, {
      hint: "Plug the board in, or use --port sim for the simulated one.",
      cause: error,
    })
  if (/inappropriate ioctl|not a tty|not a typewriter|is a directory/i.test(error.message))
    return connectFailed(`${path} is no serial port.`, {
      hint: "A board appears as /dev/ttyACM0 or /dev/ttyUSB0, or a number higher; --port auto finds it.",
      cause: error,
    })
  // Windows denies access to a port that is in use
  const isInUse = process.platform === "win32" ? /access denied/i : /cannot lock port|resource busy/i
  if (isInUse.test(error.message)) {
    const holders = (await findPortHolders([path])).get(path) ?? []
    return connectFailed(`Another program has ${path} open.`, {
      hint: holdersHint(holders) || "Is a serial monitor or another virtio-msg running? End it first.",
      cause: error,
    })
  }
  const isDenied = /permission denied/i.test(error.message)
  const usb = isDenied ? (await listSerialPorts()).find((port) => port.path === path)?.usb : undefined
  return connectFailed(`Cannot open ${path}: ${error.message.replace(/^Error: /, "")}`, {
    hint: isDenied ? await permissionHint(path, usb) : "Does another program use it?",
    cause: error,
  })
}
