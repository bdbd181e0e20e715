// The microcontroller's console, a stream each way: the driver of the virtio-console device (virtio 1.4 5.3).

import {
  CONSOLE_FEATURE_SIZE,
  CONSOLE_QUEUE_SIZE,
  CONSOLE_RECEIVE_QUEUE,
  CONSOLE_TRANSMIT_QUEUE,
} from "../../../shared-protocol/src/device-types/console.js"
import { PACED_BYTES } from "../../../shared-protocol/src/mailbox/packet.js"
import { AsyncQueue } from "../async-queue.js"
import { Emitter } from "../emitter.js"
import { VirtioMsgError } from "../errors.js"
import { copyBytes } from "./arguments.js"
import { Driver } from "./driver.js"
import { closed } from "./failures.js"
import type { DriverNeeds } from "./features.js"
import { RequestQueue } from "./request-queue.js"
import type { VirtioDevice } from "./virtio-device.js"

/** Bytes of one buffer of input. */
const INPUT_BYTES = 64
/** Buffers for input with the device. */
const INPUT_BUFFERS = 2
/** The most buffers for output that the device has, together with the pieces of output that nobody has read. */
const OUTPUT_BUFFERS = 4
/** One descriptor for each buffer: the rest of the window is needed for long I2C messages. */
const QUEUE_SIZES = [OUTPUT_BUFFERS, INPUT_BUFFERS].map((size) => Math.min(size, CONSOLE_QUEUE_SIZE))

export interface ConsoleSize {
  readonly cols: number
  readonly rows: number
}

/**
 * The driver of a console device (virtio 1.4 5.3): bytes in, bytes out. `OpenedBus.console` makes it.
 *
 * @example
 * ```ts
 * import { openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const port = await bus.console()
 * await port.write(new TextEncoder().encode("help\r"))
 * for await (const bytes of port) {
 *   console.log(new TextDecoder().decode(bytes))
 *   break
 * }
 * await bus.close()
 * ```
 */
export class ConsolePort extends Driver implements AsyncIterable<Uint8Array> {
  /** The device says that its console has another size now. */
  readonly onResize = new Emitter<[size: ConsoleSize]>()

  protected override readonly needs: DriverNeeds = {
    wanted: [CONSOLE_FEATURE_SIZE],
    required: [],
    queueSizes: QUEUE_SIZES,
  }
  readonly #receive: RequestQueue
  readonly #transmit: RequestQueue
  #output = new AsyncQueue<Uint8Array>()
  #outputBuffers = 0
  #isSizeNew = false
  #isTellingSize = false

  constructor(device: VirtioDevice) {
    super(device)
    this.#receive = new RequestQueue(device, {
      index: CONSOLE_RECEIVE_QUEUE,
      name: "console",
      readableBytes: 0,
      writableBytes: PACED_BYTES,
      slotCount: OUTPUT_BUFFERS,
    })
    this.#transmit = new RequestQueue(device, {
      index: CONSOLE_TRANSMIT_QUEUE,
      name: "console",
      readableBytes: INPUT_BYTES,
      writableBytes: 0,
      slotCount: INPUT_BUFFERS,
    })
    device.onConfigChange.on(() => {
      this.#isSizeNew = true
      void this.#tellSize()
    })
  }

  /** One question at a time, however often the device reports a change. */
  async #tellSize(): Promise<void> {
    if (this.#isTellingSize) return
    this.#isTellingSize = true
    while (this.#isSizeNew) {
      this.#isSizeNew = false
      try {
        this.onResize.emit(await this.size())
      } catch {
        // the device has gone meanwhile: its user learns of it by other ways
      }
    }
    this.#isTellingSize = false
  }

  /** Columns and rows, as the device says. */
  async size(): Promise<ConsoleSize> {
    await this.start()
    const config = new DataView((await this.device.readConfig(0, 4)).buffer)
    return { cols: config.getUint16(0, true), rows: config.getUint16(2, true) }
  }

  /**
   * Sends bytes. Resolves when the device's program has taken all of them, however long that takes. Rejects when
   * nobody can say how many it took, and with INVALID_ARGUMENT for what is no array of bytes.
   */
  async write(data: ArrayLike<number>): Promise<void> {
    const bytes = copyBytes(data)
    await this.start()
    const parts: Promise<unknown>[] = []
    let takenCount = 0
    const taken = () => takenCount++
    for (let at = 0; at < bytes.length; at += INPUT_BYTES)
      parts.push(this.#transmit.submit(bytes.subarray(at, at + INPUT_BYTES), 0).then(taken))
    try {
      await Promise.all(parts)
    } catch (error) {
      throw takenCount > 0 && error instanceof VirtioMsgError ? error.asExecutedInPart() : error
    }
  }

  /**
   * The device's output, in pieces, since the driver started. While nobody reads, at most OUTPUT_BUFFERS pieces come,
   * and the rest waits in the device. Throws the error that ended it; iterate again to go on.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    await this.start()
    const output = this.#output
    for (;;) {
      const { done, value } = await output.next()
      if (done) return
      this.#outputBuffers--
      this.#giveBuffers(output)
      yield value
    }
  }

  override close(): void {
    const error = closed("console")
    this.#output.end()
    this.#receive.close(error)
    this.#transmit.close(error)
    super.close()
  }

  protected override onReady(): void {
    this.#receive.open()
    this.#transmit.open()
    this.#output = new AsyncQueue()
    this.#outputBuffers = 0
    this.#giveBuffers(this.#output)
  }

  /** Gives the device as many buffers as there is room for what it will put into them. */
  #giveBuffers(output: AsyncQueue<Uint8Array>): void {
    while (output === this.#output && this.#outputBuffers < OUTPUT_BUFFERS && this.device.isLive) {
      this.#outputBuffers++
      this.#receive.submit(new Uint8Array(0), PACED_BYTES).then(
        (bytes) => output.push(bytes),
        (error) => output.fail(error),
      )
    }
  }
}
