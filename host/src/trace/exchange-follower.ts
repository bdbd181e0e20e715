// Follows the messages of an epoch: which response belongs to which request, and what is known of each device. Also
// finds the broken rules that show only with the messages before.

import { TYPE_BUS } from "../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { STATUS_DRIVER_OK, STATUS_FEATURES_OK } from "../../../shared-protocol/src/messages/status.js"
import { DEVICE_AREA, DRIVER_AREA } from "../../../shared-protocol/src/ring/layout.js"
import { counted } from "../counted.js"
import { hex } from "../hex.js"
import type { Direction } from "../link/link.js"
import type { MessageDescription } from "./describe-message.js"
import { DeviceView } from "./device-view.js"
import { blocksOf, is, numberOf } from "./message-breaches.js"
import type { Remark } from "./trace-event.js"
import type { WindowView } from "./window-view.js"
import { placeOf } from "./window-view.js"

interface Asked {
  readonly message: MessageDescription
  readonly packetNumber: number
  readonly timeMs: number
}

/** The result of following a message. */
export interface Followed {
  readonly remarks: readonly Remark[]
  /** The request that a response answers. */
  readonly asked: Asked | undefined
}

export class ExchangeFollower {
  readonly devices = new Map<number, DeviceView>()
  /** The largest message that HELLO allows, in bytes. Undefined before HELLO. */
  maxMessageSize: number | undefined

  readonly #window: WindowView
  #hello: Uint8Array | undefined
  readonly #asked = new Map<number, Asked>()

  constructor(window: WindowView) {
    this.#window = window
  }

  /** The device of that number, known or not. */
  device(devNum: number): DeviceView {
    let device = this.devices.get(devNum)
    if (!device) {
      device = new DeviceView(devNum, this.#window)
      this.devices.set(devNum, device)
    }
    return device
  }

  /**
   * The frames that tell a late observer what was negotiated, in the order in which it has to see them. What was said
   * before the last reset of a device is not among them.
   */
  memorable(): { readonly fromDevice: Uint8Array[]; readonly fromDriver: Uint8Array[] } {
    const frames = [...this.devices.values()].map((device) => device.memorable())
    return {
      fromDevice: [...(this.#hello ? [this.#hello] : []), ...frames.flatMap(({ fromDevice }) => fromDevice)],
      fromDriver: frames.flatMap(({ fromDriver }) => fromDriver),
    }
  }

  /** Takes the next message in the order on the wire. `isComplete`: all messages before it were seen. */
  follow(
    message: MessageDescription,
    frame: Uint8Array,
    packet: { readonly number: number; readonly timeMs: number; readonly direction: Direction },
    isComplete: boolean,
  ): Followed {
    const remarks: Remark[] = []
    const breach: Breach = (row, text) => remarks.push({ severity: "breach", row, text })
    if (message.malformed !== undefined) return { remarks, asked: undefined }
    const size = numberOf(message, "msg_size")
    if (this.maxMessageSize !== undefined && size > this.maxMessageSize)
      breach(
        packet.direction === "out" ? "D1" : "V1",
        `larger than the ${counted(this.maxMessageSize, "byte")} allowed`,
      )
    let asked: Asked | undefined
    if (message.kind === "request")
      this.#ask({ message, packetNumber: packet.number, timeMs: packet.timeMs }, remarks)
    else if (message.kind === "response") {
      asked = this.#answer(message)
      if (asked) checkAnswer(asked.message, message, breach)
      else if (isComplete) breach("V27", "a response that nobody waits for")
    }
    if (message.devNum === undefined) this.#followBus(message, frame)
    else {
      const device = this.device(message.devNum)
      this.#followDevice(device, message, asked?.message, isComplete ? breach : () => {})
      device.remember(message, frame)
    }
    return { remarks, asked }
  }

  #ask(asked: Asked, remarks: Remark[]): void {
    const { token } = asked.message
    if (this.#asked.has(token))
      remarks.push({ severity: "warning", text: `token ${token} is used by another request in flight` })
    this.#asked.set(token, asked)
  }

  #answer(response: MessageDescription): Asked | undefined {
    const asked = this.#asked.get(response.token)
    const isSame =
      asked &&
      asked.message.msgId === response.msgId &&
      asked.message.devNum === response.devNum &&
      ((numberOf(asked.message, "type") ^ numberOf(response, "type")) & TYPE_BUS) === 0
    if (!isSame) return undefined
    this.#asked.delete(response.token)
    return asked
  }

  #followBus(message: MessageDescription, frame: Uint8Array): void {
    if (message.msgId !== ids.HELLO || message.kind !== "response") return
    this.#hello = frame
    this.maxMessageSize = numberOf(message, "max_msg_size")
    this.#window.sizes.set(DRIVER_AREA, Math.min(numberOf(message, "driver_area_size"), 0x8000))
    this.#window.sizes.set(DEVICE_AREA, Math.min(numberOf(message, "device_area_size"), 0x8000))
  }

  #followDevice(
    device: DeviceView,
    message: MessageDescription,
    asked: MessageDescription | undefined,
    breach: Breach,
  ): void {
    const value = (name: string) => numberOf(message, name)
    if (is(message, ids.GET_DEVICE_INFO, "response")) {
      device.deviceId = value("device_id")
      device.configSize = value("config_size")
    } else if (is(message, ids.GET_DEVICE_FEATURES, "response")) keepBlocks(device.offered, message)
    else if (is(message, ids.SET_DRIVER_FEATURES, "request")) {
      checkFeatures(device, message, breach)
      keepBlocks(device.taken, message)
    } else if (message.msgId === ids.GET_CONFIG || message.msgId === ids.SET_CONFIG)
      checkConfigRange(device, message, breach)
    else if (message.msgId === ids.GET_DEVICE_STATUS || message.msgId === ids.SET_DEVICE_STATUS)
      followStatus(device, message, breach)
    else if (is(message, ids.EVENT_CONFIG, "event")) device.status = value("status")
    else if (is(message, ids.SET_VQUEUE, "request")) followSetVqueue(device, message, breach)
    else if (is(message, ids.RESET_VQUEUE, "response") && asked)
      device.queue(numberOf(asked, "index")).isEnabled = false
    else if (is(message, ids.EVENT_AVAIL, "event") || is(message, ids.EVENT_USED, "event"))
      checkNotification(device, message, breach)
  }
}

type Breach = (row: string, text: string) => void

function keepBlocks(blocks: number[], message: MessageDescription): void {
  if (numberOf(message, "block_index") > 64) return
  for (const [block, bits] of blocksOf(message)) blocks[block] = bits
}

function checkFeatures(device: DeviceView, message: MessageDescription, breach: Breach): void {
  if (device.status & STATUS_FEATURES_OK) breach("D21", "features are changed after FEATURES_OK")
  for (const [block, bits] of blocksOf(message)) {
    const offered = device.offered[block]
    const extra = offered === undefined ? 0 : (bits & ~offered) >>> 0
    if (extra) breach("D39", `features of block ${block} that are not offered: ${hex(extra)}`)
  }
}

function checkConfigRange(device: DeviceView, message: MessageDescription, breach: Breach): void {
  if (message.kind !== "request" || device.configSize === undefined) return
  const end = numberOf(message, "offset") + numberOf(message, "length")
  if (end > device.configSize)
    breach(
      message.msgId === ids.GET_CONFIG ? "D40" : "D41",
      `byte ${end - 1} of a configuration of ${device.configSize}`,
    )
}

function followStatus(device: DeviceView, message: MessageDescription, breach: Breach): void {
  const status = numberOf(message, "status")
  if (message.kind === "request") {
    if (message.msgId !== ids.SET_DEVICE_STATUS || status === 0) return
    const cleared = device.status & ~status
    if (cleared & 0x0f) breach("D23", `status bits ${hex(cleared)} are cleared without a reset`)
    if (status & STATUS_DRIVER_OK && (device.status & STATUS_FEATURES_OK) === 0)
      breach("D28", "DRIVER_OK before FEATURES_OK is confirmed")
    return
  }
  device.status = status
  if (status === 0) device.reset()
}

const ENABLE = 1

function followSetVqueue(device: DeviceView, message: MessageDescription, breach: Breach): void {
  const flags = numberOf(message, "flags")
  const queue = device.queue(numberOf(message, "index"))
  if ((device.status & STATUS_FEATURES_OK) === 0 && (flags & 3) === ENABLE)
    breach("D21", "a queue is enabled before FEATURES_OK is confirmed")
  const changes = (~flags & 0x3c) !== 0
  if (queue.isEnabled && (flags & 3) === 0) breach("D50", "operation 0 on an enabled queue")
  if (queue.isEnabled && changes) {
    breach("D53", "an enabled queue gets another size or place")
    return // the device accepts no part of it
  }
  const address = (name: string) => {
    const digits = String(message.fields.find((field) => field.name === name)?.value ?? "0x").slice(2)
    return placeOf(Number.parseInt(digits.slice(8), 16), Number.parseInt(digits.slice(0, 8), 16))
  }
  if ((flags & 4) === 0) queue.size = numberOf(message, "size")
  if ((flags & 8) === 0) queue.desc = address("desc")
  if ((flags & 16) === 0) queue.driver = address("driver")
  if ((flags & 32) === 0) queue.device = address("device")
  if ((flags & 3) === ENABLE) queue.begin()
}

function checkNotification(device: DeviceView, message: MessageDescription, breach: Breach): void {
  const isFromDriver = message.msgId === ids.EVENT_AVAIL
  if ((device.status & STATUS_DRIVER_OK) === 0)
    breach(isFromDriver ? "D29" : "V33", `${message.name} before DRIVER_OK`)
  else if (!device.queues.get(numberOf(message, "vq_index"))?.isEnabled)
    breach(isFromDriver ? "D30" : "V35", `queue ${numberOf(message, "vq_index")} is not enabled`)
}

function checkAnswer(request: MessageDescription, response: MessageDescription, breach: Breach): void {
  const asked = (name: string) => numberOf(request, name)
  const got = (name: string) => numberOf(response, name)
  if (response.devNum === undefined) {
    if (response.msgId === ids.PING && asked("ping_data") !== got("ping_data"))
      breach("B50", "PING came back with other data")
    if (response.msgId === ids.GET_DEVICES && got("count") > asked("count"))
      breach("B45", `count ${got("count")} where ${asked("count")} were asked for`)
    return
  }
  if (response.msgId === ids.SET_CONFIG && got("length") !== 0 && got("length") !== asked("length"))
    breach("V47", `${got("length")} of ${counted(asked("length"), "byte")} applied: all or none`)
  if (response.msgId === ids.GET_VQUEUE && got("index") !== asked("index"))
    breach("V54", `queue ${got("index")} where ${asked("index")} was asked for`)
  if (
    response.msgId === ids.GET_CONFIG &&
    (got("offset") !== asked("offset") || got("length") !== asked("length"))
  )
    breach("V44", "another range than was asked for")
}
