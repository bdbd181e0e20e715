// A conversation with a board's own Jacdac services, which the runtime has whatever program runs: what the board is,
// what program it holds, and commands to it. The mailbox is not among them: it is a program's service.

import { getU32 } from "../../../shared-protocol/src/bytes.js"
import { linkGone } from "../bus/failures.js"
import { type Clock, systemClock, type Timer } from "../clock.js"
import { Emitter } from "../emitter.js"
import { linkClosed, notFound, VirtioMsgError } from "../errors.js"
import { farEndOf } from "../link/far-end.js"
import {
  ACK_SERVICE_INDEX,
  ANNOUNCE_REPORT,
  CONTROL_SERVICE_INDEX,
  decodeFrame,
  encodeAcknowledgedCommand,
  encodeBroadcast,
  encodeCommand,
  isUnknownCommand,
  type JacdacPacket,
} from "../link/jacdac-frame.js"
import type { FramePort } from "../link/jacdac-link.js"
import { GET_REGISTER, MANAGER_CLASS } from "../link/program-manager.js"
import { visibleText } from "../visible-text.js"

const CONTROL_CLASS = 0
const ANNOUNCE_COMMAND = 0
/** Registers of the control service. */
const DESCRIPTION_REGISTER = 0x180
const PRODUCT_REGISTER = 0x181
const FIRMWARE_VERSION_REGISTER = 0x185

/** A board announces itself twice a second, from about a second after it has power. */
const DISCOVERY_MS = 4000
const ASK_AGAIN_MS = 500
/** A register is answered at once, unless the board is busy or a frame was lost. */
const REGISTER_MS = 300
const REGISTER_TRIES = 10
const FIRST_ACK_MS = 100
const LONGEST_ACK_MS = 800
const ACK_TRIES = 8

/** What a board says of itself. */
export interface BoardIdentity {
  /** 16 hexadecimal digits. */
  readonly deviceId: string
  /** `Raspberry Pi Pico`, as the runtime's build for it has it; "" when it does not say. */
  readonly description: string
  /** A number for each kind of board, 0 when it does not say. */
  readonly productId: number
  /** The runtime's version, `v2.16.4`; "" when it does not say. */
  readonly runtimeVersion: string
}

export class BoardClient {
  readonly onLog = new Emitter<[line: string]>()
  /** The port is gone: unplugged, or the board starts again. */
  readonly onClose = new Emitter<[error: VirtioMsgError]>()
  readonly name: string
  readonly #port: FramePort
  readonly #clock: Clock
  readonly #onPacket = new Emitter<[packet: JacdacPacket]>()
  #closedBy: VirtioMsgError | undefined
  #deviceId = ""
  /** By service index, from 1; the class of index 1 comes first. */
  #classes: readonly number[] = []

  private constructor(port: FramePort, clock: Clock) {
    this.name = port.name
    this.#port = port
    this.#clock = clock
  }

  /**
   * Opens `port` and finds the board on it. Rejects as `port.open`, or with NOT_FOUND when no board with the
   * DeviceScript runtime answers within 4 s.
   */
  static async open(port: FramePort, clock: Clock = systemClock): Promise<BoardClient> {
    const client = new BoardClient(port, clock)
    await port.open({
      onPacket: (frame) => {
        for (const packet of decodeFrame(frame)) if (!packet.isCommand) client.#onPacket.emit(packet)
      },
      onClose: (reason) => client.#closed(reason),
      onLog: (line) => client.onLog.emit(line),
    })
    try {
      await client.#discover()
    } catch (error) {
      await client.close()
      throw error
    }
    return client
  }

  /** The service index of the program manager. */
  get managerIndex(): number {
    return this.indexOf(MANAGER_CLASS)
  }

  /** The service index of the board's first service of a class; 0 if it has none. */
  indexOf(serviceClass: number): number {
    return this.#classes.indexOf(serviceClass) + 1
  }

  /** What the board says of itself. What it does not say in time is empty. */
  async identify(): Promise<BoardIdentity> {
    const text = async (register: number) =>
      visibleText(new TextDecoder().decode(await this.#readOptional(register)).replace(/\0+$/, ""))
    const product = await this.#readOptional(PRODUCT_REGISTER)
    return {
      deviceId: this.#deviceId,
      description: await text(DESCRIPTION_REGISTER),
      productId: product.length >= 4 ? getU32(product, 0) : 0,
      runtimeVersion: await text(FIRMWARE_VERSION_REGISTER),
    }
  }

  /**
   * Reads a register of a service; undefined when the service says that it has no such register. Rejects with TIMEOUT
   * or LINK_CLOSED.
   */
  async readRegister(serviceIndex: number, register: number): Promise<Uint8Array | undefined> {
    const command = GET_REGISTER | register
    for (let tries = 1; ; tries++) {
      try {
        return await this.#await<Uint8Array | "unknown">(
          () => this.#send(serviceIndex, command, new Uint8Array(0)),
          (packet) => {
            if (packet.serviceIndex !== serviceIndex) return undefined
            if (packet.command === command) return packet.payload
            return isUnknownCommand(packet, command) ? "unknown" : undefined
          },
          REGISTER_MS,
        ).then((value) => (value === "unknown" ? undefined : value))
      } catch (error) {
        if (tries === REGISTER_TRIES || (error as VirtioMsgError).code !== "TIMEOUT") throw error
      }
    }
  }

  /** Sends a command and resolves with the report of the same number. Rejects with TIMEOUT or LINK_CLOSED. */
  request(
    serviceIndex: number,
    command: number,
    payload: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array> {
    return this.#await(
      () => this.#send(serviceIndex, command, payload),
      (packet) =>
        packet.serviceIndex === serviceIndex && packet.command === command ? packet.payload : undefined,
      timeoutMs,
    )
  }

  /**
   * Sends a command again and again until the board acknowledges it. Only for commands that may run twice. Rejects
   * with TIMEOUT after 4 s, or LINK_CLOSED.
   */
  async sendAcknowledged(serviceIndex: number, command: number, payload: Uint8Array): Promise<void> {
    const { frame, checksum } = encodeAcknowledgedCommand(this.#deviceId, serviceIndex, command, payload)
    let waitMs = FIRST_ACK_MS
    for (let tries = 1; ; tries++) {
      try {
        await this.#await(
          () => this.#port.send(frame),
          (packet) =>
            packet.serviceIndex === ACK_SERVICE_INDEX && packet.command === checksum ? true : undefined,
          waitMs,
        )
        return
      } catch (error) {
        if (tries === ACK_TRIES || (error as VirtioMsgError).code !== "TIMEOUT") throw error
        waitMs = Math.min(waitMs * 2, LONGEST_ACK_MS)
      }
    }
  }

  /** Closes the port. What still waits rejects with LINK_CLOSED. */
  async close(): Promise<void> {
    this.#end(linkClosed(`${this.name} was closed.`))
    await this.#port.close()
  }

  async #discover(): Promise<void> {
    const announce = () =>
      this.#port.send(encodeBroadcast(CONTROL_CLASS, ANNOUNCE_COMMAND, new Uint8Array(0)))
    let again: Timer | undefined
    const keepAsking = () => {
      announce()
      again = this.#clock.schedule(ASK_AGAIN_MS, keepAsking)
    }
    try {
      await this.#await(
        keepAsking,
        (packet) => {
          if (packet.serviceIndex !== CONTROL_SERVICE_INDEX || packet.command !== ANNOUNCE_REPORT)
            return undefined
          const { payload } = packet
          const count = Math.max(0, Math.floor(payload.length / 4) - 1) // the first word holds flags
          const classes = Array.from({ length: count }, (_, at) => getU32(payload, 4 * at + 4))
          if (!classes.includes(MANAGER_CLASS)) return undefined
          this.#deviceId = packet.deviceId
          this.#classes = classes
          return true
        },
        DISCOVERY_MS,
        () =>
          notFound(
            `No board with the DeviceScript runtime answered on ${this.name} within ${DISCOVERY_MS / 1000} s.`,
            {
              hint: "Install the runtime first: virtio-msg flash --board BOARD (virtio-msg boards lists them)",
            },
          ),
        "anyone",
      )
    } finally {
      again?.cancel()
    }
  }

  #send(serviceIndex: number, command: number, payload: Uint8Array): void {
    this.#port.send(encodeCommand(this.#deviceId, serviceIndex, command, payload))
  }

  /** A register of the control service; empty if the board does not say. */
  async #readOptional(register: number): Promise<Uint8Array> {
    try {
      return (await this.readRegister(CONTROL_SERVICE_INDEX, register)) ?? new Uint8Array(0)
    } catch (error) {
      if ((error as VirtioMsgError).code !== "TIMEOUT") throw error
      return new Uint8Array(0)
    }
  }

  /** Starts something, and resolves with what `take` makes of the packet that it waits for. */
  #await<T>(
    start: () => void,
    take: (packet: JacdacPacket) => T | undefined,
    timeoutMs: number,
    onTimeout = () => this.#silent(),
    from: "board" | "anyone" = "board",
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closedBy) {
        reject(this.#closedBy)
        return
      }
      const finish = (settle: () => void) => {
        timer.cancel()
        offPacket()
        offClose()
        settle()
      }
      const timer = this.#clock.schedule(timeoutMs, () => finish(() => reject(onTimeout())))
      const offClose = this.onClose.on((error) => finish(() => reject(error)))
      const offPacket = this.#onPacket.on((packet) => {
        if (from === "board" && packet.deviceId !== this.#deviceId) return
        const taken = take(packet)
        if (taken !== undefined) finish(() => resolve(taken))
      })
      start()
    })
  }

  #silent(): VirtioMsgError {
    return new VirtioMsgError("TIMEOUT", `The board on ${this.name} does not answer any more.`, {
      hint: farEndOf(this.#port).whenSilent,
    })
  }

  #closed(reason: Error | undefined): void {
    if (reason instanceof VirtioMsgError && reason.code === "CONNECT_FAILED") {
      this.#end(reason) // it never belonged to us
      return
    }
    this.#end(linkGone({ name: this.name, farEnd: farEndOf(this.#port) }, reason))
  }

  #end(error: VirtioMsgError): void {
    if (this.#closedBy) return
    this.#closedBy = error
    this.onClose.emit(error)
  }
}
