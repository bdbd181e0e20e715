// The bus that the suite plays for a driver under test. It has two devices, keeps every frame, and follows a scenario,
// which may change, hold back or add messages.

import { getU16, putU16 } from "../../../../shared-protocol/src/bytes.js"
import {
  CONSOLE_FEATURE_EMERG_WRITE,
  CONSOLE_FEATURE_SIZE,
  VIRTIO_ID_CONSOLE,
} from "../../../../shared-protocol/src/device-types/console.js"
import {
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_RING_RESET_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../../../../shared-protocol/src/device-types/feature-bits.js"
import {
  I2C_FEATURE_ZERO_LENGTH_REQUEST,
  VIRTIO_ID_I2C,
} from "../../../../shared-protocol/src/device-types/i2c.js"
import { decodeGetDevicesRequest, decodePingRequest } from "../../../../shared-protocol/src/messages/bus.js"
import {
  EVENT_BIT,
  getToken,
  HEADER_SIZE,
  putToken,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { AVAIL_NO_INTERRUPT } from "../../../../shared-protocol/src/ring/layout.js"
import type { BusParameters } from "../../bus/channel.js"
import type { Clock } from "../../clock.js"
import type { Exchange } from "../conversation.js"
import { rawFrame, words } from "../frames.js"
import { makeI2c } from "./device-types.js"
import { type DeviceShape, payloadOf, ScriptedDevice } from "./scripted-device.js"
import type { WindowMemory } from "./seen-chain.js"

/** Numbers that are neither 0 nor neighbours, one of them above 255: a driver has to use them unchanged. */
export const I2C_NUMBER = 3
export const CONSOLE_NUMBER = 0x0107

/** Something unusual that a driver under test has to handle. */
export interface Scenario {
  readonly name: string
  /** What the driver meets, as a sentence. */
  readonly what: string
  /** The device that it is about. Its messages are shown with a failure. When absent, those of both. */
  readonly about?: "i2c" | "console"
  readonly parameters?: Partial<BusParameters>
  /** Whether the console, whose configuration can be read and written, is there; true when absent. */
  readonly hasConsole?: boolean
  /** Changes the devices before the driver starts. */
  readonly shape?: (bus: ScriptedBus) => void
  /** What is sent for a request: the reply, something else, or nothing. */
  readonly respond?: (reply: Uint8Array, request: Uint8Array, bus: ScriptedBus) => readonly Uint8Array[]
  readonly afterResponse?: (bus: ScriptedBus, request: Uint8Array) => void
  readonly onEvent?: (bus: ScriptedBus, event: Uint8Array) => void
  /** Whether a queue is served now; true when absent. */
  readonly serve?: (bus: ScriptedBus, device: ScriptedDevice, queueIndex: number) => boolean
  /** A kernel's driver goes on by itself when its user has given up: it is watched for so long after that. */
  readonly watchMs?: number
  /** The token of an event; 0 when absent. */
  readonly tokenOfEvent?: (bus: ScriptedBus) => number
  /** How often the device looks into its queues by itself, because it asked not to be notified. */
  readonly pollMs?: number
}

export class ScriptedBus {
  readonly scenario: Scenario
  readonly clock: Clock
  parameters: BusParameters
  readonly memory: WindowMemory
  readonly i2c: ScriptedDevice
  readonly console: ScriptedDevice
  /** All frames, oldest first; `in` from the driver. */
  readonly transcript: Exchange[] = []
  /** The token of the last request. */
  lastToken = 0
  /** A count for the scenario's own use. */
  counter = 0
  /** The place in the transcript where the bus, or a device, became another one, and the parameters before. */
  change: { readonly at: number; readonly before: BusParameters } | undefined
  /** Called when `parameters` have changed: the connection ends, and the next one is greeted with the new ones. */
  onNewParameters: () => void = () => {}
  readonly #send: (frame: Uint8Array) => void

  constructor(scenario: Scenario, memory: WindowMemory, clock: Clock, send: (frame: Uint8Array) => void) {
    this.scenario = scenario
    this.clock = clock
    this.memory = memory
    this.#send = send
    this.parameters = { revision: 1, maxMessageSize: 264, transportFeatures: 0, ...scenario.parameters }
    this.i2c = new ScriptedDevice(I2C_NUMBER, i2cShape(), memory, makeI2c())
    this.console = new ScriptedDevice(CONSOLE_NUMBER, consoleShape(), memory, () => 0)
    for (const device of this.devices) device.isStrict = (this.parameters.transportFeatures & 1) !== 0
    scenario.shape?.(this)
    for (const device of this.devices) device.reset()
  }

  get devices(): readonly ScriptedDevice[] {
    return this.scenario.hasConsole === false ? [this.i2c] : [this.i2c, this.console]
  }

  /** A frame from the driver. */
  take(frame: Uint8Array): void {
    this.#note("in", frame)
    if (frame.length >= HEADER_SIZE && ((frame[1] as number) & EVENT_BIT) === 0)
      this.lastToken = getToken(frame)
    if (frame.length < HEADER_SIZE || getU16(frame, 6) < HEADER_SIZE || getU16(frame, 6) > frame.length)
      return
    const [type = 0, msgId = 0] = frame
    if (type & TYPE_RESPONSE) return
    const reply = type & TYPE_BUS ? this.#answerBus(msgId, frame) : this.#answerTransport(msgId, frame)
    if (!reply) {
      this.scenario.onEvent?.(this, frame)
      return
    }
    putToken(reply, getToken(frame))
    for (const sent of this.scenario.respond?.(reply, frame, this) ?? [reply]) this.send(sent)
    this.scenario.afterResponse?.(this, frame)
  }

  /** Sends a frame to the driver, as it is; an event with the token that the scenario wants. */
  send(frame: Uint8Array): void {
    const isEvent = frame.length >= HEADER_SIZE && ((frame[1] as number) & EVENT_BIT) !== 0
    if (isEvent && this.scenario.tokenOfEvent) putToken(frame, this.scenario.tokenOfEvent(this))
    this.#note("out", frame)
    this.#send(frame)
  }

  /** The bus has other parameters from now on, so its drivers have to connect again. */
  changeParameters(parameters: Partial<BusParameters>): void {
    this.change = { at: this.transcript.length, before: this.parameters }
    this.parameters = { ...this.parameters, ...parameters }
    this.onNewParameters()
  }

  /** The largest message when the frame at this place of the transcript was sent. */
  maxMessageSizeAt(at: number): number {
    const { change } = this
    return (change && at < change.at ? change.before : this.parameters).maxMessageSize
  }

  /** Sends EVENT_USED, unless the bus has none. */
  notifyUsed(device: ScriptedDevice, queueIndex: number): void {
    if (this.parameters.isPolling) return
    this.send(rawFrame(0, ids.EVENT_USED, device.devNum, words(queueIndex)))
  }

  /** Sends EVENT_CONFIG about the status alone, or about a range without its data. */
  notifyConfig(device: ScriptedDevice, offset = 0, length = 0): void {
    this.send(
      rawFrame(0, ids.EVENT_CONFIG, device.devNum, words(device.status, device.generation, offset, length)),
    )
  }

  /** Serves a queue as the scenario wants it, and notifies the driver. */
  serve(device: ScriptedDevice, queueIndex: number): void {
    const isServing = this.scenario.serve?.(this, device, queueIndex) ?? true
    const done = device.serve(queueIndex, isServing)
    const flags = device.availIndexes.at(-1)?.availFlags ?? 0
    if (done > 0 && (flags & AVAIL_NO_INTERRUPT) === 0) this.notifyUsed(device, queueIndex)
  }

  /** Looks into every queue, as a device does that wants no EVENT_AVAIL. */
  poll(): void {
    for (const device of this.devices)
      for (const queueIndex of device.queues.keys())
        if (device.hasPending(queueIndex)) this.serve(device, queueIndex)
  }

  /** The run is over: notes which buffers were never notified, while the window is still there. */
  end(): void {
    for (const device of this.devices)
      device.unnoticedAtEnd = [...device.queues.keys()].filter((index) => device.hasPending(index))
  }

  #note(direction: "in" | "out", frame: Uint8Array): void {
    this.transcript.push({ direction, frame: Uint8Array.from(frame), atMs: this.clock.now() })
    for (const device of [this.i2c, this.console]) device.exchanged = this.transcript.length
  }

  #answerBus(msgId: number, frame: Uint8Array): Uint8Array | undefined {
    if (msgId === ids.PING) {
      const decoded = decodePingRequest(frame)
      return decoded.ok ? rawFrame(TYPE_BUS | TYPE_RESPONSE, ids.PING, 0, words(decoded.value)) : undefined
    }
    if (msgId !== ids.GET_DEVICES) return undefined
    const decoded = decodeGetDevicesRequest(frame)
    if (!decoded.ok) return undefined
    const { offset } = decoded.value
    const count = Math.min(decoded.value.count, 8 * (this.parameters.maxMessageSize - 14), 0x10000 - offset)
    const bitmap = new Uint8Array((count + 7) >> 3)
    let nextOffset = 0
    for (const { devNum } of this.devices) {
      if (devNum < offset) continue
      const slot = devNum - offset
      if (slot < count) bitmap[slot >> 3] = (bitmap[slot >> 3] as number) | (1 << (slot & 7))
      else if (nextOffset === 0 && count > 0) nextOffset = devNum
    }
    const head = new Uint8Array(6)
    putU16(head, 0, offset)
    putU16(head, 2, nextOffset)
    putU16(head, 4, count)
    return rawFrame(TYPE_BUS | TYPE_RESPONSE, ids.GET_DEVICES, 0, [...head, ...bitmap])
  }

  #answerTransport(msgId: number, frame: Uint8Array): Uint8Array | undefined {
    const device = this.devices.find(({ devNum }) => devNum === getU16(frame, 2))
    if (!device) return undefined
    const payload = payloadOf(frame)
    if (msgId === ids.EVENT_AVAIL && payload.length >= 8) {
      this.serve(device, payload[0] as number)
      return undefined
    }
    if (msgId & EVENT_BIT) return undefined
    const answer = device.answer(msgId, payload)
    return answer && rawFrame(TYPE_RESPONSE, msgId, device.devNum, answer)
  }
}

function i2cShape(): DeviceShape {
  return {
    deviceId: VIRTIO_ID_I2C,
    offered: [
      I2C_FEATURE_ZERO_LENGTH_REQUEST,
      FEATURE_VERSION_1_BLOCK1 | FEATURE_IN_ORDER_BLOCK1 | FEATURE_RING_RESET_BLOCK1,
    ],
    required: [I2C_FEATURE_ZERO_LENGTH_REQUEST, FEATURE_VERSION_1_BLOCK1],
    queueMaxSizes: [64],
    config: new Uint8Array(0),
    lies: {},
  }
}

/** Columns, rows, ports, and the word that an emergency write goes to (virtio 1.4 5.3.4). */
function consoleShape(): DeviceShape {
  return {
    deviceId: VIRTIO_ID_CONSOLE,
    offered: [CONSOLE_FEATURE_SIZE | CONSOLE_FEATURE_EMERG_WRITE, FEATURE_VERSION_1_BLOCK1],
    required: [0, FEATURE_VERSION_1_BLOCK1],
    queueMaxSizes: [16, 16],
    config: Uint8Array.of(80, 0, 25, 0, 1, 0, 0, 0, 0, 0, 0, 0),
    lies: {},
  }
}
