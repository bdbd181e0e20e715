// A link that waits for its board: the firmware opens a TCP connection to us (docs/bus.md "On TCP"). It takes one
// board at a time; others who connect are turned away.

import net from "node:net"
import { PACKET_HEADER_SIZE } from "../../../shared-protocol/src/mailbox/packet.js"
import type { Clock, Timer } from "../clock.js"
import { invalidArgument, linkClosed, notFound, protocolBroken, type VirtioMsgError } from "../errors.js"
import { dialRecordDecoder, EMPTY_RECORD, encodeDialRecord } from "../link/dial-record.js"
import { BOARD_THAT_DIALS } from "../link/far-end.js"
import { isProbeAnswer } from "../link/jacdac-link.js"
import type { Link, LinkEvents } from "../link/link.js"
import { BoundedStream } from "./bounded-stream.js"
import { listen } from "./listen.js"
import { isLoopback } from "./private-socket.js"

const DEFAULT_HOST = "127.0.0.1"
/** How long to wait for a board: it starts its program about a second after power-up (5 s after a panic), joins its network, and dials every 2 s. */
const FIRST_WAIT_MS = 60_000
/** How long to wait for a board that was there before. Each call that wants it waits again. */
const NEXT_WAIT_MS = 10_000
/** How long a new connection may take to greet. */
const GREETING_MS = 10_000
/** Each side sends an empty record so often. A peer that is silent for so many of our ticks is taken for gone. */
const TICK_MS = 2000
const SILENT_TICKS = 5
/** The most connections that have not greeted yet, or are being turned away. */
const MAX_CONNECTIONS = 16

export interface DialAddress {
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** Other computers may connect. */
  readonly isExposed: boolean
}

/** `tcp-listen://[ADDRESS]:PORT[,expose]`, taken apart; undefined for anything else. */
export function parseDialAddress(text: string): DialAddress | undefined {
  const match = /^tcp-listen:\/\/(\[[0-9a-fA-F:.]+\]|[^:/,[\]]*):(\d{1,5})(,expose)?$/.exec(text)
  const port = Number(match?.[2])
  if (!match || port > 65535) return undefined
  const host = (match[1] as string).replace(/^\[|\]$/g, "")
  return { host: host === "" ? DEFAULT_HOST : host, port, isExposed: match[3] !== undefined }
}

export interface DialInOptions {
  readonly clock: Clock
  /** Told what the link waits for, and who was turned away. */
  readonly onNotice?: ((sentence: string) => void) | undefined
  /** Once a board is there, its connection does not keep the process running. */
  readonly isBackground?: boolean
}

/** What exists from `open` to the end of the connection. */
interface Listening {
  readonly server: net.Server
  readonly sockets: Set<net.Socket>
  board: { readonly socket: net.Socket; readonly stream: BoundedStream } | undefined
  timer: Timer | undefined
}

export class DialInLink implements Link {
  readonly isSimulated = false
  /** TCP is reliable: what the board sends arrives once and in order, or the connection ends. */
  readonly isReliable = true
  readonly farEnd = BOARD_THAT_DIALS
  readonly #address: DialAddress
  readonly #options: DialInOptions
  #port: number
  #listening: Listening | undefined
  /** Ends the present wait. */
  #giveUp: ((error: VirtioMsgError) => void) | undefined
  #wasThere = false
  #silentTicks = 0

  /** Throws INVALID_ARGUMENT for an address that other computers can reach, unless it says that this is wanted. */
  constructor(address: DialAddress, options: DialInOptions) {
    this.#address = address
    this.#port = address.port
    this.#options = options
    if (!address.isExposed && !isLoopback(address.host))
      throw invalidArgument(`${this.name} can be reached from other computers.`, {
        hint: `A board in your network needs that, and anybody there can then pretend to be it: ${this.name},expose`,
      })
  }

  get name(): string {
    const { host } = this.#address
    return `tcp-listen://${host.includes(":") ? `[${host}]` : host}:${this.#port}`
  }

  /**
   * Listens until a board has dialled in and greeted. Rejects with SYSTEM_FAILED when it cannot listen, and with
   * NOT_FOUND when no board came: within 60 s, or 10 s when one was there before.
   */
  async open(events: LinkEvents): Promise<void> {
    const listening = await this.#listen()
    const waitMs = this.#wasThere ? NEXT_WAIT_MS : FIRST_WAIT_MS
    if (!this.#wasThere)
      this.#options.onNotice?.(`Waiting on ${this.name} for a board to dial in, ${waitMs / 1000} s at most.`)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#giveUp = reject
        listening.timer = this.#options.clock.schedule(waitMs, () => reject(this.#noBoard(waitMs)))
        listening.server.on("connection", (socket) => this.#greet(socket, listening, events, resolve))
      })
    } catch (error) {
      await this.#stop(listening)
      throw error
    } finally {
      this.#giveUp = undefined
      listening.timer?.cancel()
    }
    this.#wasThere = true
    this.#silentTicks = 0
    this.#keepAlive(listening)
    if (!this.#options.isBackground) return
    listening.server.unref()
    listening.board?.socket.unref()
  }

  send(packet: Uint8Array): void {
    this.#listening?.board?.stream.write(encodeDialRecord(packet))
  }

  async close(): Promise<void> {
    this.#giveUp?.(linkClosed(`${this.name} was closed.`))
    if (this.#listening) await this.#stop(this.#listening)
  }

  async #listen(): Promise<Listening> {
    const server = net.createServer()
    server.maxConnections = MAX_CONNECTIONS
    const listening: Listening = { server, sockets: new Set(), board: undefined, timer: undefined }
    await listen(server, { port: this.#port, host: this.#address.host }, this.name)
    this.#port = (server.address() as net.AddressInfo).port
    this.#listening = listening
    return listening
  }

  /** A new connection: it is the board if its first record says so, and if there is no board yet. */
  #greet(socket: net.Socket, listening: Listening, events: LinkEvents, found: () => void): void {
    listening.sockets.add(socket)
    const from = socket.remoteAddress ?? "somewhere"
    const turnAway = (why: string) => {
      this.#options.onNotice?.(`A connection from ${from} was closed: ${why}`)
      socket.destroy()
    }
    let failure: Error | undefined
    const fail = (what: string) => {
      failure = protocolBroken(`The board on ${this.name} was disconnected. ${what}`)
      this.#options.onNotice?.(failure.message)
      socket.destroy()
    }
    const limit = this.#options.clock.schedule(GREETING_MS, () => turnAway("it did not greet."))
    const isBoard = () => listening.board?.socket === socket
    const isNoBoard = () => turnAway("it does not greet as our firmware does.")
    let isFirst = true
    const decode = dialRecordDecoder((packet) => {
      if (socket.destroyed) return
      if (isBoard()) events.onPacket(packet)
      else if (!isProbeAnswer(packet)) isNoBoard()
      else if (listening.board) turnAway("a board is there already.")
      else {
        limit.cancel()
        listening.board = { socket, stream }
        found()
      }
    })
    socket.setNoDelay(true)
    socket.on("error", (error) => {
      failure ??= error
    })
    const take = (chunk: Uint8Array) => {
      if (socket.destroyed) return // drops what was read already
      if (isBoard()) this.#silentTicks = 0
      // nothing more of this connection is needed, whatever it is
      if (isFirst && chunk[0] !== PACKET_HEADER_SIZE) return isNoBoard()
      isFirst = false
      const wrong = decode(chunk)
      if (wrong === "" || socket.destroyed) return
      if (isBoard()) fail(wrong)
      else isNoBoard()
    }
    const stream = new BoundedStream(socket, {
      name: `The board on ${this.name}`,
      onData: take,
      onThrow: (error) => fail(String(error)),
      onOverflow: (error) => {
        failure = error
        this.#options.onNotice?.(error.message)
      },
    })
    socket.once("close", () => {
      limit.cancel()
      listening.sockets.delete(socket)
      if (!isBoard() || this.#listening !== listening) return
      void this.#stop(listening)
      events.onClose(failure)
    })
  }

  /** Tells the board that we are there, and checks whether it is. */
  #keepAlive(listening: Listening): void {
    listening.timer = this.#options.clock.schedule(TICK_MS, () => {
      if (++this.#silentTicks > SILENT_TICKS) {
        listening.board?.socket.destroy(linkClosed(`${this.name}: the board has been silent.`))
        return
      }
      listening.board?.stream.write(EMPTY_RECORD)
      this.#keepAlive(listening)
    })
  }

  #noBoard(waitMs: number): VirtioMsgError {
    return notFound(`No board has dialled in to ${this.name} within ${waitMs / 1000} s.`, {
      hint: "Has it our firmware for this, with this computer's address (virtio-msg deploy --dial HOST:PORT), and its network?",
    })
  }

  async #stop(listening: Listening): Promise<void> {
    if (this.#listening === listening) this.#listening = undefined
    listening.timer?.cancel()
    const closed = new Promise((resolve) => listening.server.close(resolve))
    for (const socket of listening.sockets) socket.destroy()
    await closed
  }
}
