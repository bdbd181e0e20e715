// The virtio-gpio device (virtio 1.4 5.18, device id 41): lines with names, directions, values and interrupts.
// The format of requests is in device-types/gpio.ts.

import { type Allocator, type ByteBuf, type OwnedBytes, putU16, putU32 } from "../bytes.js"
import {
  FEATURE_ACCESS_PLATFORM_BLOCK1,
  FEATURE_INDIRECT_DESC,
  FEATURE_RING_RESET_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../device-types/feature-bits.js"
import {
  GPIO_CONFIG_SIZE,
  GPIO_DIRECTION_IN,
  GPIO_DIRECTION_NONE,
  GPIO_DIRECTION_OUT,
  GPIO_EVENT_QUEUE,
  GPIO_EVENT_QUEUE_SIZE,
  GPIO_FEATURE_IRQ,
  GPIO_GET_DIRECTION,
  GPIO_GET_LINE_NAMES,
  GPIO_GET_VALUE,
  GPIO_IRQ_EDGE_BOTH,
  GPIO_IRQ_EDGE_FALLING,
  GPIO_IRQ_EDGE_RISING,
  GPIO_IRQ_LEVEL_HIGH,
  GPIO_IRQ_LEVEL_LOW,
  GPIO_IRQ_NONE,
  GPIO_IRQ_STATUS_INVALID,
  GPIO_IRQ_STATUS_VALID,
  GPIO_REQUEST_QUEUE_SIZE,
  GPIO_REQUEST_SIZE,
  GPIO_RESPONSE_SIZE,
  GPIO_SET_DIRECTION,
  GPIO_SET_IRQ_TYPE,
  GPIO_SET_VALUE,
  GPIO_STATUS_ERROR,
  GPIO_STATUS_OK,
  VIRTIO_ID_GPIO,
} from "../device-types/gpio.js"
import { gather, scatter, writableLength } from "../ring/chain-bytes.js"
import { type DeviceRing, RING_BROKEN, RING_EMPTY } from "../ring/device-ring.js"
import type { DeviceHost, DeviceModel } from "./device-model.js"
import type { GpioLines } from "./gpio-lines.js"

const NO_CHAIN = -1

/** The state of a line, as a driver has set it. */
interface LineState {
  irqType: number
  /** As last sampled. */
  level: number
  /** An edge was seen that the driver was not told of yet. */
  isLatched: boolean
  /** The eventq chain that unmasks the interrupt, or NO_CHAIN, and where the chain's status byte is. */
  chain: number
  statusAt: number
  /** The interrupt was disabled: the chain goes back as INVALID. */
  isReturned: boolean
}

export class GpioDevice implements DeviceModel {
  readonly deviceId = VIRTIO_ID_GPIO
  readonly features: readonly number[] = [
    GPIO_FEATURE_IRQ | FEATURE_INDIRECT_DESC,
    FEATURE_VERSION_1_BLOCK1 | FEATURE_ACCESS_PLATFORM_BLOCK1 | FEATURE_RING_RESET_BLOCK1,
  ]
  readonly requiredFeatures: readonly number[] = [0, FEATURE_VERSION_1_BLOCK1]
  readonly queueMaxSizes: readonly number[] = [GPIO_REQUEST_QUEUE_SIZE, GPIO_EVENT_QUEUE_SIZE]
  readonly config: ByteBuf
  /** Interrupts told to the driver. */
  interruptCount = 0
  /** Edges of a line that had one latched already: the driver gets one interrupt for all of them. */
  mergedCount = 0

  private readonly gpio: GpioLines
  /** The response to GET_LINE_NAMES: a status, then the names. */
  private readonly names: OwnedBytes
  /** The request at hand, and the response to it. */
  private readonly request: OwnedBytes
  private readonly lines: LineState[] = []
  private host: DeviceHost | undefined
  private hasIrq = false
  private watchedCount = 0
  /** The event ring's `resetCount` when `lines` took their chains from it. */
  private eventResetCount = 0

  /** `gpio` has 1 to GPIO_MAX_LINES lines. */
  constructor(gpio: GpioLines, alloc: Allocator) {
    this.gpio = gpio
    this.request = alloc(GPIO_REQUEST_SIZE)
    let namesSize = 0
    let hasNames = false
    for (let i = 0; i < gpio.names.length; i++) {
      namesSize += gpio.names[i].length + 1
      if (gpio.names[i] !== "") hasNames = true
    }
    this.names = alloc(hasNames ? 1 + namesSize : 1)
    this.names[0] = GPIO_STATUS_OK
    let at = 1
    for (let i = 0; hasNames && i < gpio.names.length; i++) {
      const name = gpio.names[i]
      for (let c = 0; c < name.length; c++) this.names[at + c] = name.charCodeAt(c) & 0x7f
      at += name.length + 1
    }
    const config = alloc(GPIO_CONFIG_SIZE)
    putU16(config, 0, gpio.names.length)
    putU32(config, 4, this.names.length - 1)
    this.config = config
    for (let i = 0; i < gpio.names.length; i++)
      this.lines.push({
        irqType: GPIO_IRQ_NONE,
        level: 0,
        isLatched: false,
        chain: NO_CHAIN,
        statusAt: 0,
        isReturned: false,
      })
  }

  attach(host: DeviceHost): void {
    this.host = host
  }

  negotiated(features: readonly number[]): void {
    this.hasIrq = (features[0] & GPIO_FEATURE_IRQ) !== 0
  }

  writeConfig(_offset: number, _data: ByteBuf, _dataOffset: number, _length: number): boolean {
    return false
  }

  reset(): void {
    this.hasIrq = false
    this.watchedCount = 0
    for (let i = 0; i < this.lines.length; i++) {
      this.lines[i].chain = NO_CHAIN
      this.forget(this.lines[i])
      this.gpio.setDirection(i, GPIO_DIRECTION_NONE)
    }
  }

  /** Whether any line has an interrupt enabled: then `sample` has to be called again and again. */
  isWatching(): boolean {
    return this.watchedCount > 0
  }

  /**
   * Compares every watched line with its last sample. A change that is shorter than the time between two calls is not
   * seen: the device has no clock.
   */
  sample(): void {
    let isDue = false
    for (let i = 0; i < this.lines.length; i++) {
      const line = this.lines[i]
      if (line.irqType === GPIO_IRQ_NONE) continue
      const level = this.gpio.read(i)
      if (level !== line.level) {
        line.level = level
        const edge = level === 1 ? GPIO_IRQ_EDGE_RISING : GPIO_IRQ_EDGE_FALLING
        if (line.irqType & edge) {
          if (line.isLatched) this.mergedCount++
          line.isLatched = true
        }
      }
      if (line.chain !== NO_CHAIN && this.isActive(line)) isDue = true
    }
    if (isDue && this.host !== undefined) this.host.wake(GPIO_EVENT_QUEUE)
  }

  async serve(queueIndex: number, ring: DeviceRing): Promise<string> {
    return queueIndex === GPIO_EVENT_QUEUE ? this.serveEvents(ring) : this.serveRequests(ring)
  }

  private serveRequests(ring: DeviceRing): string {
    while (true) {
      const head = ring.pop()
      if (head === RING_EMPTY) return ""
      if (head === RING_BROKEN) return ring.brokenReason
      const room = writableLength(ring)
      if (room < 1) return "no status"
      const request = this.request
      let value = -1
      if (gather(ring, request, GPIO_REQUEST_SIZE) === GPIO_REQUEST_SIZE && room >= GPIO_RESPONSE_SIZE) {
        const type = request[0] | (request[1] << 8)
        const index = request[2] | (request[3] << 8)
        // values have 8 bits at most; more is no value of any message
        const argument = request[5] | request[6] | request[7] ? -1 : request[4]
        if (type === GPIO_GET_LINE_NAMES) {
          if (index === 0 && argument === 0 && this.names.length > 1 && room >= this.names.length) {
            ring.push(head, scatter(ring, this.names, this.names.length))
            continue
          }
        } else if (index < this.lines.length) value = this.carryOut(type, index, argument)
      }
      request[0] = value < 0 ? GPIO_STATUS_ERROR : GPIO_STATUS_OK
      request[1] = value < 0 ? 0 : value
      ring.push(head, scatter(ring, request, GPIO_RESPONSE_SIZE))
    }
  }

  /** Carries out a message about a line; returns the response's value, or -1 for an error. */
  private carryOut(type: number, index: number, argument: number): number {
    const line = this.lines[index]
    switch (type) {
      case GPIO_GET_DIRECTION:
        return argument === 0 ? this.gpio.direction(index) : -1
      case GPIO_SET_DIRECTION: {
        if (argument < GPIO_DIRECTION_NONE || argument > GPIO_DIRECTION_IN) return -1
        if (argument === GPIO_DIRECTION_OUT && line.irqType !== GPIO_IRQ_NONE) return -1
        if (!this.gpio.setDirection(index, argument)) return -1
        if (argument === GPIO_DIRECTION_NONE) this.disable(line)
        return 0
      }
      case GPIO_GET_VALUE:
        return argument === 0 ? this.gpio.read(index) : -1
      case GPIO_SET_VALUE: {
        if (argument !== 0 && argument !== 1) return -1
        if (!this.gpio.write(index, argument)) return -1
        // a wire may connect this line with an input: a value that changes twice in one kick has to be two edges
        // there
        if (this.watchedCount > 0) this.sample()
        return 0
      }
      case GPIO_SET_IRQ_TYPE:
        return this.setIrqType(index, argument)
      default:
        return -1
    }
  }

  private setIrqType(index: number, irqType: number): number {
    const line = this.lines[index]
    if (!this.hasIrq) return -1
    if (irqType === GPIO_IRQ_NONE) {
      this.disable(line)
      return 0
    }
    const isKnown =
      (irqType >= GPIO_IRQ_EDGE_RISING && irqType <= GPIO_IRQ_LEVEL_HIGH) || irqType === GPIO_IRQ_LEVEL_LOW
    // the type can only change from NONE, and an output has no interrupt
    if (!isKnown || line.irqType !== GPIO_IRQ_NONE || this.gpio.direction(index) === GPIO_DIRECTION_OUT)
      return -1
    line.irqType = irqType
    line.level = this.gpio.read(index)
    line.isLatched = false
    this.watchedCount++
    return 0
  }

  /** Disables a line's interrupt: what was latched is discarded, its chain goes back. */
  private disable(line: LineState): void {
    if (line.irqType !== GPIO_IRQ_NONE) this.watchedCount--
    this.forget(line)
    if (line.chain === NO_CHAIN) return
    line.isReturned = true
    if (this.host !== undefined) this.host.wake(GPIO_EVENT_QUEUE)
  }

  private forget(line: LineState): void {
    line.irqType = GPIO_IRQ_NONE
    line.isLatched = false
    line.isReturned = false
  }

  /** Whether the driver is to be told now: an edge was latched, or the level is the one it waits for. */
  private isActive(line: LineState): boolean {
    if (line.irqType & GPIO_IRQ_EDGE_BOTH) return line.isLatched
    return line.irqType === (line.level === 1 ? GPIO_IRQ_LEVEL_HIGH : GPIO_IRQ_LEVEL_LOW)
  }

  /** Takes the chains that unmask interrupts, and gives back those whose interrupts have happened. */
  private serveEvents(ring: DeviceRing): string {
    if (ring.resetCount !== this.eventResetCount) {
      this.eventResetCount = ring.resetCount
      for (let i = 0; i < this.lines.length; i++) this.lines[i].chain = NO_CHAIN
    }
    this.returnDisabled(ring)
    const into = ring.deviceArea
    while (true) {
      const head = ring.pop()
      if (head === RING_EMPTY) break
      if (head === RING_BROKEN) return ring.brokenReason
      const statusAt = firstWritable(ring)
      if (statusAt < 0) return "no status"
      const isLine = gather(ring, this.request, 2) === 2
      const index = isLine ? this.request[0] | (this.request[1] << 8) : this.lines.length
      // the line does not exist, has no interrupt enabled, or is unmasked already: the chain goes back
      if (
        index >= this.lines.length ||
        this.lines[index].irqType === GPIO_IRQ_NONE ||
        this.lines[index].chain !== NO_CHAIN
      ) {
        into.put8(statusAt, GPIO_IRQ_STATUS_INVALID)
        ring.push(head, 1)
        continue
      }
      this.lines[index].chain = head
      this.lines[index].statusAt = statusAt
    }
    for (let i = 0; i < this.lines.length; i++) {
      const line = this.lines[i]
      if (line.chain === NO_CHAIN) continue
      // a level counts as it is now: it is never latched
      if ((line.irqType & GPIO_IRQ_EDGE_BOTH) === 0) line.level = this.gpio.read(i)
      if (!this.isActive(line)) continue
      line.isLatched = false
      into.put8(line.statusAt, GPIO_IRQ_STATUS_VALID)
      ring.push(line.chain, 1)
      line.chain = NO_CHAIN
      this.interruptCount++
    }
    return ""
  }

  private returnDisabled(ring: DeviceRing): void {
    for (let i = 0; i < this.lines.length; i++) {
      const line = this.lines[i]
      if (!line.isReturned) continue
      line.isReturned = false
      if (line.chain === NO_CHAIN) continue
      ring.deviceArea.put8(line.statusAt, GPIO_IRQ_STATUS_INVALID)
      ring.push(line.chain, 1)
      line.chain = NO_CHAIN
    }
  }
}

/**
 * The offset of the first byte that the device may write; -1 if there is none. A chain of this queue is short: all
 * its buffers are listed.
 */
function firstWritable(ring: DeviceRing): number {
  for (let i = ring.readable; i < ring.count; i++) if (ring.lengths[i] > 0) return ring.offsets[i]
  return -1
}
