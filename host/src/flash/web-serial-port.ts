// A serial port of this computer with the shape of Web Serial, which esptool-js wants.

import { linkClosed, type VirtioMsgError } from "../errors.js"
import { openSerialPort, type SerialPortLike } from "../node/serial-stream.js"
import type { UsbDevice } from "../node/usb-device.js"
import type { WebSerialPort } from "./esptool.js"

export class NodeWebSerialPort implements WebSerialPort {
  readonly #path: string
  readonly #usb: UsbDevice | undefined
  #port: SerialPortLike | undefined
  readable: ReadableStream<Uint8Array> | null = null
  #writable: WritableStream<Uint8Array> | null = null
  /** Set when the cable was pulled. Further writes get this error. */
  lost: VirtioMsgError | undefined

  constructor(path: string, usb: UsbDevice | undefined) {
    this.#path = path
    this.#usb = usb
  }

  get writable(): WritableStream<Uint8Array> | null {
    if (this.lost) throw this.lost
    return this.#writable
  }

  /** Rejects as `openSerialPort`. */
  async open({ baudRate }: { baudRate: number }): Promise<void> {
    const port = await openSerialPort(this.#path, baudRate)
    this.#port = port
    let isRead = true
    this.readable = new ReadableStream({
      start: (controller) => {
        port.on("data", (chunk) => {
          if (isRead) controller.enqueue(chunk)
        })
        port.on("error", () => {}) // "close" follows
        port.on("close", () => {
          if (this.#port === port) this.#lose()
          if (!isRead) return
          // what waits for a packet fails at a byte that begins none, so it need not wait until its time is up
          controller.enqueue(Uint8Array.of(0))
          controller.close()
        })
      },
      cancel: () => {
        isRead = false
      },
    })
    this.#writable = new WritableStream({
      write: (bytes) =>
        new Promise((resolve, reject) => port.write(bytes, (error) => (error ? reject(error) : resolve()))),
    })
  }

  async close(): Promise<void> {
    const port = this.#port
    this.#port = undefined
    this.readable = null
    this.#writable = null
    if (port?.isOpen) await new Promise<void>((resolve) => port.close(() => resolve()))
  }

  setBaudRate(baudRate: number): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#port?.update({ baudRate }, (error) => (error ? reject(error) : resolve())),
    )
  }

  /** A pseudo-terminal has no such lines, and a board on one cannot be reset: that is no error. */
  async setSignals(signals: { dataTerminalReady?: boolean; requestToSend?: boolean }): Promise<void> {
    const { dataTerminalReady: dtr, requestToSend: rts } = signals
    const lines = { ...(dtr === undefined ? {} : { dtr }), ...(rts === undefined ? {} : { rts }) }
    if (Object.keys(lines).length > 0)
      await new Promise<void>((resolve) => this.#port?.set(lines, () => resolve()) ?? resolve())
  }

  getInfo(): { usbVendorId?: number; usbProductId?: number } {
    return this.#usb ? { usbVendorId: this.#usb.vendor, usbProductId: this.#usb.product } : {}
  }

  #lose(): void {
    this.lost = linkClosed(`${this.#path} is gone.`, { hint: "Plug the board in again." })
  }
}
