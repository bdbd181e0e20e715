// What an observer knows of one device from the messages that crossed the link.

import { QueueView } from "./queue-view.js"
import type { WindowView } from "./window-view.js"

export class DeviceView {
  readonly devNum: number
  /** The virtio device type; -1 until GET_DEVICE_INFO was answered. */
  deviceId = -1
  /** Bytes of the configuration space; undefined until known. */
  configSize: number | undefined
  /** The status that the device reported last. */
  status = 0
  /** Blocks of feature bits that the device offers; and those that the driver took. */
  readonly offered: number[] = []
  readonly taken: number[] = []
  readonly queues = new Map<number, QueueView>()

  readonly #window: WindowView

  constructor(devNum: number, window: WindowView) {
    this.devNum = devNum
    this.#window = window
  }

  hasTaken(bit: number): boolean {
    return (((this.taken[bit >> 5] ?? 0) >>> (bit & 31)) & 1) === 1
  }

  /** The queue of that index, made if need be. */
  queue(index: number): QueueView {
    let queue = this.queues.get(index)
    if (!queue) {
      queue = new QueueView(this, index, this.#window)
      this.queues.set(index, queue)
    }
    return queue
  }

  /** The device was reset: nothing is negotiated, no queue is configured. */
  reset(): void {
    this.taken.length = 0
    this.queues.clear()
  }
}
