// One end of the mailbox: packs changed bytes of the window and messages into packets, and unpacks the peer's,
// each once and in order (docs/bus.md "The mailbox"). Both ends run this code. It has no timers and sends
// nothing by itself: the host adds time (session.ts), the firmware a fiber.

import type { Allocator, ByteBuf, OwnedBytes } from "../bytes.js"
import { OutgoingArea } from "./outgoing-area.js"
import {
  MAX_PACKET_SIZE,
  MESSAGE_OVERHEAD,
  PACKET_CONNECT,
  PACKET_DATA,
  PACKET_HEADER_SIZE,
  PACKET_RESEND,
  RECORD_MESSAGE,
  RECORD_SPAN,
  SPAN_OVERHEAD,
} from "./packet.js"

/** What `receive` made of a packet. */
export const RECEIVED_DATA = 0
export const RECEIVED_ACKNOWLEDGEMENT = 1
/** Too short, or with records that make no sense; the sensible ones before them were taken. */
export const RECEIVED_MALFORMED = 2
/** Of an epoch that is not ours. */
export const RECEIVED_OTHER_EPOCH = 3
/** Seen before. */
export const RECEIVED_DUPLICATE = 4
/** A packet before it is missing; it will come again. */
export const RECEIVED_GAP = 5

/** Takes a message out of a packet: the frame lies at `offset` and is `length` bytes long. */
export type MessageHandler = (packet: ByteBuf, offset: number, length: number) => void

export interface MailboxOptions {
  readonly alloc: Allocator
  /** Bytes of the area that this end writes, and of the one that its peer writes. */
  readonly outgoingSize: number
  readonly incomingSize: number
  /** How many packets may be on their way unacknowledged. */
  readonly credit: number
}

function ignoreMessage(_packet: ByteBuf, _offset: number, _length: number): void {}

export class Mailbox {
  /** 0: no epoch yet. */
  epoch = 0
  outgoing: OutgoingArea
  /** Our mirror of what the peer writes. */
  incoming: OwnedBytes
  /** Called for each message of a packet, in order, after the spans before it were stored. */
  onMessage: MessageHandler = ignoreMessage
  /** Spans that were refused because they lie outside the peer's area, and other malformed records. */
  malformedCount = 0
  otherEpochCount = 0
  duplicateCount = 0
  gapCount = 0
  resentCount = 0
  /** Data packets that came since we last sent an acknowledgement with anything. */
  unacknowledgedIn = 0

  /** How many packets may be on their way unacknowledged. */
  credit: number

  private readonly alloc: Allocator
  private nextOut = 0
  private nextIn = 0
  private connectFlag = 0
  /** Sent, not acknowledged, oldest first. */
  private sent: OwnedBytes[] = []
  /** How many of `sent`, from the front, are to be sent again. */
  private resend = 0
  private resendIndex = 0
  private messages: ByteBuf[] = []

  constructor(options: MailboxOptions) {
    this.alloc = options.alloc
    this.credit = options.credit
    this.outgoing = new OutgoingArea(options.alloc(options.outgoingSize))
    this.incoming = options.alloc(options.incomingSize)
  }

  /** Gives both areas a new size, in bytes, and the value 0. Only a host that has just read HELLO does so. */
  resize(outgoingSize: number, incomingSize: number): void {
    this.outgoing = new OutgoingArea(this.alloc(outgoingSize))
    this.incoming = this.alloc(incomingSize)
  }

  /** Starts a new epoch: both areas are zeroed and everything under way is forgotten. */
  begin(epoch: number): void {
    this.epoch = epoch
    this.outgoing.clear()
    this.incoming.fillAt(0, this.incoming.length, 0)
    this.nextOut = 0
    this.nextIn = 0
    this.connectFlag = 0
    this.sent = []
    this.resend = 0
    this.resendIndex = 0
    this.messages = []
    this.unacknowledgedIn = 0
  }

  /** Starts a new epoch from the host: the next packet carries CONNECT and makes the device follow. */
  connect(epoch: number): void {
    this.begin(epoch)
    this.connectFlag = PACKET_CONNECT
  }

  /** Whether a CONNECT packet with this epoch is one that we have followed already, come again. */
  hasFollowed(epoch: number): boolean {
    return this.epoch === epoch && this.nextIn === 1
  }

  /** Queues a message; the frame must not change until it was sent. */
  post(frame: ByteBuf): void {
    this.messages.push(frame)
  }

  /** Packets on their way that the peer has not acknowledged. */
  unacknowledgedOut(): number {
    return this.sent.length
  }

  /** Whether `nextPacket` has records to pack, credit or not. */
  hasPending(): boolean {
    return this.messages.length > 0 || this.outgoing.dirtyEnd > this.outgoing.dirtyFirst
  }

  /** Marks everything unacknowledged to be sent again. */
  requestResend(): void {
    this.resend = this.sent.length
    this.resendIndex = 0
  }

  /**
   * Takes a packet from the peer: acknowledgements, then spans into `incoming` and messages to `onMessage`
   * in their order. Never throws on the packet's bytes; returns one of RECEIVED_*.
   * This is the chip's hot path: it calls nothing that it can write out.
   */
  receive(packet: ByteBuf): number {
    const length = packet.length
    if (length < PACKET_HEADER_SIZE) {
      this.malformedCount++
      return RECEIVED_MALFORMED
    }
    if ((packet[1] | (packet[2] << 8)) !== this.epoch) {
      this.otherEpochCount++
      return RECEIVED_OTHER_EPOCH
    }
    const flags = packet[0]
    // an acknowledgement of packets never sent would be a lie: it is ignored
    let acknowledged = (packet[4] - (this.nextOut - this.sent.length)) & 0xff
    if (acknowledged > 0 && acknowledged <= this.sent.length) {
      for (; acknowledged > 0; acknowledged--) {
        this.sent.shift()
        if (this.resend > 0) this.resend--
        if (this.resendIndex > 0) this.resendIndex--
      }
    }
    if (flags & PACKET_RESEND && this.sent.length > 0) this.requestResend()
    if ((flags & PACKET_DATA) === 0) return RECEIVED_ACKNOWLEDGEMENT
    if (packet[3] !== this.nextIn) {
      this.unacknowledgedIn++
      if (((this.nextIn - packet[3]) & 0xff) < 0x80) {
        this.duplicateCount++
        return RECEIVED_DUPLICATE
      }
      this.gapCount++
      return RECEIVED_GAP
    }
    this.nextIn = (this.nextIn + 1) & 0xff
    this.unacknowledgedIn++
    let at = PACKET_HEADER_SIZE
    while (at < length) {
      const tag = packet[at]
      if (tag & RECORD_SPAN) {
        if (at + SPAN_OVERHEAD > length) break
        const offset = ((tag & 0x7f) << 8) | packet[at + 1]
        const bytes = packet[at + 2]
        at += SPAN_OVERHEAD
        // one writer a byte: the peer can only ever name its own area, and only inside it
        if (at + bytes > length || offset + bytes > this.incoming.length) break
        this.incoming.blitAt(offset, packet, at, bytes)
        at += bytes
      } else if (tag === RECORD_MESSAGE) {
        if (at + MESSAGE_OVERHEAD > length) break
        const bytes = packet[at + 1]
        at += MESSAGE_OVERHEAD
        if (at + bytes > length) break
        this.onMessage(packet, at, bytes)
        at += bytes
      } else break
    }
    if (at === length) return RECEIVED_DATA
    this.malformedCount++
    return RECEIVED_MALFORMED
  }

  /**
   * The next packet to send: one again if the peer asked for it, else a new one with as many spans and
   * messages as fit. Undefined when there is nothing to send, or no credit to send it on.
   */
  nextPacket(): OwnedBytes | undefined {
    if (this.resendIndex < this.resend) {
      const again = this.sent[this.resendIndex]
      this.resendIndex++
      this.resentCount++
      again[4] = this.nextIn
      this.unacknowledgedIn = 0
      return again
    }
    if (this.sent.length >= this.credit || !this.hasPending()) return undefined
    const size = this.measure()
    const packet = this.alloc(size)
    packet[0] = PACKET_DATA | this.connectFlag
    packet[1] = this.epoch & 0xff
    packet[2] = this.epoch >> 8
    packet[3] = this.nextOut
    packet[4] = this.nextIn
    this.connectFlag = 0
    this.unacknowledgedIn = 0
    this.nextOut = (this.nextOut + 1) & 0xff
    this.fill(packet)
    this.sent.push(packet)
    return packet
  }

  /** A packet without records: an acknowledgement; with PACKET_RESEND also a request to send again. */
  barePacket(flags: number): OwnedBytes {
    const packet = this.alloc(PACKET_HEADER_SIZE)
    packet[0] = flags
    packet[1] = this.epoch & 0xff
    packet[2] = this.epoch >> 8
    packet[4] = this.nextIn
    this.unacknowledgedIn = 0
    return packet
  }

  /** Bytes that the next packet takes: walks what waits, in the order in which `fill` packs it. */
  private measure(): number {
    const area = this.outgoing
    let size = PACKET_HEADER_SIZE
    for (let i = area.dirtyFirst; i < area.dirtyEnd; i++) {
      if (size + SPAN_OVERHEAD >= MAX_PACKET_SIZE) return size
      size += SPAN_OVERHEAD + area.dirtyLengths[i]
      if (size > MAX_PACKET_SIZE) return MAX_PACKET_SIZE
    }
    for (let i = 0; i < this.messages.length; i++) {
      const more = MESSAGE_OVERHEAD + this.messages[i].length
      if (size + more > MAX_PACKET_SIZE) return size
      size += more
    }
    return size
  }

  /** Packs spans, then messages, until `packet` is full. */
  private fill(packet: OwnedBytes): void {
    const area = this.outgoing
    let at = PACKET_HEADER_SIZE
    while (area.dirtyFirst < area.dirtyEnd) {
      const room = packet.length - at - SPAN_OVERHEAD
      if (room <= 0) return
      const first = area.dirtyFirst
      const offset = area.dirtyOffsets[first]
      const left = area.dirtyLengths[first]
      const bytes = left <= room ? left : room
      packet[at] = RECORD_SPAN | (offset >> 8)
      packet[at + 1] = offset & 0xff
      packet[at + 2] = bytes
      packet.blitAt(at + SPAN_OVERHEAD, area.bytes, offset, bytes)
      at += SPAN_OVERHEAD + bytes
      if (bytes < left) {
        area.dirtyOffsets[first] = offset + bytes
        area.dirtyLengths[first] = left - bytes
      } else area.dirtyFirst = first + 1
    }
    area.dirtyFirst = 0
    area.dirtyEnd = 0
    while (this.messages.length > 0) {
      const frame = this.messages[0]
      if (at + MESSAGE_OVERHEAD + frame.length > packet.length) break
      packet[at] = RECORD_MESSAGE
      packet[at + 1] = frame.length
      packet.blitAt(at + MESSAGE_OVERHEAD, frame, 0, frame.length)
      at += MESSAGE_OVERHEAD + frame.length
      this.messages.shift()
    }
  }
}
