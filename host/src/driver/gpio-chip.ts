// A GPIO chip whose lines are the microcontroller's: the driver of the virtio-gpio device (virtio 1.4 5.18).

import {
  GPIO_CONFIG_SIZE,
  GPIO_EVENT_QUEUE,
  GPIO_EVENT_QUEUE_SIZE,
  GPIO_FEATURE_IRQ,
  GPIO_GET_DIRECTION,
  GPIO_GET_LINE_NAMES,
  GPIO_GET_VALUE,
  GPIO_IRQ_STATUS_VALID,
  GPIO_MAX_LINES,
  GPIO_REQUEST_QUEUE,
  GPIO_REQUEST_QUEUE_SIZE,
  GPIO_REQUEST_SIZE,
  GPIO_RESPONSE_SIZE,
  GPIO_SET_DIRECTION,
  GPIO_SET_IRQ_TYPE,
  GPIO_SET_VALUE,
  GPIO_STATUS_OK,
} from "../../../shared-protocol/src/device-types/gpio.js"
import { counted } from "../counted.js"
import { deviceFailed, invalidArgument, VirtioMsgError } from "../errors.js"
import { visibleText } from "../visible-text.js"
import { checkChoice, checkInteger, copyBytes } from "./arguments.js"
import { Driver } from "./driver.js"
import { closed, notAsSpecified } from "./failures.js"
import type { DriverNeeds } from "./features.js"
import { GpioWatch, type GpioWatchOptions } from "./gpio-watch.js"
import { RequestQueue } from "./request-queue.js"
import type { VirtioDevice } from "./virtio-device.js"

export type GpioDirection = "none" | "output" | "input"

/** A line, as it is now. */
export interface GpioLineInfo {
  /** Counts from 0. */
  readonly offset: number
  /** Undefined when the board gives it none. */
  readonly name: string | undefined
  readonly direction: GpioDirection
}

/** By their numbers in messages. */
const DIRECTIONS: readonly GpioDirection[] = ["none", "output", "input"]
const TIMEOUT_MS = 1500
/** The most bytes of names. A device that claims more is not believed. */
const MAX_NAMES_SIZE = 1024

/**
 * The driver of a GPIO device (virtio 1.4 5.18). Lines have numbers, and most have names. `OpenedBus.gpio` makes it.
 *
 * @example
 * ```ts
 * import { openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const gpio = await bus.gpio()
 * await gpio.output("OUT", 1) // on the simulated board, OUT is wired to IN
 * console.log(await gpio.input("IN")) // 1
 * await bus.close()
 * ```
 */
export class GpioChip extends Driver {
  protected override readonly needs: DriverNeeds = {
    wanted: [GPIO_FEATURE_IRQ],
    required: [GPIO_FEATURE_IRQ],
    queueSizes: [GPIO_REQUEST_QUEUE_SIZE, GPIO_EVENT_QUEUE_SIZE],
  }
  readonly #requests: RequestQueue
  readonly #events: RequestQueue
  #names: (string | undefined)[] = []

  constructor(device: VirtioDevice) {
    super(device)
    this.#requests = new RequestQueue(device, {
      index: GPIO_REQUEST_QUEUE,
      name: "GPIO",
      readableBytes: GPIO_REQUEST_SIZE,
      writableBytes: GPIO_RESPONSE_SIZE,
      slotCount: GPIO_REQUEST_QUEUE_SIZE / 2,
      timeoutMs: TIMEOUT_MS,
    })
    this.#events = new RequestQueue(device, {
      index: GPIO_EVENT_QUEUE,
      name: "GPIO",
      readableBytes: 2,
      writableBytes: 1,
      slotCount: GPIO_MAX_LINES,
    })
  }

  /** The names of all lines, in order; undefined for a line without. Known once the chip was used. */
  get names(): readonly (string | undefined)[] {
    return this.#names
  }

  /** The offset of a line by its name, or by its offset in digits. Throws INVALID_ARGUMENT. */
  offsetOf(line: string | number): number {
    const named = typeof line === "string" ? this.#names.indexOf(line) : -1
    const numbered = typeof line === "number" ? line : /^\d+$/.test(line) ? Number(line) : Number.NaN
    const offset = named >= 0 ? named : numbered
    if (Number.isInteger(offset) && offset >= 0 && offset < this.#names.length) return offset
    throw invalidArgument(`The GPIO chip has no line "${line}".`, {
      hint: `Its lines: ${this.#names.map((name, at) => name ?? at).join(", ")}`,
    })
  }

  /** The offsets of some lines. Throws INVALID_ARGUMENT for one that is not there, or that is named twice. */
  offsetsOf(lines: readonly (string | number)[]): number[] {
    const offsets = lines.map((line) => this.offsetOf(line))
    const at = offsets.findIndex((offset, index) => offsets.indexOf(offset) !== index)
    if (at < 0) return offsets
    const [first, again] = [lines[offsets.indexOf(offsets[at] as number)], lines[at]]
    const names =
      first === again ? `"${again}" is named twice` : `"${first}" and "${again}" are one GPIO line`
    throw invalidArgument(`${names}.`, { hint: "Name each line once." })
  }

  /** All lines, as they are now. */
  async info(): Promise<GpioLineInfo[]> {
    await this.start()
    return Promise.all(
      this.#names.map(async (name, offset) => ({ offset, name, direction: await this.getDirection(offset) })),
    )
  }

  async getDirection(line: string | number): Promise<GpioDirection> {
    const direction = DIRECTIONS[await this.#ask(GPIO_GET_DIRECTION, line, 0)]
    if (direction === undefined) throw this.#nonsense("a direction that is none")
    return direction
  }

  /** `none` gives the line back: its value, and its interrupt, are forgotten. */
  async setDirection(line: string | number, direction: GpioDirection): Promise<void> {
    checkChoice("A direction", direction, DIRECTIONS)
    await this.#ask(GPIO_SET_DIRECTION, line, DIRECTIONS.indexOf(direction))
  }

  /** The level that an input senses, or that an output drives. */
  async getValue(line: string | number): Promise<0 | 1> {
    const value = await this.#ask(GPIO_GET_VALUE, line, 0)
    if (value !== 0 && value !== 1) throw this.#nonsense(`the value ${value} for a line`)
    return value
  }

  /** Sets the level that the line drives: now if it is an output, otherwise as soon as it is one. */
  async setValue(line: string | number, value: 0 | 1): Promise<void> {
    checkInteger("The value of a line", value, 0, 1)
    await this.#ask(GPIO_SET_VALUE, line, value)
  }

  /** Makes the line an output that drives `value` from the start. */
  async output(line: string | number, value: 0 | 1): Promise<void> {
    await this.setValue(line, value)
    await this.setDirection(line, "output").catch((error) => {
      throw error instanceof VirtioMsgError ? error.asExecutedInPart() : error
    })
  }

  /** Makes the line an input, and reads it. */
  async input(line: string | number): Promise<0 | 1> {
    await this.setDirection(line, "input")
    return this.getValue(line)
  }

  /**
   * The edges of these lines from now on, as an async iterable; `close` ends it and gives the lines back.
   * Rejects with INVALID_ARGUMENT for a line that is not there, or that is named twice, and with DEVICE_FAILED when
   * another watch has it.
   */
  async watch(lines: readonly (string | number)[], options: GpioWatchOptions = {}): Promise<GpioWatch> {
    await this.start()
    return GpioWatch.open(this, this.offsetsOf(lines), options)
  }

  /** VIRTIO_GPIO_MSG_SET_IRQ_TYPE, for those who speak virtio-gpio: `irqType` is one of GPIO_IRQ_*. */
  async setInterruptType(line: string | number, irqType: number): Promise<void> {
    checkInteger("An interrupt type", irqType, 0, 0xffffffff)
    await this.#ask(GPIO_SET_IRQ_TYPE, line, irqType)
  }

  /**
   * Unmasks the line's interrupt once. Resolves with true when the interrupt comes, which may be never, and with false
   * when the interrupt was disabled instead.
   */
  async unmask(offset: number): Promise<boolean> {
    checkInteger("The offset of a line", offset, 0, 0xffff)
    const response = await this.#events.submit(Uint8Array.of(offset & 0xff, offset >> 8), 1)
    return response[0] === GPIO_IRQ_STATUS_VALID
  }

  /**
   * Sends a request as it is. Resolves with the response's status and value, whatever the status is. Rejects only when
   * there is no response.
   */
  async request(message: Uint8Array, responseLength: number): Promise<Uint8Array> {
    const bytes = copyBytes(message)
    await this.start()
    return this.#requests.submit(bytes, responseLength)
  }

  override close(): void {
    const error = closed("GPIO chip")
    this.#requests.close(error)
    this.#events.close(error)
    super.close()
  }

  protected override async onReady(): Promise<void> {
    const config = await this.device.readConfig(0, GPIO_CONFIG_SIZE)
    const view = new DataView(config.buffer)
    const rawCount = view.getUint16(0, true)
    const rawNamesSize = view.getUint32(4, true)
    if (rawCount === 0 || rawNamesSize > MAX_NAMES_SIZE)
      throw this.#nonsense(`${counted(rawCount, "line")} with ${counted(rawNamesSize, "byte")} of names`)
    this.#requests.open(Math.max(GPIO_RESPONSE_SIZE, 1 + rawNamesSize))
    this.#events.open()
    this.#names = new Array(rawCount).fill(undefined)
    if (rawNamesSize === 0) return
    const response = await this.#requests.submit(message(GPIO_GET_LINE_NAMES, 0, 0), 1 + rawNamesSize)
    const names = String.fromCharCode(...response.subarray(1)).split("\0")
    if (response[0] !== GPIO_STATUS_OK || names.length !== rawCount + 1)
      throw this.#nonsense(`${counted(names.length - 1, "name")} for ${counted(rawCount, "line")}`)
    this.#names = names.slice(0, rawCount).map((name) => visibleText(name) || undefined)
  }

  /** Sends a message about a line; resolves with the response's value. */
  async #ask(type: number, line: string | number, value: number): Promise<number> {
    await this.start()
    const offset = this.offsetOf(line)
    const response = await this.#requests.submit(message(type, offset, value), GPIO_RESPONSE_SIZE)
    if (response[0] === GPIO_STATUS_OK && response.length === GPIO_RESPONSE_SIZE) return response[1] as number
    throw deviceFailed(
      `GPIO line ${this.#names[offset] ?? offset} cannot do that (message ${type}, value ${value}).`,
      { hint: "An output has no interrupt, and some lines are only inputs: virtio-msg gpio info" },
    )
  }

  #nonsense(what: string): VirtioMsgError {
    return notAsSpecified(`The GPIO device says ${what}.`)
  }
}

function message(type: number, gpio: number, value: number): Uint8Array {
  const bytes = new Uint8Array(GPIO_REQUEST_SIZE)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, type, true)
  view.setUint16(2, gpio, true)
  view.setUint32(4, value, true)
  return bytes
}
