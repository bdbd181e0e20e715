// The device end of the bus: takes packets, answers bus messages, routes transport messages to the devices by
// number, serves the queues that were announced (docs/bus.md). The same code runs in the firmware and in tests.

import type { Allocator, ByteBuf, OwnedBytes } from "../bytes.js"
import { getU16, putU16 } from "../bytes.js"
import {
  Mailbox,
  RECEIVED_DATA,
  RECEIVED_DUPLICATE,
  RECEIVED_FULL,
  RECEIVED_GAP,
  RECEIVED_OTHER_EPOCH,
} from "../mailbox/mailbox.js"
import {
  DEVICE_RUN_LIMIT,
  DEVICE_WAITING_BYTES,
  HOST_CREDIT,
  MAX_MESSAGE_SIZE,
  PACKET_CONNECT,
  PACKET_DATA,
  PACKET_HEADER_SIZE,
  PACKET_NO_EPOCH,
  PACKET_RESEND,
} from "../mailbox/packet.js"
import { DEVICE_ADDED, DEVICE_REMOVED, EVENT_DEVICE_SIZE, encodeEventDevice } from "../messages/bus.js"
import { EVENT_AVAIL_SIZE, EVENT_USED_SIZE, encodeEventUsed } from "../messages/events.js"
import { EVENT_BIT, HEADER_SIZE, TYPE_BUS, TYPE_RESPONSE } from "../messages/header.js"
import { EVENT_AVAIL, SET_DEVICE_STATUS } from "../messages/ids.js"
import { type BoardIdentity, BusResponder } from "./bus-responder.js"
import type { DeviceType } from "./device-type.js"
import { TransportDevice } from "./transport-device.js"

/** After how many packets without an answer the device spends a packet on an acknowledgement alone. */
const ACKNOWLEDGE_AFTER = 4

export interface DeviceEndpointOptions {
  readonly alloc: Allocator
  /** The devices; their numbers are 0, 1, 2, ... unless `deviceNumbers` says otherwise. */
  readonly types: readonly DeviceType[]
  readonly deviceNumbers?: readonly number[]
  /** Bytes of the two areas of the window. */
  readonly driverAreaSize: number
  readonly deviceAreaSize: number
  readonly identity: BoardIdentity
  /** The largest message to advertise, 52 to MAX_MESSAGE_SIZE bytes; MAX_MESSAGE_SIZE when absent. */
  readonly maxMessageSize?: number
  /** Offer VIRTIO_MSG_F_STRICT_CONFIG_GENERATION. */
  readonly isStrict?: boolean
}

/** One virtqueue of one device. */
interface Doorbell {
  readonly device: TransportDevice
  readonly queueIndex: number
  /** The EVENT_USED of this queue: always the same bytes. */
  readonly usedEvent: ByteBuf
  /** Carries a stream: served once a packet at most (`DeviceType.pacedQueues`). */
  readonly isPaced: boolean
  isRung: boolean
}

function doNothing(): void {}
function ignoreFault(_thrown: unknown): void {}

export class DeviceEndpoint {
  readonly mailbox: Mailbox
  devices: TransportDevice[] = []
  /** Messages that got no answer because they are malformed, unknown, or to no device of ours. */
  discardedCount = 0
  /** Called when a device has something to say by itself: time for `work` and `nextPacket`. */
  onWake: () => void = doNothing
  /** Exceptions that would have ended the program: our own mistakes. None is known. */
  faultCount = 0
  /** Told of the first of them. */
  onFault: (thrown: unknown) => void = ignoreFault

  private readonly alloc: Allocator
  private readonly bus: BusResponder
  private readonly maxMessageSize: number
  private readonly isStrict: boolean
  private nextDeviceNumber = 0
  private doorbells: Doorbell[] = []
  private isAnyRung = false
  private isAnyPacedRung = false
  /** A packet has left since a paced queue was served. */
  private isPacedTurn = true
  /** Where in `doorbells` to look first for the next paced queue, so that each gets its turn. */
  private nextPaced = 0
  private isAcknowledgementDue = false
  /** A packet of the host's is missing, or was refused: it is asked, once, to send again. */
  private isResendDue = false
  private isResendAsked = false
  /** The epoch before this one: its CONNECT, come late, must not bring it back. */
  private formerEpoch = 0
  /** The epoch of a packet that we refused; -1 when there is nothing to tell. */
  private refusedEpoch = -1

  constructor(options: DeviceEndpointOptions) {
    this.alloc = options.alloc
    this.mailbox = new Mailbox({
      alloc: options.alloc,
      outgoingSize: options.deviceAreaSize,
      incomingSize: options.driverAreaSize,
      credit: HOST_CREDIT,
      waitingBytes: DEVICE_WAITING_BYTES,
      runLimit: DEVICE_RUN_LIMIT,
      hasVersions: true,
    })
    this.maxMessageSize = options.maxMessageSize === undefined ? MAX_MESSAGE_SIZE : options.maxMessageSize
    this.isStrict = options.isStrict === true
    this.bus = new BusResponder({
      alloc: options.alloc,
      mailbox: this.mailbox,
      identity: options.identity,
      maxMessageSize: this.maxMessageSize,
      isStrict: this.isStrict,
    })
    for (let i = 0; i < options.types.length; i++)
      this.addDevice(options.deviceNumbers === undefined ? i : options.deviceNumbers[i], options.types[i])
    const self = this // DeviceScript has no `this` in arrow functions
    this.mailbox.onMessage = (packet, offset, length) => {
      // EVENT_AVAIL, the hot one, is looked for first and read in place
      if (packet[offset + 1] === EVENT_AVAIL && (packet[offset] & 3) === 0) {
        const devNum = packet[offset + 2] | (packet[offset + 3] << 8)
        const msgSize = packet[offset + 6] | (packet[offset + 7] << 8)
        if (msgSize < EVENT_AVAIL_SIZE) self.discardedCount++
        else if (msgSize > length) self.discardedCount++
        else if (packet[offset + 10] | packet[offset + 11]) self.discardedCount++
        else self.ring(devNum, packet[offset + 8] | (packet[offset + 9] << 8))
      } else self.take(packet, offset, length)
    }
  }

  /**
   * Takes a packet from the host. Never throws on its bytes and never waits. Should something throw all the same, which
   * on the chip would cost the whole program, the epoch ends instead: the host hears NO_EPOCH, and begins another.
   */
  receive(packet: ByteBuf): void {
    try {
      if (packet.length >= PACKET_HEADER_SIZE && packet[0] & PACKET_CONNECT && !this.follow(packet)) return
      const result = this.mailbox.receive(packet)
      if (result === RECEIVED_DATA) this.isResendAsked = false
      else if (result === RECEIVED_OTHER_EPOCH) this.refusedEpoch = getU16(packet, 1)
      // the host asks again because our answer was lost or is slow: tell it that the packet is here
      else if (result === RECEIVED_DUPLICATE) this.isAcknowledgementDue = true
      else if ((result === RECEIVED_GAP || result === RECEIVED_FULL) && !this.isResendAsked)
        this.isResendDue = true
    } catch (thrown) {
      this.catchFault(thrown)
      this.begin(0)
    }
  }

  /** Serves every queue that was announced, and queues the events that follow. */
  async work(): Promise<void> {
    while (this.isAnyRung) {
      this.isAnyRung = false
      const bells = this.doorbells
      for (let i = 0; i < bells.length; i++) {
        const bell = bells[i]
        if (bell.isRung) if (!bell.isPaced) await this.serve(bell)
      }
    }
    if (this.isAnyPacedRung && (this.isPacedTurn || !this.mailbox.hasPending())) await this.servePaced()
  }

  /** A device that throws asks for its reset, and the others go on. */
  private async serve(bell: Doorbell): Promise<void> {
    bell.isRung = false
    try {
      if (await bell.device.serve(bell.queueIndex)) this.mailbox.post(bell.usedEvent)
    } catch (thrown) {
      this.catchFault(thrown)
      this.post(bell.device.requireReset())
    }
    const statusEvent = bell.device.takeStatusEvent()
    if (statusEvent !== undefined) this.mailbox.post(statusEvent)
  }

  /** Serves the next of the paced queues that are rung: what it adds fits into the packet that comes. */
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
    this.isPacedTurn = false
    this.nextPaced = bells.indexOf(next) + 1
    await this.serve(next)
  }

  /** The next packet for the host, or undefined when there is nothing to say. */
  nextPacket(): OwnedBytes | undefined {
    if (this.refusedEpoch >= 0) {
      const packet = this.mailbox.barePacket(PACKET_NO_EPOCH)
      putU16(packet, 1, this.refusedEpoch)
      this.refusedEpoch = -1
      return packet
    }
    const packet = this.mailbox.nextPacket()
    if (packet !== undefined) {
      this.isAcknowledgementDue = false
      this.isPacedTurn = true
      return packet
    }
    if (this.isResendDue && !this.mailbox.isFull()) {
      this.isResendDue = false
      this.isResendAsked = true
      this.isAcknowledgementDue = false
      return this.mailbox.barePacket(PACKET_RESEND)
    }
    if (this.isAcknowledgementDue || this.mailbox.unacknowledgedIn >= ACKNOWLEDGE_AFTER) {
      this.isAcknowledgementDue = false
      return this.mailbox.barePacket(0)
    }
    return undefined
  }

  /**
   * Plugs a device in while the bus is in use, and tells the driver (B33, B34). Returns its number: one that no
   * device had before, as long as there are such (B-S3).
   */
  plug(type: DeviceType): number {
    let devNum = this.nextDeviceNumber
    while (this.bus.deviceNumbers.includes(devNum)) devNum = (devNum + 1) & 0xffff
    this.addDevice(devNum, type)
    this.announce(devNum, DEVICE_ADDED)
    return devNum
  }

  /**
   * Takes device `devNum` off the bus and tells the driver: what it had of the driver's is abandoned. False when
   * there is no such device.
   */
  unplug(devNum: number): boolean {
    const at = this.bus.deviceNumbers.indexOf(devNum)
    if (at < 0) return false
    this.devices[at].reset()
    this.devices = this.devices.filter((device) => device.devNum !== devNum)
    this.doorbells = this.doorbells.filter((bell) => bell.device.devNum !== devNum)
    this.bus.deviceNumbers = this.bus.deviceNumbers.filter((number) => number !== devNum)
    this.announce(devNum, DEVICE_REMOVED)
    return true
  }

  /** Has device `devNum` ask for its reset, as after an error. False when there is none, or no driver uses it. */
  needsReset(devNum: number): boolean {
    const at = this.bus.deviceNumbers.indexOf(devNum)
    const frame = at < 0 ? undefined : this.devices[at].requireReset()
    this.post(frame)
    return frame !== undefined
  }

  private catchFault(thrown: unknown): void {
    this.faultCount++
    if (this.faultCount === 1) this.onFault(thrown)
  }

  private announce(devNum: number, busState: number): void {
    if (this.mailbox.epoch === 0) return // nobody has connected: GET_DEVICES will tell
    const frame = this.alloc(EVENT_DEVICE_SIZE)
    encodeEventDevice(frame, { deviceNumber: devNum, busState })
    this.post(frame)
  }

  private addDevice(devNum: number, type: DeviceType): void {
    const device = new TransportDevice(
      { devNum, type, alloc: this.alloc, maxMessageSize: this.maxMessageSize, isStrict: this.isStrict },
      this.mailbox.incoming,
      this.mailbox.outgoing,
      this.mailbox.incomingVersions,
    )
    this.devices.push(device)
    this.bus.deviceNumbers.push(devNum)
    this.nextDeviceNumber = (devNum + 1) & 0xffff
    for (let i = 0; i < type.queueMaxSizes.length; i++) {
      const usedEvent = this.alloc(EVENT_USED_SIZE)
      encodeEventUsed(usedEvent, devNum, i)
      const paced = type.pacedQueues
      const isPaced = paced !== undefined ? paced.includes(i) : false
      this.doorbells.push({ device, queueIndex: i, usedEvent, isPaced, isRung: false })
    }
    if (type.attach === undefined) return
    const self = this
    type.attach({
      wake: (queueIndex) => {
        if (!device.isLive()) return
        self.ring(devNum, queueIndex)
        self.onWake()
      },
      configChanged: () => self.post(device.changeConfig()),
      needsReset: () => self.post(device.requireReset()),
    })
  }

  /** Sends what a device says by itself, if it has a frame. */
  private post(frame: ByteBuf | undefined): void {
    if (frame === undefined) return
    this.mailbox.post(frame)
    this.onWake()
  }

  /** Takes up the epoch of a CONNECT packet, or knows that it did; false when the packet is to be dropped. */
  private follow(packet: ByteBuf): boolean {
    const epoch = getU16(packet, 1)
    if (epoch === 0 || epoch === this.formerEpoch || (packet[0] & PACKET_DATA) === 0 || packet[3] !== 0)
      return false
    if (epoch !== this.mailbox.epoch) this.begin(epoch)
    // a repetition: our answer was lost, or, when more followed, the link was slow with it
    else if (this.mailbox.isFresh()) this.mailbox.requestResend()
    else return false
    return true
  }

  /** A new epoch: whatever a driver left behind is gone. */
  private begin(epoch: number): void {
    this.formerEpoch = this.mailbox.epoch
    this.mailbox.begin(epoch)
    for (let i = 0; i < this.devices.length; i++) this.devices[i].reset()
    for (let i = 0; i < this.doorbells.length; i++) this.doorbells[i].isRung = false
    this.isAnyRung = false
    this.isAnyPacedRung = false
    this.isPacedTurn = true
    this.isAcknowledgementDue = false
    this.isResendDue = false
    this.isResendAsked = false
    this.refusedEpoch = -1
  }

  /** Takes one message out of a packet; none is EVENT_AVAIL. */
  private take(packet: ByteBuf, offset: number, length: number): void {
    const type = packet[offset] & 3
    const msgId = packet[offset + 1]
    const devNum = packet[offset + 2] | (packet[offset + 3] << 8)
    const msgSize = packet[offset + 6] | (packet[offset + 7] << 8)
    if (length < HEADER_SIZE || msgSize < HEADER_SIZE || msgSize > length || type & TYPE_RESPONSE) {
      this.discardedCount++
      return
    }
    const request = this.alloc(msgSize)
    request.blitAt(0, packet, offset, msgSize)
    const response =
      type & TYPE_BUS ? this.bus.answer(msgId, request) : this.answerTransport(devNum, msgId, request)
    if (response === undefined) {
      this.discardedCount++
      return
    }
    response[4] = request[4] // V27: the token is the bus's, and comes back as it came
    response[5] = request[5]
    this.mailbox.post(response)
  }

  private answerTransport(devNum: number, msgId: number, request: ByteBuf): ByteBuf | undefined {
    if (msgId & EVENT_BIT) return undefined // no other event comes from a driver (G1)
    for (let i = 0; i < this.devices.length; i++) {
      const device = this.devices[i]
      if (device.devNum !== devNum) continue
      const response = device.answer(msgId, request)
      // buffers may have been made available before DRIVER_OK: they are served from now on (V34)
      if (msgId === SET_DEVICE_STATUS && device.isLive())
        for (let queue = 0; queue < device.queues.rings.length; queue++) this.ring(devNum, queue)
      return response
    }
    return undefined
  }

  private ring(devNum: number, queueIndex: number): void {
    for (let i = 0; i < this.doorbells.length; i++) {
      const bell = this.doorbells[i]
      if (bell.device.devNum === devNum)
        if (bell.queueIndex === queueIndex) {
          bell.isRung = true
          if (bell.isPaced) this.isAnyPacedRung = true
          else this.isAnyRung = true
          return
        }
    }
    this.discardedCount++
  }
}
