// An I2C adapter whose bus is the microcontroller's: the driver of the virtio-i2c device (virtio 1.4 5.16).

import { FEATURE_IN_ORDER_BLOCK1 } from "../../../shared-protocol/src/device-types/feature-bits.js"
import {
  I2C_FEATURE_ZERO_LENGTH_REQUEST,
  I2C_QUEUE_SIZE,
  I2C_STATUS_OK,
} from "../../../shared-protocol/src/device-types/i2c.js"
import { STATUS_DEVICE_NEEDS_RESET } from "../../../shared-protocol/src/messages/status.js"
import { counted } from "../counted.js"
import { deviceFailed, type VirtioMsgError } from "../errors.js"
import { checkInteger, copyBytes } from "./arguments.js"
import { Driver } from "./driver.js"
import { closed, notAsSpecified, timedOut } from "./failures.js"
import type { DriverNeeds } from "./features.js"
import { type I2cCall, separately, together } from "./i2c-calls.js"
import { type TransferLimit, transferLimitOf } from "./i2c-limits.js"
import {
  checkRegister,
  checkRequest,
  groupsOf,
  type I2cMessage,
  type I2cOutcome,
  nack,
  noRoomFor,
  requestsOf,
} from "./i2c-requests.js"
import { type I2cRequest, I2cSlots } from "./i2c-slots.js"
import { QueuePump } from "./queue-pump.js"
import type { VirtioDevice } from "./virtio-device.js"
import type { Virtqueue } from "./virtqueue.js"

export type { I2cMessage, I2cOutcome, I2cRequest }

export interface I2cAdapterOptions {
  /** A transfer is given up when the device completes nothing for so long. 1500 ms when absent. */
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
/** What to do when nothing works on the bus. */
export const LOOK_AT_THE_WIRES =
  "Are SDA and SCL the right way round, each with a pull-up (2.2 to 10 kOhm to 3.3 V), and does every chip have power? " +
  "A chip that holds a line lets go when its power is switched off and on."

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
  readonly #pump: QueuePump<I2cCall>
  #queue: Virtqueue | undefined
  #slots: I2cSlots | undefined

  constructor(device: VirtioDevice, options: I2cAdapterOptions = {}) {
    super(device)
    this.configure(options)
    this.#pump = new QueuePump(device, {
      index: 0,
      name: "I2C",
      queue: () => this.#queue,
      timeoutMs: () => this.#timeoutMs,
      timedOut: (timeoutMs) =>
        timedOut(
          "I2C bus",
          timeoutMs,
          `${LOOK_AT_THE_WIRES} A held bus stops a Pico's program for good: unplug the board, too.`,
        ),
      prepare: (groups) => {
        const requests: I2cRequest[] = []
        for (const group of groups) for (const { request } of group) requests.push(request)
        this.#slots?.prepare(requests)
      },
      offer: (group) => this.#offer(group),
      tooLarge: (group) => this.#tooLarge(group),
      complete: (call, head, usedLength) => this.#complete(call, head, usedLength),
      start: () => this.start(),
      explain: (error) => this.#explain(error),
    })
    device.onReset.on(() => {
      this.#slots?.dispose()
      this.#slots = undefined
      this.#queue = undefined
    })
  }

  /** Sets the given `options`, for all who use the adapter, from the next call on. Throws INVALID_ARGUMENT. */
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
   * Carries out the messages in order, on the chip at `address`. A write with a read after it is one bus transaction
   * with a repeated start. Resolves with the bytes of each read message.
   * Rejects with NACK, INVALID_ARGUMENT, TIMEOUT, DEVICE_RESTARTED, LINK_CLOSED or DEVICE_FAILED.
   */
  async transfer(address: number, messages: readonly I2cMessage[]): Promise<Uint8Array[]> {
    const requests = requestsOf(address, messages)
    const outcomes = await this.#submitTogether(requests)
    const read: Uint8Array[] = []
    for (const [at, { ok, data }] of outcomes.entries()) {
      if (!ok) throw nack(address, at, requests)
      if (data) read.push(data)
    }
    return read
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
   * Reads `length` bytes from `register` on. If the board does not allow so many in one message, they are read in
   * several transactions, each from its own register on, as far as an 8-bit register number reaches.
   */
  async readBlock(address: number, register: number, length: number): Promise<Uint8Array> {
    checkRegister(register)
    checkInteger("The number of bytes to read", length, 0, Number.MAX_SAFE_INTEGER)
    const { maxBytes } = this.#limit
    const canSplit = length > maxBytes && register + length <= 256
    if (!canSplit) {
      const [data] = await this.transfer(address, [{ write: [register], read: length }])
      return data ?? new Uint8Array(0)
    }
    const reads: Promise<Uint8Array[]>[] = []
    for (let at = 0; at < length; at += maxBytes)
      reads.push(this.transfer(address, [{ write: [register + at], read: Math.min(maxBytes, length - at) }]))
    const parts = (await Promise.all(reads)).flat()
    const data = new Uint8Array(length)
    for (const [at, part] of parts.entries()) data.set(part, at * maxBytes)
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
   * Queues requests as they are, and returns a promise for each. What is queued in one turn of the event loop reaches
   * the device in as few packets as possible. A promise also resolves for a chip that did not acknowledge. It rejects
   * when nobody knows the outcome. Bytes to write are copied. Throws INVALID_ARGUMENT, and QUEUE_FULL when
   * MAX_WAITING_CALLS already wait.
   */
  submit(requests: readonly I2cRequest[]): Promise<I2cOutcome>[] {
    for (const request of requests) checkRequest(request, this.#limit)
    const { calls, outcomes } = separately(requests)
    this.#push(calls)
    return outcomes
  }

  /** As `submit`, but with one promise for all of them. The bytes to write must be the adapter's own. */
  #submitTogether(requests: readonly I2cRequest[]): Promise<I2cOutcome[]> {
    for (const request of requests) checkRequest(request, this.#limit)
    const { calls, outcomes } = together(requests)
    this.#push(calls)
    return outcomes
  }

  /** Queues calls. Throws INVALID_ARGUMENT and QUEUE_FULL. */
  #push(calls: readonly I2cCall[]): void {
    const groups = groupsOf(calls)
    this.#pump.checkRoom(groups.length)
    for (const group of groups) this.#pump.push(group)
  }

  /**
   * @internal The most requests that the device has had at once. More would need descriptors that it does not know
   * yet.
   */
  get describedCount(): number {
    return this.#slots?.describedCount ?? 0
  }

  get #limit(): TransferLimit {
    return this.#ownLimit ?? transferLimitOf(this.device.bus.hello)
  }

  /**
   * Our device sets DEVICE_NEEDS_RESET when the wires do not work, and also for a broken ring. The status does not say
   * which.
   */
  #explain(error: VirtioMsgError): VirtioMsgError {
    if (error.code !== "DEVICE_FAILED" || !(this.device.status & STATUS_DEVICE_NEEDS_RESET)) return error
    return deviceFailed(
      "The I2C device stopped and asks to be reset, as it does when transaction after transaction times out.",
      {
        hint: `The I2C bus may be held. ${LOOK_AT_THE_WIRES} The next call resets the device.`,
        cause: error,
        maybeExecuted: true,
      },
    )
  }

  /** Fails what is in flight with LINK_CLOSED. The adapter takes no more calls. */
  override close(): void {
    this.#pump.close(closed("I2C adapter"))
    super.close()
  }

  protected override onReady(): void {
    this.#queue = this.device.queues[0]
    if (this.#queue) this.#slots = new I2cSlots(this.device.bus, this.#queue)
  }

  /** Puts a group into slots; undefined when they have no room now. */
  #offer(group: readonly I2cCall[]): number[] | undefined {
    const slots = this.#slots as I2cSlots
    const reservations = slots.reserve(group.map(({ request }) => request))
    return reservations?.map((reservation, at) => slots.offer((group[at] as I2cCall).request, reservation))
  }

  /**
   * Such a transfer never fits. But the device may have been wrong about its queue: the next call initialises it
   * again, and asks again.
   */
  #tooLarge(group: readonly I2cCall[]): VirtioMsgError {
    const slots = this.#slots as I2cSlots
    if (group.length <= slots.count)
      return noRoomFor(
        group.map(({ request }) => request),
        slots.longestBuffers,
      )
    const error = deviceFailed(
      `A transfer of ${counted(group.length, "message")} does not fit the device's queue, which has room for ${slots.count}.`,
      { hint: "Use transfers of fewer messages. A register read is one of two." },
    )
    this.device.fail(error)
    return error
  }

  #complete(call: I2cCall | undefined, head: number, usedLength: number): void {
    const slots = this.#slots as I2cSlots
    const slot = slots.slotOf(head)
    const ok = slots.status(slot) === I2C_STATUS_OK
    const readLength = call?.request.readLength ?? 0
    // the status lies after the read bytes: a used length that is too short says that neither was written (R28)
    if (ok && usedLength <= readLength)
      call?.reject(
        notAsSpecified(
          `Device ${this.device.devNum} says that it wrote ${counted(usedLength, "byte")} of a request of ${readLength + 1}.`,
        ),
      )
    else call?.resolve(ok && readLength > 0 ? { ok, data: slots.data(slot, readLength) } : { ok })
    slots.release(slot)
  }
}
