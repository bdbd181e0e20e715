// The devices of one bus: takes messages, answers bus messages, routes transport messages to the devices by number,
// serves the queues that were announced (docs/bus.md). It knows no packets: what carries its messages is handed in.
// The same code runs in the firmware and in tests.

import type { ByteBuf } from "../bytes.js"
import { DEVICE_ADDED, DEVICE_REMOVED, EVENT_DEVICE_SIZE, encodeEventDevice } from "../messages/bus.js"
import { EVENT_AVAIL_SIZE, EVENT_USED_SIZE, encodeEventUsed } from "../messages/events.js"
import { EVENT_BIT, HEADER_SIZE, TYPE_BUS, TYPE_RESPONSE } from "../messages/header.js"
import { EVENT_AVAIL, SET_DEVICE_STATUS } from "../messages/ids.js"
import { answerBusRequest, type BusResponderOptions, maxMessageSizeOf } from "./bus-responder.js"
import type { DeviceChannel } from "./device-channel.js"
import type { DeviceModel } from "./device-model.js"
import { TransportDevice } from "./transport-device.js"

/** No paced queue was served yet. A channel's `nextOut` is never this. */
const NO_PACKET = -1

export interface DeviceBusOptions extends BusResponderOptions {
  /** The devices; their numbers are 0, 1, 2, ... unless `deviceNumbers` says otherwise. */
  readonly models: readonly DeviceModel[]
  readonly deviceNumbers?: readonly number[]
}

/** One virtqueue of one device. */
interface Doorbell {
  readonly device: TransportDevice
  readonly queueIndex: number
  /** The EVENT_USED of this queue: always the same bytes. */
  readonly usedEvent: ByteBuf
  /** Carries a stream: served once a packet at most (`DeviceModel.pacedQueues`). */
  readonly isPaced: boolean
  isRung: boolean
}

function doNothing(): void {}
function ignoreFault(_thrown: unknown): void {}

export class DeviceBus {
  devices: TransportDevice[] = []
  /** Messages that got no answer because they are malformed, unknown, or to no device of ours. */
  discardedCount = 0
  /** Called when a device has something to say by itself: time for `work`, and to send what it posted. */
  onWake: () => void = doNothing
  /** Exceptions that would have ended the program: our own mistakes. None is known. */
  faultCount = 0
  /** Told of the first of them. */
  onFault: (thrown: unknown) => void = ignoreFault

  private readonly options: DeviceBusOptions
  private readonly channel: DeviceChannel
  private nextDeviceNumber = 0
  private doorbells: Doorbell[] = []
  /** A queue was announced that carries no stream, or one that does: `work` has something to do. */
  isAnyRung = false
  isAnyPacedRung = false
  /** While `isAnyRung`: the queue that was announced, or undefined when there may be several. Never a paced one. */
  private onlyRung: Doorbell | undefined
  /** The channel's `nextOut` when a paced queue was last served. The next one has to wait for another packet. */
  private pacedAt = NO_PACKET
  /** Where in `doorbells` to look first for the next paced queue, so that each gets its turn. */
  private nextPaced = 0

  constructor(options: DeviceBusOptions, channel: DeviceChannel) {
    this.options = options
    this.channel = channel
    // copied into fields: the chip searches the fields of an object before the methods of its class (docs/performance.md)
    const own = this
    own.work = own.work
    own.serve = own.serve
    own.ring = own.ring
    for (let i = 0; i < options.models.length; i++)
      this.addDevice(options.deviceNumbers === undefined ? i : options.deviceNumbers[i], options.models[i])
    const self = this // DeviceScript has no `this` in arrow functions
    channel.onMessage = (bytes, offset, length) => {
      // EVENT_AVAIL, the hot one, is looked for first and read in place
      if (bytes[offset + 1] === EVENT_AVAIL)
        if ((bytes[offset] & 3) === 0) {
          const msgSize = bytes[offset + 6] | (bytes[offset + 7] << 8)
          if (msgSize >= EVENT_AVAIL_SIZE)
            if (msgSize <= length)
              if ((bytes[offset + 10] | bytes[offset + 11]) === 0) {
                const devNum = bytes[offset + 2] | (bytes[offset + 3] << 8)
                self.ring(devNum, bytes[offset + 8] | (bytes[offset + 9] << 8))
                return
              }
          self.discardedCount++
          return
        }
      self.takeOther(bytes, offset, length)
    }
  }

  /** Serves every queue that was announced, and queues the events that follow. */
  async work(): Promise<void> {
    while (this.isAnyRung) {
      this.isAnyRung = false
      const only = this.onlyRung
      if (only !== undefined) await this.serve(only)
      else {
        const bells = this.doorbells
        for (let i = 0; i < bells.length; i++) {
          const bell = bells[i]
          if (bell.isRung) if (!bell.isPaced) await this.serve(bell)
        }
      }
    }
    if (this.isAnyPacedRung)
      if (this.pacedAt !== this.channel.nextOut || !this.channel.hasPending()) await this.servePaced()
  }

  /** A device that throws asks for its reset, and the others go on. */
  private async serve(bell: Doorbell): Promise<void> {
    const device = bell.device
    bell.isRung = false
    try {
      if (await device.serve(bell.queueIndex)) this.channel.post(bell.usedEvent)
    } catch (thrown) {
      this.catchFault(thrown)
      this.post(device.requireReset())
    }
    if (device.isStatusEventDue) this.post(device.takeStatusEvent())
  }

  /** Serves the next paced queue that was announced. What it adds fits into the next packet. */
  private async servePaced(): Promise<void> {
    const bells = this.doorbells
    let next: Doorbell | undefined
    let isMore = false
    for (let i = 0; i < bells.length; i++) {
      const bell = bells[(this.nextPaced + i) % bells.length]
      if (!bell.isRung || !bell.isPaced) continue
      if (next === undefined) next = bell
      else isMore = true
    }
    this.isAnyPacedRung = isMore
    if (next === undefined) return
    this.pacedAt = this.channel.nextOut
    this.nextPaced = bells.indexOf(next) + 1
    await this.serve(next)
  }

  /**
   * Plugs a device in while the bus is in use, and tells the driver (B33, B34). Returns its number: one that no
   * device had before, as long as there are such (B-S3).
   */
  plug(model: DeviceModel): number {
    let devNum = this.nextDeviceNumber
    while (this.find(devNum) !== undefined) devNum = (devNum + 1) & 0xffff
    this.addDevice(devNum, model)
    this.announce(devNum, DEVICE_ADDED)
    return devNum
  }

  /**
   * Takes device `devNum` off the bus and tells the driver: what it had of the driver's is abandoned. False when
   * there is no such device.
   */
  unplug(devNum: number): boolean {
    const device = this.find(devNum)
    if (device === undefined) return false
    device.reset()
    this.devices = this.devices.filter((other) => other !== device)
    this.doorbells = this.doorbells.filter((bell) => bell.device !== device)
    this.onlyRung = undefined
    this.announce(devNum, DEVICE_REMOVED)
    return true
  }

  /** Has device `devNum` ask for its reset, as after an error. False when there is none, or no driver uses it. */
  needsReset(devNum: number): boolean {
    const frame = this.find(devNum)?.requireReset()
    this.post(frame)
    return frame !== undefined
  }

  /** A new epoch, or a new driver: forgets whatever an earlier one left behind. */
  reset(): void {
    for (let i = 0; i < this.devices.length; i++) this.devices[i].reset()
    for (let i = 0; i < this.doorbells.length; i++) this.doorbells[i].isRung = false
    this.isAnyRung = false
    this.isAnyPacedRung = false
    this.pacedAt = NO_PACKET
  }

  /** Counts an exception that would have ended the program if nobody had caught it. */
  catchFault(thrown: unknown): void {
    this.faultCount++
    if (this.faultCount === 1) this.onFault(thrown)
  }

  private announce(devNum: number, busState: number): void {
    if (this.channel.epoch === 0) return // nobody is connected: whoever connects learns of it by GET_DEVICES
    const frame = this.options.alloc(EVENT_DEVICE_SIZE)
    encodeEventDevice(frame, { deviceNumber: devNum, busState })
    this.post(frame)
  }

  private addDevice(devNum: number, model: DeviceModel): void {
    const device = new TransportDevice(
      {
        devNum,
        model,
        alloc: this.options.alloc,
        maxMessageSize: maxMessageSizeOf(this.options),
        isStrict: this.options.isStrict === true,
      },
      this.channel.incoming,
      this.channel.outgoing,
      this.channel.incomingNotes,
    )
    this.devices.push(device)
    this.nextDeviceNumber = (devNum + 1) & 0xffff
    for (let i = 0; i < model.queueMaxSizes.length; i++) {
      const usedEvent = this.options.alloc(EVENT_USED_SIZE)
      encodeEventUsed(usedEvent, devNum, i)
      const paced = model.pacedQueues
      const isPaced = paced !== undefined ? paced.includes(i) : false
      this.doorbells.push({ device, queueIndex: i, usedEvent, isPaced, isRung: false })
    }
    if (model.attach === undefined) return
    const self = this
    model.attach({
      wake: (queueIndex) => {
        if (!device.isLive()) return
        self.ring(devNum, queueIndex)
        self.onWake()
      },
      configChanged: () => self.post(device.changeConfig()),
      needsReset: () => self.post(device.requireReset()),
    })
  }

  /** Sends what a device says by itself, if there is such a frame. */
  private post(frame: ByteBuf | undefined): void {
    if (frame === undefined) return
    this.channel.post(frame)
    this.onWake()
  }

  /** Takes a message that is not EVENT_AVAIL. */
  private takeOther(bytes: ByteBuf, offset: number, length: number): void {
    const type = bytes[offset] & 3
    const msgId = bytes[offset + 1]
    const devNum = bytes[offset + 2] | (bytes[offset + 3] << 8)
    const msgSize = bytes[offset + 6] | (bytes[offset + 7] << 8)
    if (length < HEADER_SIZE || msgSize < HEADER_SIZE || msgSize > length || type & TYPE_RESPONSE) {
      this.discardedCount++
      return
    }
    const request = this.options.alloc(msgSize)
    request.blitAt(0, bytes, offset, msgSize)
    const response =
      type & TYPE_BUS
        ? answerBusRequest(request, this.devices, this.options, this.channel)
        : this.answerTransport(devNum, msgId, request)
    if (response === undefined) {
      this.discardedCount++
      return
    }
    response[4] = request[4] // V27: the token belongs to the bus, and goes back unchanged
    response[5] = request[5]
    this.channel.post(response)
  }

  private answerTransport(devNum: number, msgId: number, request: ByteBuf): ByteBuf | undefined {
    if (msgId & EVENT_BIT) return undefined // no other event comes from a driver (G1)
    const device = this.find(devNum)
    if (device === undefined) return undefined
    const response = device.answer(msgId, request)
    // buffers may have been made available before DRIVER_OK: they are served from now on (V34)
    if (msgId === SET_DEVICE_STATUS && device.isLive())
      for (let queue = 0; queue < device.queues.rings.length; queue++) this.ring(devNum, queue)
    return response
  }

  private find(devNum: number): TransportDevice | undefined {
    const devices = this.devices
    for (let i = 0; i < devices.length; i++) if (devices[i].devNum === devNum) return devices[i]
    return undefined
  }

  private ring(devNum: number, queueIndex: number): void {
    const bells = this.doorbells
    for (let i = 0; ; i++) {
      const bell = bells[i]
      if (bell === undefined) break
      if (bell.queueIndex === queueIndex)
        if (bell.device.devNum === devNum) {
          bell.isRung = true
          if (bell.isPaced) this.isAnyPacedRung = true
          else if (!this.isAnyRung) {
            this.isAnyRung = true
            this.onlyRung = bell
          } else if (this.onlyRung !== bell) this.onlyRung = undefined
          return
        }
    }
    this.discardedCount++
  }
}
