// A real board through Web Serial (https://wicg.github.io/serial). The browser's port becomes the byte stream that our
// link uses. Between them is the cable, which can be watched and cut.

import { Bus } from "../../../src/bus/bus.js"
import { systemClock } from "../../../src/clock.js"
import { VirtioMsgError } from "../../../src/errors.js"
import { JacdacLink } from "../../../src/link/jacdac-link.js"
import { type ByteStream, type ByteStreamEvents, StreamPort } from "../../../src/link/stream-port.js"
import { OpenedBus } from "../../../src/opened-bus.js"
import type { WireModel } from "../wire/wire-model.js"
import type { Bench } from "./bench.js"
import { Cable } from "./cable.js"
import { PacketGate } from "./packet-gate.js"

/** The parts of a Web Serial port that we use. */
export interface SerialPortLike {
  readonly readable: ReadableStream<Uint8Array> | null
  readonly writable: WritableStream<Uint8Array> | null
  open(options: { baudRate: number; bufferSize?: number }): Promise<void>
  close(): Promise<void>
}

/** USB ignores the rate. An ESP32 behind a bridge chip needs DeviceScript's own. */
const BAUD_RATE = 1_500_000
/** Between two full frames (ByteStream.paceMs). */
const PACE_MS = 2
const BUFFER_SIZE = 16_384

export class SerialBench implements Bench {
  readonly kind = "serial"
  readonly title = "a board on this computer's USB"
  readonly cable: Cable
  readonly gate: PacketGate
  bus: OpenedBus | undefined

  readonly #model: WireModel
  readonly #startMs = systemClock.now()

  constructor(port: SerialPortLike, model: WireModel) {
    this.#model = model
    this.gate = new PacketGate(model)
    const stream = new StreamPort(new WebSerialStream(port), systemClock)
    this.cable = new Cable(stream, systemClock, 0)
    this.cable.onPacket.on((direction, packet, fate) => this.gate.packet(direction, packet, fate, this.now()))
  }

  now(): number {
    return systemClock.now() - this.#startMs
  }

  /** Opens the port and connects to the board. Rejects as `Bus.open`. */
  async connect(): Promise<OpenedBus> {
    const bus = await Bus.open(new JacdacLink(this.cable, systemClock), { clock: systemClock })
    bus.onLost.on((error) => this.#model.remark(error.message, "bad", this.now()))
    this.bus = new OpenedBus(bus)
    return this.bus
  }

  async close(): Promise<void> {
    await this.bus?.close()
  }
}

class WebSerialStream implements ByteStream {
  readonly name = "the serial port"
  readonly isSimulated = false
  readonly paceMs = PACE_MS

  readonly #port: SerialPortLike
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined
  #isClosed = false

  constructor(port: SerialPortLike) {
    this.#port = port
  }

  async open(events: ByteStreamEvents): Promise<void> {
    try {
      await this.#port.open({ baudRate: BAUD_RATE, bufferSize: BUFFER_SIZE })
    } catch (cause) {
      throw new VirtioMsgError("CONNECT_FAILED", "The browser cannot open the serial port.", {
        hint: "Is another program or page using it? Close that, or unplug the board and plug it in again.",
        cause,
      })
    }
    this.#writer = this.#port.writable?.getWriter()
    this.#read(events)
  }

  write(bytes: Uint8Array): void {
    // the reader notices a failed write, too
    this.#writer?.write(bytes).catch(() => {})
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#reader?.cancel().catch(() => {})
    await this.#writer?.close().catch(() => {})
    this.#writer?.releaseLock()
    await this.#port.close().catch(() => {})
  }

  /** Reads to the end. A framing or parity error ends one stream. The port then offers another. */
  async #read(events: ByteStreamEvents): Promise<void> {
    let reason: unknown
    let broken: ReadableStream | undefined
    for (let { readable } = this.#port; readable && readable !== broken; { readable } = this.#port) {
      this.#reader = readable.getReader()
      try {
        for (
          let { done, value } = await this.#reader.read();
          !done;
          { done, value } = await this.#reader.read()
        )
          if (value) events.onData(value)
        break
      } catch (error) {
        reason = error
        broken = readable
      } finally {
        this.#reader.releaseLock()
      }
    }
    if (this.#isClosed) return
    this.#isClosed = true
    events.onClose(reason instanceof Error ? reason : undefined)
  }
}
