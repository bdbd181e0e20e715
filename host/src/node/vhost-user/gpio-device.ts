// The virtio-gpio device (virtio 1.4 5.18, device id 41) for a guest. Each of its requests, and each interrupt that it
// unmasks, goes on to the board. After the board was away, it gets back the state that the guest had given it.

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import {
  GPIO_CONFIG_SIZE,
  GPIO_EVENT_QUEUE,
  GPIO_FEATURE_IRQ,
  GPIO_GET_LINE_NAMES,
  GPIO_IRQ_STATUS_INVALID,
  GPIO_IRQ_STATUS_VALID,
  GPIO_REQUEST_SIZE,
  GPIO_RESPONSE_SIZE,
  GPIO_SET_DIRECTION,
  GPIO_SET_IRQ_TYPE,
  GPIO_SET_VALUE,
  GPIO_STATUS_ERROR,
  GPIO_STATUS_OK,
} from "../../../../shared-protocol/src/device-types/gpio.js"
import type { GpioChip } from "../../driver/gpio-chip.js"
import type { GuestChain, VhostUserDevice } from "./device.js"

/** A line is set up in this order: its value before it drives, its direction before its interrupt. */
const STATE_MESSAGES = [GPIO_SET_VALUE, GPIO_SET_DIRECTION, GPIO_SET_IRQ_TYPE]

export class VirtioGpioDevice implements VhostUserDevice {
  readonly name = "virtio-gpio"
  readonly queueCount = 2
  readonly features = BigInt(GPIO_FEATURE_IRQ)
  readonly maxReadableLength = GPIO_REQUEST_SIZE
  readonly lastingQueues = [GPIO_EVENT_QUEUE]
  readonly config: Uint8Array

  readonly #chip: GpioChip
  readonly #namesSize: number
  /** For each line, the last message of each kind that the board took. The board gets them again after it was away. */
  readonly #state = new Map<string, Uint8Array>()
  /** Chains that unmask a line. */
  readonly #unmasked = new Map<number, GuestChain>()
  /** Changes at a reset. Answers to earlier requests are dropped. */
  #era = 0

  private constructor(chip: GpioChip, config: Uint8Array) {
    this.#chip = chip
    this.config = config
    this.#namesSize = new DataView(config.buffer, config.byteOffset).getUint32(4, true)
  }

  /** For a board's chip. It has to be there now, and may go and come back later. */
  static async of(chip: GpioChip): Promise<VirtioGpioDevice> {
    await chip.start()
    return new VirtioGpioDevice(chip, await chip.device.readConfig(0, GPIO_CONFIG_SIZE))
  }

  handle(queueIndex: number, chains: readonly GuestChain[]): void {
    for (const chain of chains) {
      if (queueIndex === GPIO_EVENT_QUEUE) this.#unmask(chain)
      else this.#request(chain)
    }
  }

  reset(): void {
    this.#era++
    this.#unmasked.clear()
    const isUsed = this.#state.size > 0
    this.#state.clear()
    // the board forgets it, too, when it is next used
    if (isUsed && this.#chip.device.isLive) this.#chip.device.reset().catch(() => {})
  }

  /** The board is back, or its device was reset. Sets up the lines again, and what waits for interrupts. */
  async restore(): Promise<void> {
    const era = this.#era
    const messages = [...this.#state.values()].sort((one, other) => orderOf(one) - orderOf(other))
    for (const message of messages) await this.#chip.request(message, GPIO_RESPONSE_SIZE)
    if (era !== this.#era) return
    for (const line of this.#unmasked.keys()) this.#await(line)
  }

  #request(chain: GuestChain): void {
    const { readable, writableLength } = chain
    const era = this.#era
    const type = readable.length === GPIO_REQUEST_SIZE ? getU16(readable, 0) : -1
    const wanted = type === GPIO_GET_LINE_NAMES ? 1 + this.#namesSize : GPIO_RESPONSE_SIZE
    if (type < 0 || writableLength < wanted) {
      chain.complete(Uint8Array.of(GPIO_STATUS_ERROR, 0).subarray(0, writableLength))
      return
    }
    const done = (response: Uint8Array) => {
      if (era !== this.#era) return
      if (response[0] === GPIO_STATUS_OK) this.#keep(type, readable)
      chain.complete(response)
    }
    this.#chip.request(readable.slice(), wanted).then(done, () => done(Uint8Array.of(GPIO_STATUS_ERROR, 0)))
  }

  #keep(type: number, message: Uint8Array): void {
    if (!STATE_MESSAGES.includes(type)) return
    const line = getU16(message, 2)
    this.#state.set(`${line}/${type}`, message.slice())
    if (type === GPIO_SET_DIRECTION && message[4] === 0)
      for (const each of STATE_MESSAGES) this.#state.delete(`${line}/${each}`)
    else if (type === GPIO_SET_IRQ_TYPE && message[4] === 0) this.#state.delete(`${line}/${type}`)
  }

  #unmask(chain: GuestChain): void {
    const { readable } = chain
    if (readable.length !== 2 || chain.writableLength < 1) {
      chain.complete(Uint8Array.of(GPIO_IRQ_STATUS_INVALID).subarray(0, chain.writableLength))
      return
    }
    const line = getU16(readable, 0)
    // the line has a chain already. Another one takes its place, and the question that the board was asked
    const former = this.#unmasked.get(line)
    this.#unmasked.set(line, chain)
    if (former) former.complete(Uint8Array.of(GPIO_IRQ_STATUS_INVALID))
    else this.#await(line)
  }

  #await(line: number): void {
    const era = this.#era
    const unmasked = this.#chip.start().then(() => this.#chip.unmask(line))
    unmasked.then(
      (isValid) => {
        const chain = this.#unmasked.get(line)
        if (era !== this.#era || !chain) return
        this.#unmasked.delete(line)
        chain.complete(Uint8Array.of(isValid ? GPIO_IRQ_STATUS_VALID : GPIO_IRQ_STATUS_INVALID))
      },
      () => {}, // the board has gone: `restore` asks again
    )
  }
}

function orderOf(message: Uint8Array): number {
  return STATE_MESSAGES.indexOf(message[0] ?? 0)
}
