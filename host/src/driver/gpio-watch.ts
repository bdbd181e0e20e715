// The edges of some GPIO lines, in order, as the device's interrupts report them.

import {
  GPIO_IRQ_EDGE_BOTH,
  GPIO_IRQ_EDGE_FALLING,
  GPIO_IRQ_EDGE_RISING,
  GPIO_IRQ_NONE,
} from "../../../shared-protocol/src/device-types/gpio.js"
import { AsyncQueue } from "../async-queue.js"
import { deviceFailed, VirtioMsgError } from "../errors.js"
import { checkChoice } from "./arguments.js"
import type { VirtioDevice } from "./virtio-device.js"

export interface GpioEdge {
  readonly offset: number
  readonly name: string | undefined
  /**
   * With `edges: "both"` the direction is found by reading the line after the interrupt, as Linux does. A line that
   * changed back meanwhile reports its newer edge twice.
   */
  readonly edge: "rising" | "falling"
  /** When the interrupt came here, in milliseconds of the bus's clock: later than the edge by up to 50 ms. */
  readonly timestampMs: number
}

export interface GpioWatchOptions {
  /** `both` when absent. */
  readonly edges?: "rising" | "falling" | "both"
}

/** What a watch needs of the GPIO chip. */
interface InterruptChip {
  readonly device: VirtioDevice
  readonly names: readonly (string | undefined)[]
  setDirection(offset: number, direction: "input" | "none"): Promise<void>
  setInterruptType(offset: number, type: number): Promise<void>
  getValue(offset: number): Promise<number>
  /** Unmasks a line's interrupt. Resolves when the interrupt comes, or with false when it was disabled. */
  unmask(offset: number): Promise<boolean>
}

const TYPES = { rising: GPIO_IRQ_EDGE_RISING, falling: GPIO_IRQ_EDGE_FALLING, both: GPIO_IRQ_EDGE_BOTH }

/**
 * The edges of some lines, one after another as they come. `GpioChip.watch` makes it.
 *
 * @example
 * ```ts
 * import { openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const gpio = await bus.gpio()
 * const watch = await gpio.watch(["CLOCK"], { edges: "rising" })
 * for await (const { name, edge } of watch) {
 *   console.log(name, edge) // CLOCK rising
 *   break
 * }
 * await watch.close()
 * await bus.close()
 * ```
 */
export class GpioWatch implements AsyncIterable<GpioEdge> {
  readonly #chip: InterruptChip
  readonly #offsets: readonly number[]
  readonly #edges: "rising" | "falling" | "both"
  readonly #queue = new AsyncQueue<GpioEdge>()
  #isOpen = true

  private constructor(chip: InterruptChip, offsets: readonly number[], edges: "rising" | "falling" | "both") {
    this.#chip = chip
    this.#offsets = offsets
    this.#edges = edges
  }

  /** Makes the lines inputs, enables their interrupts, and unmasks them. */
  static async open(
    chip: InterruptChip,
    offsets: readonly number[],
    options: GpioWatchOptions,
  ): Promise<GpioWatch> {
    const edges = options.edges ?? "both"
    checkChoice("edges", edges, ["rising", "falling", "both"])
    const watch = new GpioWatch(chip, offsets, edges)
    const armed: number[] = []
    try {
      for (const offset of offsets) {
        await chip.setDirection(offset, "input")
        await chip.setInterruptType(offset, TYPES[watch.#edges])
        armed.push(offset)
      }
    } catch (error) {
      await watch.#disarm(armed)
      throw error
    }
    for (const offset of offsets) void watch.#follow(offset)
    return watch
  }

  /**
   * The edges, until `close`. Edges that nobody has asked for yet are kept. Throws what ended the watch: DEVICE_FAILED,
   * DEVICE_RESTARTED, DEVICE_REMOVED or LINK_CLOSED; edges after that are lost, and a new watch is needed.
   */
  [Symbol.asyncIterator](): AsyncIterator<GpioEdge> {
    return this.#queue[Symbol.asyncIterator]()
  }

  /** Ends the iteration, disables the interrupts, and gives the lines back. */
  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#queue.end()
    await this.#disarm(this.#offsets)
  }

  /** Ignores errors of a device that has gone. */
  async #disarm(offsets: readonly number[]): Promise<void> {
    if (!this.#chip.device.isLive) return
    try {
      for (const offset of offsets) {
        await this.#chip.setInterruptType(offset, GPIO_IRQ_NONE)
        await this.#chip.setDirection(offset, "none")
      }
    } catch (error) {
      if (!(error instanceof VirtioMsgError)) throw error
    }
  }

  async #follow(offset: number): Promise<void> {
    const chip = this.#chip
    try {
      let next = chip.unmask(offset)
      while ((await next) && this.#isOpen) {
        const timestampMs = chip.device.bus.clock.now()
        // in the same packet as the question, so that the line is unmasked again as soon as possible
        next = chip.unmask(offset)
        next.catch(() => {}) // awaited below, unless reading the line fails first
        const edge =
          this.#edges === "both" ? ((await chip.getValue(offset)) === 1 ? "rising" : "falling") : this.#edges
        this.#queue.push({ offset, name: chip.names[offset], edge, timestampMs })
      }
      if (this.#isOpen)
        throw deviceFailed(
          `The interrupt of GPIO line ${chip.names[offset] ?? offset} was disabled by somebody else.`,
        )
    } catch (error) {
      if (!this.#isOpen) return
      this.#isOpen = false
      this.#queue.fail(error)
      await this.#disarm(this.#offsets)
    }
  }
}
