// The part of Espressif's esptool-js that we use. It is loaded from the package's bundle: the modules beside it import
// JSON in a way about which Node 20 prints a warning. Optional, as serial ports are.

import { missingDependency } from "../errors.js"

/** What the tool wants of a serial port: that of Web Serial. */
export interface WebSerialPort {
  readonly readable: ReadableStream<Uint8Array> | null
  readonly writable: WritableStream<Uint8Array> | null
  open(options: { baudRate: number }): Promise<void>
  close(): Promise<void>
  setBaudRate(baudRate: number): Promise<void>
  setSignals(signals: { dataTerminalReady?: boolean; requestToSend?: boolean }): Promise<void>
  getInfo(): { usbVendorId?: number; usbProductId?: number }
}

export interface EspTransport {
  trace(message: string): void
  /** The next packet. Rejects when none has come within `limitMs`. */
  read(limitMs: number): Promise<Uint8Array>
  disconnect(): Promise<void>
}

export interface EspLoader {
  readonly chip: { readonly CHIP_NAME: string }
  detectChip(): Promise<void>
  runStub(): Promise<unknown>
  changeBaud(): Promise<void>
  writeFlash(options: {
    fileArray: { data: Uint8Array; address: number }[]
    flashMode: "keep"
    flashFreq: "keep"
    flashSize: "keep"
    eraseAll: boolean
    compress: boolean
    reportProgress(file: number, doneBytes: number, totalBytes: number): void
    calculateMD5Hash(image: Uint8Array): string
  }): Promise<void>
  after(mode: "custom_reset", usingUsbOtg: undefined, sequence: string): Promise<void>
}

interface EspTool {
  Transport: new (port: WebSerialPort, tracing: boolean) => EspTransport
  ESPLoader: new (options: {
    transport: EspTransport
    baudrate: number
    romBaudrate: number
    terminal: { clean(): void; writeLine(line: string): void; write(text: string): void }
  }) => EspLoader
}

/** Throws MISSING_DEPENDENCY. */
export async function loadEspTool(): Promise<EspTool> {
  const bundle = "esptool-js/bundle.js" // no types come with it
  try {
    return await import(bundle)
  } catch (cause) {
    throw missingDependency("Flashing an ESP32 needs a package that is not installed.", {
      hint: "npm install esptool-js@0.7.0",
      cause,
    })
  }
}
