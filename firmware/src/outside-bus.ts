// Chips that live outside the VM, beside those in it: each transfer to one of their addresses is a request to the process
// that runs the VM (host/src/vm/chip-server.ts), in reports and commands 0x81 of the mailbox's service:
//
//   request: 0 id u8, 1 last u8 (1: no more follows), 2 address u8, 3 unused u8, 4 bytes to read u16, 6 bytes to write
//   answer:  0 id u8, 1 last u8, 2 status u8 (I2C_*), 3 unused u8, 4 bytes read

import * as ds from "@devicescript/core"
import type { Allocator, ByteBuf, OwnedBytes } from "../../shared-protocol/src/bytes.js"
import type { I2cController } from "../../shared-protocol/src/device/i2c-controller.js"
import { I2C_READ_FAILED, I2C_WRITE_FAILED } from "../../shared-protocol/src/device-types/i2c.js"
import type { SimulatedBus } from "./chips/simulated-bus.js"

const REQUEST_HEADER = 6
const ANSWER_HEADER = 4
/** What a packet of the service carries. */
const PACKET_BYTES = 236
const MAX_TRANSFER_BYTES = 4096
const ANSWER_TIMEOUT_MS = 2000

/** Sends one request packet. Waits as long as the runtime holds it back. */
type SendRequest = (packet: OwnedBytes) => Promise<void>

export class OutsideBus implements I2cController {
  data: ByteBuf
  private readonly inside: SimulatedBus
  private readonly addresses: readonly number[]
  private readonly allocate: Allocator
  private readonly answer: OwnedBytes
  private answered = 0
  private status = I2C_WRITE_FAILED
  private id = 0
  private isComplete = true
  private waiting: ds.Fiber | undefined
  /** Set by the program that runs the service, before the first transfer. */
  send: SendRequest | undefined

  /** `list` is the setting: addresses in lower-case hexadecimal, with commas between. */
  constructor(inside: SimulatedBus, list: string, allocate: Allocator) {
    this.inside = inside
    this.allocate = allocate
    this.addresses = list.split(",").map(parseHex)
    this.data = inside.data
    this.answer = allocate(MAX_TRANSFER_BYTES)
  }

  /** Whether the chip at an address is outside. */
  has(address: number): boolean {
    return this.addresses.includes(address)
  }

  async transfer(
    address: number,
    write: ByteBuf,
    writeOffset: number,
    writeLength: number,
    readLength: number,
  ): Promise<number> {
    if (!this.has(address)) {
      const status = await this.inside.transfer(address, write, writeOffset, writeLength, readLength)
      this.data = this.inside.data
      return status
    }
    this.data = this.answer
    if (writeLength > MAX_TRANSFER_BYTES) return I2C_WRITE_FAILED
    if (readLength > MAX_TRANSFER_BYTES) return I2C_READ_FAILED
    await this.ask(address, write, writeOffset, writeLength, readLength)
    // the process has answered meanwhile, or will never answer
    const untilMs = ds.millis() + ANSWER_TIMEOUT_MS
    this.waiting = ds.Fiber.self()
    while (!this.isComplete && ds.millis() < untilMs) await ds.suspend<number>(untilMs - ds.millis())
    this.waiting = undefined
    if (!this.isComplete || this.answered < readLength)
      return this.status === 0 ? I2C_READ_FAILED : this.status
    return this.status
  }

  private async ask(
    address: number,
    write: ByteBuf,
    writeOffset: number,
    writeLength: number,
    readLength: number,
  ): Promise<void> {
    this.id = (this.id + 1) & 0xff
    this.isComplete = false
    this.answered = 0
    this.status = I2C_WRITE_FAILED
    let sent = 0
    while (true) {
      let run = PACKET_BYTES - REQUEST_HEADER
      if (run > writeLength - sent) run = writeLength - sent
      const packet = this.allocate(REQUEST_HEADER + run)
      packet[0] = this.id
      packet[1] = sent + run === writeLength ? 1 : 0
      packet[2] = address
      packet[4] = readLength & 0xff
      packet[5] = readLength >> 8
      packet.blitAt(REQUEST_HEADER, write, writeOffset + sent, run)
      if (this.send !== undefined) await this.send(packet)
      sent += run
      if (sent === writeLength) return
    }
  }

  /** Takes a packet of an answer. An answer to an earlier request is dropped. */
  take(packet: ByteBuf, length: number): void {
    if (this.isComplete || length < ANSWER_HEADER || packet[0] !== this.id) return
    const run = length - ANSWER_HEADER
    if (this.answered + run > MAX_TRANSFER_BYTES) return
    this.answer.blitAt(this.answered, packet, ANSWER_HEADER, run)
    this.answered += run
    this.status = packet[2]
    if (packet[1] !== 1) return
    this.isComplete = true
    const fiber = this.waiting
    if (fiber?.suspended) fiber.resume(1)
  }
}

function parseHex(text: string): number {
  let value = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    value = value * 16 + (code > 57 ? code - 87 : code - 48)
  }
  return value
}
