// A USB/IP server: gives USB devices of ours to `usbip attach` on another machine, container or guest. Each device has
// one client at a time.

import net from "node:net"
import { Emitter } from "../../emitter.js"
import { invalidArgument } from "../../errors.js"
import { hex, hexDigits } from "../../hex.js"
import { BoundedStream } from "../bounded-stream.js"
import { listen } from "../listen.js"
import { isLoopback } from "../private-socket.js"
import { parseSocketAddress } from "../socket-stream.js"
import { ByteIntake } from "./byte-intake.js"
import type { UsbGadget } from "./gadget.js"
import {
  BUSID_SIZE,
  busIdOf,
  type ExportedAt,
  OP_REQUEST_IMPORT,
  OP_REQUEST_LIST,
  OP_SIZE,
  OP_STATUS_BUSY,
  OP_STATUS_NO_DEVICE,
  OP_STATUS_OK,
  VERSION,
  writeImportReply,
  writeListReply,
} from "./messages.js"
import { UrbConnection } from "./urb-connection.js"

/** The number of our one bus, which exists only in what clients are told. */
const BUS_NUMBER = 1
/** The most clients at once: each device has one, and others may ask for the list. */
const MAX_CLIENTS = 32
/** A client that has imported nothing by then is disconnected. */
const IMPORT_LIMIT_MS = 10_000
const KEEP_ALIVE_MS = 10_000

export class UsbipServer {
  /** A client imported a device, or let go of it. */
  readonly onImport = new Emitter<[device: UsbGadget, isImported: boolean]>()
  /** A client was disconnected. The sentence says why. */
  readonly onRefused = new Emitter<[sentence: string]>()

  readonly #exported: readonly { readonly at: ExportedAt; readonly device: UsbGadget }[]
  readonly #imported = new Set<UsbGadget>()
  readonly #sockets = new Set<net.Socket>()
  readonly #server = net.createServer((socket) => this.#accept(socket))

  constructor(devices: readonly UsbGadget[]) {
    this.#exported = devices.map((device, index) => ({
      at: { busNumber: BUS_NUMBER, deviceNumber: index + 1 },
      device,
    }))
  }

  /** As `usbip list -r` shows them. */
  get devices(): { busId: string; device: UsbGadget }[] {
    return this.#exported.map(({ at, device }) => ({ busId: busIdOf(at), device }))
  }

  /**
   * Listens on `tcp://HOST:PORT`, port 0 for any free one, and resolves with the address. One that others can reach
   * wants `,expose` behind it. Rejects with INVALID_ARGUMENT or SYSTEM_FAILED.
   */
  async listen(where: string): Promise<string> {
    const text = where.replace(/,expose$/, "")
    const address = parseSocketAddress(text)
    if (!address || "path" in address)
      throw invalidArgument(`"${where}" is nothing that USB/IP can listen on.`, {
        hint: "Use tcp://127.0.0.1:3240",
      })
    const { host = "127.0.0.1" } = address
    if (text === where && !isLoopback(host))
      throw invalidArgument(`${where} can be reached from other computers.`, {
        hint: `Whoever reaches it has the board: use tcp://127.0.0.1:3240, or ${where},expose if that is what you want.`,
      })
    await listen(this.#server, address, where)
    const bound = this.#server.address() as net.AddressInfo
    return `tcp://${host.includes(":") ? `[${host}]` : host}:${bound.port}`
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #accept(socket: net.Socket): void {
    if (this.#sockets.size >= MAX_CLIENTS) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    // a client whose machine lost its power keeps the device until that is noticed
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    const client = `The USB/IP client ${socket.remoteAddress}`
    const intake = new ByteIntake()
    let urbs: UrbConnection | undefined
    const refuse = (reason: string) => {
      this.onRefused.emit(`${client} was disconnected: ${reason}.`)
      socket.destroy()
    }
    const timer = setTimeout(() => socket.destroy(), IMPORT_LIMIT_MS)
    const stream = new BoundedStream(socket, {
      name: client,
      onData: (chunk) => {
        if (urbs) {
          urbs.push(chunk)
          return
        }
        intake.push(chunk)
        const device = this.#operate(intake, (bytes) => stream.write(bytes), refuse)
        if (!device) return
        clearTimeout(timer)
        this.#imported.add(device)
        urbs = new UrbConnection(device, { send: (bytes) => stream.write(bytes), fail: refuse })
        const opened = urbs
        socket.once("close", () => {
          opened.close()
          this.#imported.delete(device)
          this.onImport.emit(device, false)
        })
        this.onImport.emit(device, true)
        urbs.push(intake.take(intake.length))
      },
      onThrow: (error) => refuse(String(error)),
      onOverflow: (error) => this.onRefused.emit(error.message),
    })
    socket.on("error", () => {}) // "close" follows
    socket.on("close", () => {
      clearTimeout(timer)
      this.#sockets.delete(socket)
    })
  }

  /** Carries out operations, up to an import. Returns the device that the client now has. */
  #operate(
    intake: ByteIntake,
    send: (bytes: Uint8Array) => void,
    refuse: (reason: string) => void,
  ): UsbGadget | undefined {
    for (let header = intake.peek(OP_SIZE); header; header = intake.peek(OP_SIZE)) {
      const version = header.getUint16(0)
      const code = header.getUint16(2)
      if (version !== VERSION) {
        refuse(`it speaks USB/IP ${hexDigits(version)}, and we speak ${hexDigits(VERSION)}`)
        return undefined
      }
      if (code === OP_REQUEST_LIST) {
        intake.take(OP_SIZE)
        send(writeListReply(this.#exported.map(({ at, device }) => [at, device.description])))
        continue
      }
      if (code !== OP_REQUEST_IMPORT) {
        refuse(`it asks for ${hex(code)}, which is no operation`)
        return undefined
      }
      if (intake.length < OP_SIZE + BUSID_SIZE) return undefined
      intake.take(OP_SIZE)
      const [busId] = Buffer.from(intake.take(BUSID_SIZE)).toString("latin1").split("\0")
      const found = this.#exported.find(({ at }) => busIdOf(at) === busId)
      if (found && !this.#imported.has(found.device)) {
        send(writeImportReply(OP_STATUS_OK, [found.at, found.device.description]))
        return found.device
      }
      send(writeImportReply(found ? OP_STATUS_BUSY : OP_STATUS_NO_DEVICE))
    }
    return undefined
  }
}
