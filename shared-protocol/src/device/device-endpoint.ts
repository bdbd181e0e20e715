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
  DEVICE_WAITING_LIMIT,
  HOST_CREDIT,
  MAX_MESSAGE_SIZE,
  PACKET_CONNECT,
  PACKET_DATA,
  PACKET_HEADER_SIZE,
  PACKET_NO_EPOCH,
  PACKET_RESEND,
} from "../mailbox/packet.js"
import { EVENT_USED_SIZE, encodeEventUsed } from "../messages/events.js"
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
  isRung: boolean
}

export class DeviceEndpoint {
  readonly mailbox: Mailbox
  readonly devices: TransportDevice[] = []
  /** Messages that got no answer because they are malformed, unknown, or to no device of ours. */
  discardedCount = 0

  private readonly alloc: Allocator
  private readonly bus: BusResponder
  private readonly doorbells: Doorbell[] = []
  private isAnyRung = false
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
      waitingLimit: DEVICE_WAITING_LIMIT,
      runLimit: DEVICE_RUN_LIMIT,
    })
    const maxMessageSize = options.maxMessageSize === undefined ? MAX_MESSAGE_SIZE : options.maxMessageSize
    const deviceNumbers: number[] = []
    for (let i = 0; i < options.types.length; i++) {
      const devNum = options.deviceNumbers === undefined ? i : options.deviceNumbers[i]
      deviceNumbers.push(devNum)
      this.addDevice(devNum, options.types[i], maxMessageSize, options.isStrict === true)
    }
    this.bus = new BusResponder({
      alloc: options.alloc,
      mailbox: this.mailbox,
      deviceNumbers,
      identity: options.identity,
      maxMessageSize,
      isStrict: options.isStrict === true,
    })
    const self = this // DeviceScript has no `this` in arrow functions
    this.mailbox.onMessage = (packet, offset, length) => self.take(packet, offset, length)
  }

  /** Takes a packet from the host. Never throws on its bytes and never waits. */
  receive(packet: ByteBuf): void {
    if (packet.length >= PACKET_HEADER_SIZE && packet[0] & PACKET_CONNECT && !this.follow(packet)) return
    const result = this.mailbox.receive(packet)
    if (result === RECEIVED_DATA) this.isResendAsked = false
    else if (result === RECEIVED_OTHER_EPOCH) this.refusedEpoch = getU16(packet, 1)
    // the host asks again because our answer was lost or is slow: tell it that the packet is here
    else if (result === RECEIVED_DUPLICATE) this.isAcknowledgementDue = true
    else if ((result === RECEIVED_GAP || result === RECEIVED_FULL) && !this.isResendAsked)
      this.isResendDue = true
  }

  /** Serves every queue that was announced, and queues the events that follow. */
  async work(): Promise<void> {
    while (this.isAnyRung) {
      this.isAnyRung = false
      for (let i = 0; i < this.doorbells.length; i++) {
        const bell = this.doorbells[i]
        if (!bell.isRung) continue
        bell.isRung = false
        if (await bell.device.serve(bell.queueIndex)) this.mailbox.post(bell.usedEvent)
        const statusEvent = bell.device.takeStatusEvent()
        if (statusEvent !== undefined) this.mailbox.post(statusEvent)
      }
    }
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

  private addDevice(devNum: number, type: DeviceType, maxMessageSize: number, isStrict: boolean): void {
    const device = new TransportDevice(
      { devNum, type, alloc: this.alloc, maxMessageSize, isStrict },
      this.mailbox.incoming,
      this.mailbox.outgoing,
    )
    this.devices.push(device)
    for (let i = 0; i < type.queueMaxSizes.length; i++) {
      const usedEvent = this.alloc(EVENT_USED_SIZE)
      encodeEventUsed(usedEvent, devNum, i)
      this.doorbells.push({ device, queueIndex: i, usedEvent, isRung: false })
    }
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
    this.isAcknowledgementDue = false
    this.isResendDue = false
    this.isResendAsked = false
    this.refusedEpoch = -1
  }

  /** Takes one message out of a packet. EVENT_AVAIL, the hot one, is read in place. */
  private take(packet: ByteBuf, offset: number, length: number): void {
    if (length < HEADER_SIZE) {
      this.discardedCount++
      return
    }
    const type = packet[offset] & 3
    const msgId = packet[offset + 1]
    const msgSize = packet[offset + 6] | (packet[offset + 7] << 8)
    if (msgSize < HEADER_SIZE || msgSize > length || type & TYPE_RESPONSE) {
      this.discardedCount++
      return
    }
    const devNum = packet[offset + 2] | (packet[offset + 3] << 8)
    if (type === 0 && msgId === EVENT_AVAIL) {
      if (msgSize >= 16 && (packet[offset + 10] | packet[offset + 11]) === 0)
        this.ring(devNum, packet[offset + 8] | (packet[offset + 9] << 8))
      else this.discardedCount++
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
      if (bell.device.devNum === devNum && bell.queueIndex === queueIndex) {
        bell.isRung = true
        this.isAnyRung = true
        return
      }
    }
    this.discardedCount++
  }
}
