// Requests of one fixed form on one virtqueue: bytes that the device reads, then room for bytes that it writes. Each
// request has a slot at a fixed place in the window, so a request like the one before changes few bytes. All device
// types use this except I2C, whose requests come in groups.

import { VirtioMsgError } from "../errors.js"
import { checkInteger } from "./arguments.js"
import { noRoom, timedOut } from "./failures.js"
import { QueuePump } from "./queue-pump.js"
import { RequestSlots, type SlotSizes } from "./request-slots.js"
import type { VirtioDevice } from "./virtio-device.js"

export interface RequestQueueOptions extends SlotSizes {
  /** Of the virtqueue. */
  readonly index: number
  /** What it is called in messages to people, as `GPIO`. */
  readonly name: string
  /** The device is reset when it completes nothing for so long. Absent: it may take any time. */
  readonly timeoutMs?: number
}

interface Call {
  readonly request: Uint8Array
  readonly responseLength: number
  readonly resolve: (response: Uint8Array) => void
  readonly reject: (error: VirtioMsgError) => void
}

export class RequestQueue {
  readonly #device: VirtioDevice
  readonly #options: RequestQueueOptions
  readonly #pump: QueuePump<Call>
  readonly #off: () => void
  #slots: RequestSlots | undefined

  constructor(device: VirtioDevice, options: RequestQueueOptions) {
    this.#device = device
    this.#options = options
    this.#pump = new QueuePump(device, {
      index: options.index,
      name: options.name,
      queue: () => this.#slots?.queue,
      timeoutMs: () => options.timeoutMs,
      timedOut: (timeoutMs) => timedOut(`${options.name} device`, timeoutMs),
      offer: ([call]) => this.#offer(call as Call),
      tooLarge: () => noRoom(`a request of ${options.name}`),
      complete: (call, head, usedLength) => {
        const response = this.#slots?.release(head, usedLength)
        if (response) call?.resolve(response)
      },
    })
    this.#off = device.onReset.on(() => {
      this.#slots?.dispose()
      this.#slots = undefined
    })
  }

  /**
   * Takes the queue of a device that was just initialised. If there are responses that are longer than the usual ones,
   * which is only known now, one slot has room for `longBytes`. Throws DEVICE_FAILED when the window has no room.
   */
  open(longBytes = this.#options.writableBytes): void {
    const { index, name } = this.#options
    const queue = this.#device.queues[index]
    if (!queue)
      throw new VirtioMsgError(
        "DEVICE_RESTARTED",
        `Device ${this.#device.devNum} was lost while its driver was getting ready.`,
        { hint: "The next call initialises it again." },
      )
    this.#slots = new RequestSlots(this.#device.bus.window, queue, this.#options, longBytes, name)
  }

  /**
   * Queues a request of up to `readableBytes`, with room for `responseLength` bytes, and resolves with those that
   * the device wrote. What is queued in one turn of the event loop shares a packet. Rejects when the device fails,
   * is removed or restarted, or the link closes. `request` is the queue's from now on. Throws INVALID_ARGUMENT,
   * and QUEUE_FULL when MAX_WAITING_CALLS wait.
   */
  submit(request: Uint8Array, responseLength: number): Promise<Uint8Array> {
    const { name, readableBytes, writableBytes } = this.#options
    const most = this.#slots?.longBytes ?? writableBytes
    checkInteger(`The length of a ${name} request`, request.length, 0, readableBytes)
    checkInteger(`The length of a ${name} response`, responseLength, 0, most)
    this.#pump.checkRoom(1)
    return new Promise((resolve, reject) => {
      this.#pump.push([{ request, responseLength, resolve, reject }])
    })
  }

  /** Rejects all requests, and listens to the device no more. */
  close(error: VirtioMsgError): void {
    this.#pump.close(error)
    this.#off()
  }

  #offer({ request, responseLength }: Call): readonly number[] | undefined {
    const head = this.#slots?.offer(request, responseLength)
    return head === undefined ? undefined : [head]
  }
}
