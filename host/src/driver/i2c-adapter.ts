// An I2C adapter whose bus is the microcontroller's: the driver of the virtio-i2c device (virtio 1.4 5.16).

import { FEATURE_IN_ORDER_BLOCK1 } from "../../../shared-protocol/src/device-types/feature-bits.js"
import {
  I2C_FEATURE_ZERO_LENGTH_REQUEST,
  I2C_QUEUE_SIZE,
  I2C_STATUS_OK,
} from "../../../shared-protocol/src/device-types/i2c.js"
import { STATUS_DEVICE_NEEDS_RESET } from "../../../shared-protocol/src/messages/status.js"
import { NOTHING_USED, USED_BROKEN } from "../../../shared-protocol/src/ring/driver-ring.js"
import type { Timer } from "../clock.js"
import { NOT_AS_SPECIFIED, VirtioMsgError } from "../errors.js"
import { checkInteger, copyBytes } from "./arguments.js"
import { Driver } from "./driver.js"
import { type TransferLimit, transferLimitOf } from "./i2c-limits.js"
import { type I2cRequest, I2cSlots } from "./i2c-slots.js"
import type { DriverNeeds, VirtioDevice } from "./virtio-device.js"
import type { Virtqueue } from "./virtqueue.js"
import { WaitingLine } from "./waiting-line.js"

export type { I2cRequest }

/** How a request ended: whether the chip acknowledged it, and what was read. */
export interface I2cOutcome {
  readonly ok: boolean
  readonly data?: Uint8Array
}

/**
 * One message of a transfer, as Linux's struct i2c_msg without the address: bytes from 0 to 255 to write, or a number
 * of bytes to read. With both it is two, the read behind the write with a repeated start: a register read.
 *
 * @example
 * ```ts
 * import { type I2cMessage, openBus } from "virtio-msg"
 *
 * const readRegister: I2cMessage = { write: [14], read: 2 } // a write, a repeated start, a read
 * const bus = await openBus({ port: "sim" })
 * const i2c = await bus.i2c()
 * const [data] = await i2c.transfer(0x54, [readRegister])
 * console.log(data?.length) // 2
 * await bus.close()
 * ```
 */
export type I2cMessage =
  | { readonly write: ArrayLike<number>; readonly read?: number | undefined }
  | { readonly write?: undefined; readonly read: number }

export interface I2cAdapterOptions {
  /** A transfer is given up when the device completes nothing for so long; 1500 ms when absent. */
  readonly timeoutMs?: number
  /** The most bytes in one message, instead of what is known of the board. */
  readonly maxTransferBytes?: number
}

const NEEDS: DriverNeeds = {
  wanted: [I2C_FEATURE_ZERO_LENGTH_REQUEST, FEATURE_IN_ORDER_BLOCK1],
  required: [I2C_FEATURE_ZERO_LENGTH_REQUEST],
  queueSizes: [I2C_QUEUE_SIZE],
}

const DEFAULT_TIMEOUT_MS = 1500
/** What a timer takes. */
const MAX_TIMEOUT_MS = 0x7fffffff
/** As Linux's I2C_RDWR takes them. */
const MAX_MESSAGES = 42

/** What to do when nothing works on the bus. */
export const LOOK_AT_THE_WIRES =
  "Are SDA and SCL the right way round, each with a pull-up (2.2 to 10 kOhm to 3.3 V), and does every chip have power? " +
  "A chip that holds a line lets go when its power is switched off and on."

interface Call {
  readonly request: I2cRequest
  readonly resolve: (outcome: I2cOutcome) => void
  readonly reject: (error: VirtioMsgError) => void
}

/**
 * The driver of an I2C adapter (virtio 1.4 5.16). `OpenedBus.i2c` makes it.
 *
 * @example
 * ```ts
 * import { openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const i2c = await bus.i2c()
 * console.log(await i2c.readByte(0x54, 14)) // 102
 * // calls that are made together travel together: one packet each way
 * const pair = await Promise.all([i2c.readByte(0x54, 0), i2c.readByte(0x56, 0)])
 * console.log(pair.length) // 2
 * await bus.close()
 * ```
 */
export class I2cAdapter extends Driver {
  protected override readonly needs = NEEDS
  #timeoutMs = DEFAULT_TIMEOUT_MS
  #ownLimit: TransferLimit | undefined
  /** Groups not yet with the device, oldest first: a group is offered as a whole. */
  readonly #waiting = new WaitingLine<Call[]>()
  /** Calls with the device, by slot. */
  readonly #inFlight = new Map<number, Call>()
  #queue: Virtqueue | undefined
  #slots: I2cSlots | undefined
  #watchdog: Timer | undefined
  #isPumpScheduled = false
  #isClosed = false

  constructor(device: VirtioDevice, options: I2cAdapterOptions = {}) {
    super(device)
    this.configure(options)
    device.onUsed.on(() => this.#takeUsed())
    device.onBroken.on((error) => this.#abandon(this.#explain(error)))
    device.onReset.on(() => {
      this.#slots?.dispose()
      this.#slots = undefined
    })
  }

  /** Sets what `options` name, for all who use the adapter, from the next call on. Throws INVALID_ARGUMENT. */
  configure({ timeoutMs, maxTransferBytes: maxBytes }: I2cAdapterOptions): void {
    if (timeoutMs !== undefined) {
      checkInteger("timeoutMs", timeoutMs, 1, MAX_TIMEOUT_MS)
      this.#timeoutMs = timeoutMs
    }
    if (maxBytes === undefined) return
    checkInteger("maxTransferBytes", maxBytes, 1, Number.MAX_SAFE_INTEGER)
    this.#ownLimit = { maxBytes, reason: `maxTransferBytes of this adapter is ${maxBytes}.` }
  }

  /**
   * Carries out the messages, one after another, on the chip at `address`; a write and the read behind it are
   * one bus transaction with a repeated start. Resolves with the bytes of each read message.
   * Rejects with NACK, INVALID_ARGUMENT, TIMEOUT, DEVICE_RESTARTED, LINK_CLOSED or DEVICE_FAILED.
   */
  async transfer(address: number, messages: readonly I2cMessage[]): Promise<Uint8Array[]> {
    checkAddress(address)
    const requests = messages.flatMap(({ write, read }, at): I2cRequest[] => {
      const failNext = at < messages.length - 1
      if (write === undefined) {
        checkInteger("The number of bytes to read", read as number, 0, Number.MAX_SAFE_INTEGER)
        return [{ address, readLength: read as number, failNext }]
      }
      if (read === undefined) return [{ address, write: copyBytes(write), failNext }]
      checkInteger("The number of bytes to read", read, 0, Number.MAX_SAFE_INTEGER)
      return [
        { address, write: copyBytes(write), failNext: true },
        { address, readLength: read, failNext },
      ]
    })
    const outcomes = await Promise.all(this.submit(requests))
    const failed = outcomes.findIndex((outcome) => !outcome.ok)
    if (failed >= 0) throw nack(address, failed, requests)
    return outcomes.flatMap((outcome) => (outcome.data ? [outcome.data] : []))
  }

  /** Whether a chip acknowledges `address` (a zero-length request). Rejects as `transfer`, but for NACK. */
  async probe(address: number): Promise<boolean> {
    const [outcome] = await Promise.all(this.submit([{ address, failNext: false }]))
    return outcome?.ok ?? false
  }

  /** Reads one byte of `register`. */
  async readByte(address: number, register: number): Promise<number> {
    const data = await this.readBlock(address, register, 1)
    return data[0] as number
  }

  /** Writes one byte to `register`. */
  async writeByte(address: number, register: number, value: number): Promise<void> {
    checkRegister(register)
    checkInteger("The value of a register", value, 0, 0xff)
    await this.transfer(address, [{ write: [register, value] }])
  }

  /**
   * Reads `length` bytes from `register` on. What is longer than the board allows in one message is read in
   * several transactions, each from its own register on, as far as a register number of 8 bits reaches.
   */
  async readBlock(address: number, register: number, length: number): Promise<Uint8Array> {
    checkRegister(register)
    checkInteger("The number of bytes to read", length, 0, Number.MAX_SAFE_INTEGER)
    const { maxBytes } = this.#limit
    const canSplit = length > maxBytes && register + length <= 256
    const step = canSplit ? maxBytes : Math.max(1, length)
    const reads: Promise<Uint8Array[]>[] = []
    for (let at = 0; at < length || at === 0; at += step)
      reads.push(this.transfer(address, [{ write: [register + at] }, { read: Math.min(step, length - at) }]))
    const parts = (await Promise.all(reads)).flat()
    if (parts.length === 1) return parts[0] as Uint8Array
    const data = new Uint8Array(length)
    for (const [at, part] of parts.entries()) data.set(part, at * step)
    return data
  }

  /** Writes `data` from `register` on. */
  async writeBlock(address: number, register: number, data: ArrayLike<number>): Promise<void> {
    checkRegister(register)
    const bytes = copyBytes(data)
    const write = new Uint8Array(1 + bytes.length)
    write[0] = register
    write.set(bytes, 1)
    await this.transfer(address, [{ write }])
  }

  /**
   * Queues requests as they are, and returns a promise for each. What is queued in one turn of the event loop
   * reaches the device in as few packets as it fits. A promise resolves also for a chip that did not
   * acknowledge; it rejects when there is no telling. Bytes to write are copied. Throws INVALID_ARGUMENT, and
   * QUEUE_FULL when MAX_WAITING_CALLS wait for room with the device.
   */
  submit(requests: readonly I2cRequest[]): Promise<I2cOutcome>[] {
    for (const request of requests) checkRequest(request, this.#limit)
    let group: Call[] = []
    const groups: Call[][] = []
    const outcomes = requests.map(
      (given, at) =>
        new Promise<I2cOutcome>((resolve, reject) => {
          // its owner may use its bytes again while it waits here
          const request = given.write ? { ...given, write: copyBytes(given.write) } : given
          group.push({ request, resolve, reject })
          if (request.failNext && at < requests.length - 1) return
          groups.push(group)
          group = []
        }),
    )
    const longest = groups.find((calls) => calls.length > MAX_MESSAGES)
    if (longest)
      throw new VirtioMsgError(
        "INVALID_ARGUMENT",
        `A transfer has at most ${MAX_MESSAGES} messages, not ${longest.length}.`,
      )
    this.#waiting.checkRoom(groups.length, "I2C")
    for (const calls of groups) this.#waiting.push(calls)
    this.#schedulePump()
    return outcomes
  }

  get #limit(): TransferLimit {
    return this.#ownLimit ?? transferLimitOf(this.device.bus.hello)
  }

  /** Our device sets DEVICE_NEEDS_RESET when the wires do not work, and for a broken ring: the status does not say which. */
  #explain(error: VirtioMsgError): VirtioMsgError {
    if (error.code !== "DEVICE_FAILED" || !(this.device.status & STATUS_DEVICE_NEEDS_RESET)) return error
    return new VirtioMsgError(
      "DEVICE_FAILED",
      "The I2C device stopped and asks to be reset, as it does when transaction after transaction times out.",
      {
        hint: `The I2C bus may be held. ${LOOK_AT_THE_WIRES} The next call resets the device.`,
        cause: error,
        maybeExecuted: true,
      },
    )
  }

  /** Fails what is in flight with LINK_CLOSED; the adapter takes nothing more. */
  override close(): void {
    this.#isClosed = true
    this.#abandon(new VirtioMsgError("LINK_CLOSED", "The I2C adapter was closed.", { maybeExecuted: true }))
    super.close()
  }

  protected override onReady(): void {
    this.#queue = this.device.queues[0]
    if (this.#queue) this.#slots = new I2cSlots(this.device.bus, this.#queue)
  }

  /** Offers what is queued in this turn of the event loop together: one kick. */
  #schedulePump(): void {
    if (this.#isPumpScheduled) return
    this.#isPumpScheduled = true
    queueMicrotask(() => {
      this.#isPumpScheduled = false
      this.#pump()
    })
  }

  /** Offers waiting groups as long as there is room, and tells the device. */
  #pump(): void {
    if (this.#waiting.length === 0) return
    if (this.#isClosed) {
      this.#abandon(new VirtioMsgError("LINK_CLOSED", "The I2C adapter is closed."))
      return
    }
    if (!this.device.isLive || !this.#slots || !this.#queue) {
      this.start().then(
        () => this.#schedulePump(),
        (error) => this.#failWaiting(error),
      )
      return
    }
    const before = this.#inFlight.size
    for (let group = this.#waiting.first; group; group = this.#waiting.first) {
      if (!this.#offer(group)) break
      this.#waiting.shift()
    }
    if (this.#inFlight.size === before) return
    this.device.announce(this.#queue)
    this.#watch()
  }

  /** Puts a group into slots; false when it has to wait for room. */
  #offer(group: Call[]): boolean {
    const slots = this.#slots as I2cSlots
    const reservations = slots.reserve(group.map((call) => call.request))
    if (!reservations) {
      if (this.#inFlight.size > 0) return false
      this.#waiting.shift()
      if (group.length > slots.count) {
        this.#refuseForQueue(group, slots.count)
        return false
      }
      const { toWrite, toRead } = slots.longestBuffers
      const error = new VirtioMsgError(
        "INVALID_ARGUMENT",
        `A transfer that ${bytesOf(group)} does not fit the window, which has room for ` +
          `${toWrite} bytes to write and ${toRead} to read.`,
        { hint: "Split it into shorter transfers, or use fewer of the board's devices at the same time." },
      )
      for (const call of group) call.reject(error)
      return this.#waiting.first ? this.#offer(this.#waiting.first) : true
    }
    for (const [at, reservation] of reservations.entries()) {
      const call = group[at] as Call
      slots.offer(call.request, reservation)
      this.#inFlight.set(reservation.slot, call)
      this.device.bus.session.await()
    }
    return true
  }

  /**
   * No such transfer can ever be offered. What the device said of its queue may have been a lie: the next call
   * initialises it again, and asks again.
   */
  #refuseForQueue(group: Call[], most: number): void {
    const error = new VirtioMsgError(
      "DEVICE_FAILED",
      `A transfer of ${group.length} messages does not fit the device's queue, which has room for ${most}.`,
      { hint: "Use transfers of fewer messages. A register read is one of two." },
    )
    for (const call of group) call.reject(error)
    this.device.fail(error)
  }

  /** Completes what the device gave back. */
  #takeUsed(): void {
    const { device } = this
    const ring = this.#queue?.ring
    const slots = this.#slots
    if (!ring || !slots || !device.isLive) return
    for (let head = ring.take(); head !== NOTHING_USED; head = ring.take()) {
      if (head === USED_BROKEN) {
        device.fail(
          new VirtioMsgError(
            "BROKEN_QUEUE",
            `Device ${device.devNum} broke its queue: ${ring.brokenReason}.`,
            {
              hint: "The next call initialises the device again.",
              maybeExecuted: true,
            },
          ),
        )
        return
      }
      const slot = slots.slotOf(head)
      const call = this.#inFlight.get(slot)
      this.#inFlight.delete(slot)
      device.bus.session.settle()
      const ok = slots.status(slot) === I2C_STATUS_OK
      const readLength = call?.request.readLength ?? 0
      // the status lies behind what was read: a shorter used length says that neither was written (R28)
      if (ok && ring.usedLength <= readLength)
        call?.reject(
          new VirtioMsgError(
            "PROTOCOL",
            `Device ${device.devNum} says that it wrote ${ring.usedLength} bytes of a request of ${readLength + 1}.`,
            { hint: NOT_AS_SPECIFIED, maybeExecuted: true },
          ),
        )
      else call?.resolve(ok && readLength > 0 ? { ok, data: slots.data(slot, readLength) } : { ok })
      slots.release(slot)
    }
    this.#watch()
    // whoever was waiting for these gets to queue more before the next kick
    this.#schedulePump()
  }

  /** Gives the device `timeoutMs` from now to complete anything. */
  #watch(): void {
    this.#watchdog?.cancel()
    this.#watchdog = undefined
    if (this.#inFlight.size === 0) return
    this.#watchdog = this.device.bus.clock.schedule(this.#timeoutMs, () => {
      this.device.fail(
        new VirtioMsgError("TIMEOUT", `The I2C bus completed nothing for ${this.#timeoutMs} ms.`, {
          hint: `${LOOK_AT_THE_WIRES} A held bus stops a Pico's program for good: unplug the board, too.`,
          maybeExecuted: true,
        }),
      )
    })
  }

  /** Fails everything: the device has to be initialised again. */
  #abandon(error: VirtioMsgError): void {
    this.#watchdog?.cancel()
    this.#watchdog = undefined
    const lost = [...this.#inFlight.values()]
    this.#inFlight.clear()
    for (const call of lost) {
      this.device.bus.session.settle()
      call.reject(error)
    }
    this.#queue = undefined
    this.#failWaiting(error)
  }

  #failWaiting(error: VirtioMsgError): void {
    for (const call of this.#waiting.takeAll().flat()) call.reject(error.asUnexecuted())
  }
}

function checkAddress(address: number): void {
  if (Number.isInteger(address) && address >= 0 && address <= 0x7f) return
  throw new VirtioMsgError(
    "INVALID_ARGUMENT",
    `An I2C address has 7 bits, 0x00 to 0x7f, not ${String(address)}.`,
  )
}

function checkRegister(register: number): void {
  checkInteger("A register", register, 0, 0xff)
}

function checkRequest({ address, readLength, write }: I2cRequest, limit: TransferLimit): void {
  checkAddress(address)
  if (readLength !== undefined)
    checkInteger("The number of bytes to read", readLength, 0, Number.MAX_SAFE_INTEGER)
  if (readLength !== undefined && write)
    throw new VirtioMsgError("INVALID_ARGUMENT", `A request cannot read ${readLength} bytes and write.`, {
      hint: "Make it two, the first with failNext; or use transfer.",
    })
  const lengthBytes = write?.length ?? readLength ?? 0
  if (lengthBytes > limit.maxBytes)
    throw new VirtioMsgError(
      "INVALID_ARGUMENT",
      `An I2C message of ${lengthBytes} bytes is too long. ${limit.reason}`,
      { hint: "Split it into shorter ones, if the chip allows that." },
    )
}

function bytesOf(group: readonly Call[]): string {
  let toWrite = 0
  let toRead = 0
  for (const { request } of group) {
    toWrite += request.write?.length ?? 0
    toRead += request.readLength ?? 0
  }
  return `writes ${toWrite} bytes and reads ${toRead}`
}

function nack(address: number, at: number, requests: readonly I2cRequest[]): VirtioMsgError {
  const where = requests.length > 1 ? ` in message ${at + 1} of ${requests.length}` : ""
  return new VirtioMsgError(
    "NACK",
    `No chip acknowledged at address 0x${hex2(address)}${where} (ENXIO: No such device or address).`,
    {
      hint: "List the chips on the bus: virtio-msg i2c detect",
    },
  )
}

function hex2(value: number): string {
  return value.toString(16).padStart(2, "0")
}
