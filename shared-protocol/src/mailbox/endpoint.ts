// A device's end of the mailbox: takes packets, follows the driver's epochs, and says what is to be sent: data, an
// acknowledgement, a request to send again (docs/bus.md "The mailbox"). It does not know what the messages mean.

import type { ByteBuf, OwnedBytes } from "../bytes.js"
import { getU16, putU16 } from "../bytes.js"
import {
  type Mailbox,
  RECEIVED_ACKNOWLEDGEMENT,
  RECEIVED_DATA,
  RECEIVED_DUPLICATE,
  RECEIVED_FULL,
  RECEIVED_GAP,
  RECEIVED_OTHER_EPOCH,
} from "./mailbox.js"
import { PACKET_CONNECT, PACKET_DATA, PACKET_HEADER_SIZE, PACKET_NO_EPOCH, PACKET_RESEND } from "./packet.js"

/** After how many packets without an answer the device spends a packet on an acknowledgement alone. */
const ACKNOWLEDGE_AFTER = 4

/** Who takes the messages; it has set `onMessage` of the mailbox. */
export interface EndpointReceiver {
  /** A new epoch: forgets whatever a driver left behind. */
  reset(): void
  /** Told of an exception that would have ended the program. */
  catchFault(thrown: unknown): void
}

export class Endpoint<Receiver extends EndpointReceiver> {
  readonly mailbox: Mailbox
  readonly bus: Receiver

  private isAcknowledgementDue = false
  /** A packet of the host is missing, or was refused. The host is asked once to send again. */
  private isResendDue = false
  private isResendAsked = false
  /** The epoch before this one. If its CONNECT arrives late, that must not bring it back. */
  private formerEpoch = 0
  /** The epoch of a packet that we refused; -1 when there is nothing to tell. */
  private refusedEpoch = -1

  constructor(mailbox: Mailbox, bus: Receiver) {
    this.mailbox = mailbox
    this.bus = bus
    // copied into fields: the chip searches the fields of an object before the methods of its class (docs/performance.md)
    const own = this
    own.receive = own.receive
    own.nextPacket = own.nextPacket
  }

  /**
   * Takes a packet from the host. Never throws on its bytes, and never waits. If something throws all the same, which
   * would end the program on the chip, only the epoch ends: the host receives NO_EPOCH and begins another.
   */
  receive(packet: ByteBuf): void {
    try {
      // a packet without bytes has no flags
      if (packet[0] & PACKET_CONNECT) if (!this.follow(packet)) return
      const result = this.mailbox.receive(packet)
      if (result === RECEIVED_DATA) this.isResendAsked = false
      else if (result === RECEIVED_ACKNOWLEDGEMENT) return
      else if (result === RECEIVED_OTHER_EPOCH) this.refusedEpoch = getU16(packet, 1)
      // the host asks again because our answer was lost or is slow: tell it that the packet is here
      else if (result === RECEIVED_DUPLICATE) this.isAcknowledgementDue = true
      else if ((result === RECEIVED_GAP || result === RECEIVED_FULL) && !this.isResendAsked)
        this.isResendDue = true
    } catch (thrown) {
      this.bus.catchFault(thrown)
      this.begin(0)
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

  /** Takes up the epoch of a CONNECT packet, or has done so already. False when the packet is to be dropped unread. */
  private follow(packet: ByteBuf): boolean {
    if (packet.length < PACKET_HEADER_SIZE) return true
    const epoch = getU16(packet, 1)
    if (epoch === 0 || epoch === this.formerEpoch || (packet[0] & PACKET_DATA) === 0 || packet[3] !== 0)
      return false
    if (epoch !== this.mailbox.epoch) this.begin(epoch)
    // the packet was repeated: our answer was lost, or is late on a slow link
    else if (this.mailbox.isFresh()) this.mailbox.requestResend()
    else return false
    return true
  }

  private begin(epoch: number): void {
    this.formerEpoch = this.mailbox.epoch
    this.mailbox.begin(epoch)
    this.bus.reset()
    this.isAcknowledgementDue = false
    this.isResendDue = false
    this.isResendAsked = false
    this.refusedEpoch = -1
  }
}
