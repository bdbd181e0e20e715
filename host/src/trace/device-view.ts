// What an observer knows of one device from the messages that crossed the link.

import * as ids from "../../../shared-protocol/src/messages/ids.js"
import type { MessageDescription } from "./describe-message.js"
import { numberOf } from "./message-breaches.js"
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
  /** The blocks of feature bits that the device offers, and those that the driver accepted. */
  readonly offered: number[] = []
  readonly taken: number[] = []
  readonly queues = new Map<number, QueueView>()

  readonly #window: WindowView
  readonly #memorable = new Map<string, { readonly frame: Uint8Array; readonly isFromDevice: boolean }>()

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
    for (const key of [...this.#memorable.keys()])
      if (!key.startsWith(`${ids.GET_DEVICE_INFO} `)) this.#memorable.delete(key)
  }

  /** Keeps a frame for observers that come later. */
  remember(message: MessageDescription, frame: Uint8Array): void {
    const { msgId, kind } = message
    const isAnswer = kind === "response"
    const isFact =
      (isAnswer && (msgId === ids.GET_DEVICE_INFO || msgId === ids.GET_DEVICE_FEATURES)) ||
      (!isAnswer && (msgId === ids.SET_DRIVER_FEATURES || msgId === ids.SET_VQUEUE))
    const isStatus = isAnswer && (msgId === ids.SET_DEVICE_STATUS || msgId === ids.GET_DEVICE_STATUS)
    if (!isFact && !isStatus) return
    const part = isStatus ? "status" : numberOf(message, msgId === ids.SET_VQUEUE ? "index" : "block_index")
    this.#memorable.set(isStatus ? "status" : `${msgId} ${part}`, { frame, isFromDevice: isAnswer })
  }

  /** The frames for an observer that comes later. */
  memorable(): { readonly fromDevice: Uint8Array[]; readonly fromDriver: Uint8Array[] } {
    const kept = [...this.#memorable.values()]
    return {
      fromDevice: kept.filter(({ isFromDevice }) => isFromDevice).map(({ frame }) => frame),
      fromDriver: kept.filter(({ isFromDevice }) => !isFromDevice).map(({ frame }) => frame),
    }
  }
}
