// One end of the mailbox: packs changed bytes of the window and messages into packets, and unpacks the peer's,
// each once and in order (docs/bus.md "The mailbox"). Both ends run this code. It has no timers and sends
// nothing by itself: the host adds time (session.ts), the firmware a fiber.

import type { Allocator, ByteBuf, OwnedBytes } from "../bytes.js"
import { OutgoingArea } from "./outgoing-area.js"
import {
  MAX_AREA_SIZE,
  MAX_PACKET_SIZE,
  MESSAGE_COST_BYTES,
  MESSAGE_OVERHEAD,
  NEAR_SPAN_MAX_GAP,
  NEAR_SPAN_MAX_LENGTH,
  NEAR_SPAN_OVERHEAD,
  PACKET_CONNECT,
  PACKET_DATA,
  PACKET_HEADER_SIZE,
  PACKET_RESEND,
  RECORD_MESSAGE,
  RECORD_NEAR_SPAN,
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
/** Not taken, because too many of our own messages wait to be sent; it will come again. */
export const RECEIVED_FULL = 6

/** Takes a message out of a packet: the frame lies at `offset` and is `length` bytes long. */
export type MessageHandler = (packet: ByteBuf, offset: number, length: number) => void

export interface MailboxOptions {
  readonly alloc: Allocator
  /** Bytes of the area that this end writes, and of the one that its peer writes. */
  readonly outgoingSize: number
  readonly incomingSize: number
  /** How many packets may be on their way unacknowledged. */
  readonly credit: number
  /**
   * While messages of so many bytes wait to be sent, with MESSAGE_COST_BYTES each, packets with records are not taken;
   * no limit when absent.
   */
  readonly waitingBytes?: number
  /** As for `OutgoingArea`. */
  readonly runLimit?: number
  /** Keep `incomingVersions`. */
  readonly hasVersions?: boolean
}

const UNLIMITED = 0x7fffffff
/** So few messages are below any limit: they are not added up at every packet. */
const ALWAYS_ROOM = 4

/** Behind the end of every packet: where a record leads that does not fit. */
const MAX_PACKET_END = 0x10000
/** Bytes of `incoming` that share a version: four descriptors. */
export const VERSION_BLOCK_SIZE = 64
const VERSION_BLOCK_SHIFT = 6

function ignoreMessage(_packet: ByteBuf, _offset: number, _length: number): void {}

/**
 * One end of the link's mailbox: messages and changed bytes go into packets, each arrives once and in order.
 *
 * @example
 * ```ts
 * import { allocateBytes } from "virtio-msg"
 * import { encodePingRequest, Mailbox, PING_SIZE } from "virtio-msg/protocol"
 *
 * const options = { alloc: allocateBytes, outgoingSize: 64, incomingSize: 64, credit: 6 }
 * const [near, far] = [new Mailbox(options), new Mailbox(options)]
 * for (const mailbox of [near, far]) mailbox.begin(1) // the same epoch
 * far.onMessage = (_packet, _offset, length) => console.log("a message of", length) // a message of 12
 *
 * const frame = allocateBytes(PING_SIZE)
 * encodePingRequest(frame, 7)
 * near.post(frame)
 * const packet = near.nextPacket()
 * if (packet) far.receive(packet)
 * ```
 */
export class Mailbox {
  /** 0: no epoch yet. */
  epoch = 0
  outgoing: OutgoingArea
  /** Our mirror of what the peer writes. */
  incoming: OwnedBytes
  /**
   * For each VERSION_BLOCK_SIZE bytes of `incoming` a number that changes whenever the peer writes to one of them:
   * who has read them once knows from it whether they are still the same. Undefined where nobody asked for it.
   */
  readonly incomingVersions: number[] | undefined
  /** Called for each message of a packet, in order, after the spans before it were stored. */
  onMessage: MessageHandler = ignoreMessage
  /** Spans that were refused because they lie outside the peer's area, and other malformed records. */
  malformedCount = 0
  otherEpochCount = 0
  duplicateCount = 0
  gapCount = 0
  fullCount = 0
  resentCount = 0
  /** Data packets that came since we last sent an acknowledgement with anything. */
  unacknowledgedIn = 0

  /** How many packets may be on their way unacknowledged. */
  credit: number

  private readonly alloc: Allocator
  private readonly waitingBytes: number
  /** Where a packet is put together before its size is known. */
  private readonly scratch: OwnedBytes
  /** The number of the next packet that is new. */
  nextOut = 0
  private nextIn = 0
  private connectFlag = 0
  /** Sent, not acknowledged, oldest first. */
  private sent: OwnedBytes[] = []
  /** How many of `sent`, from the front, are to be sent again. */
  private resend = 0
  private resendIndex = 0
  /** Posted and not packed yet, oldest first. To look at; `post` adds to it. */
  messages: ByteBuf[] = []
  private version = 0

  constructor(options: MailboxOptions) {
    this.alloc = options.alloc
    this.credit = options.credit
    this.waitingBytes = options.waitingBytes === undefined ? UNLIMITED : options.waitingBytes
    this.scratch = options.alloc(MAX_PACKET_SIZE)
    this.outgoing = new OutgoingArea(options.alloc(options.outgoingSize), options.runLimit)
    this.incoming = options.alloc(options.incomingSize)
    if (options.hasVersions === true) {
      const versions: number[] = []
      for (let i = 0; i <= options.incomingSize; i += VERSION_BLOCK_SIZE) versions.push(0)
      this.incomingVersions = versions
    } else this.incomingVersions = undefined
    // fields of their own: the chip would look for these methods among the names of all fields first (docs/performance.md)
    const own = this
    own.receive = own.receive
    own.post = own.post
    own.nextPacket = own.nextPacket
    own.fill = own.fill
  }

  /** Gives both areas a new size, in bytes, and the value 0. Only a host that has just read HELLO does so. */
  resize(outgoingSize: number, incomingSize: number): void {
    this.outgoing = new OutgoingArea(this.alloc(outgoingSize))
    this.incoming = this.alloc(incomingSize)
  }

  /** Starts a new epoch: both areas are zeroed and everything under way is forgotten. */
  begin(epoch: number): void {
    this.epoch = epoch
    this.scratch[1] = epoch & 0xff
    this.scratch[2] = epoch >> 8
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

  /** Whether nothing came in this epoch but its first packet. */
  isFresh(): boolean {
    return this.nextIn === 1
  }

  /** Whether `receive` would refuse a packet with records for want of room. */
  isFull(): boolean {
    const messages = this.messages
    let bytes = 0
    for (let i = 0; i < messages.length; i++) bytes += messages[i].length + MESSAGE_COST_BYTES
    return bytes >= this.waitingBytes
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
    return this.messages.length > 0 || this.outgoing.isDirty()
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
    const sent = this.sent
    if (sent.length > 0) {
      // an acknowledgement of packets never sent would be a lie: it is ignored
      let acknowledged = (packet[4] - (this.nextOut - sent.length)) & 0xff
      if (acknowledged <= sent.length)
        for (; acknowledged > 0; acknowledged--) {
          sent.shift()
          if (this.resend > 0) this.resend--
          if (this.resendIndex > 0) this.resendIndex--
        }
      if (flags & PACKET_RESEND) this.requestResend()
    }
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
    if (this.messages.length > ALWAYS_ROOM)
      if (this.isFull()) {
        this.fullCount++
        return RECEIVED_FULL
      }
    this.nextIn = (this.nextIn + 1) & 0xff
    this.unacknowledgedIn++
    const incoming = this.incoming
    const size = incoming.length
    const versions = this.incomingVersions
    const version = this.version + 1
    this.version = version
    let at = PACKET_HEADER_SIZE
    let spanEnd = 0
    while (at < length) {
      const tag = packet[at]
      let offset = 0
      let bytes = 0
      if (tag & RECORD_SPAN) {
        offset = ((tag & 0x7f) << 8) | packet[at + 1]
        bytes = packet[at + 2] | 0 // undefined behind the packet's end
        at += SPAN_OVERHEAD
      } else if (tag & RECORD_NEAR_SPAN) {
        offset = spanEnd + packet[at + 1]
        bytes = (tag & 0x3f) + 1
        at += NEAR_SPAN_OVERHEAD
      } else if (tag === RECORD_MESSAGE) {
        bytes = packet[at + 1] | 0
        at += MESSAGE_OVERHEAD
        if (at + bytes > length) at = MAX_PACKET_END
        else this.onMessage(packet, at, bytes)
        at += bytes
        continue
      } else break
      const end = at + bytes
      spanEnd = offset + bytes
      if (end > length || spanEnd > size) {
        // one writer a byte: the peer can only ever name its own area, and only inside it
        at = MAX_PACKET_END
        break
      }
      incoming.blitAt(offset, packet, at, bytes)
      at = end
      if (versions !== undefined) {
        let block = offset >> VERSION_BLOCK_SHIFT
        versions[block] = version
        const lastBlock = (spanEnd - 1) >> VERSION_BLOCK_SHIFT
        while (block < lastBlock) {
          block++
          versions[block] = version
        }
      }
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
    if (this.sent.length >= this.credit) return undefined
    if (this.messages.length === 0 && !this.outgoing.isDirty()) return undefined
    const size = this.fill(this.scratch)
    const packet = this.alloc(size)
    packet.blitAt(0, this.scratch, 0, size) // the epoch is in it
    packet[0] = PACKET_DATA | this.connectFlag
    packet[3] = this.nextOut
    packet[4] = this.nextIn
    this.connectFlag = 0
    this.unacknowledgedIn = 0
    this.nextOut = (this.nextOut + 1) & 0xff
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

  /** Packs spans, then ring indexes, then messages behind the header, until `packet` is full; returns the end. */
  private fill(packet: OwnedBytes): number {
    const area = this.outgoing
    let at = PACKET_HEADER_SIZE
    let spanEnd = MAX_AREA_SIZE // behind every offset: the first span is never a near one
    while (area.dirtyFirst < area.dirtyEnd) {
      const first = area.dirtyFirst
      const offset = area.dirtyOffsets[first]
      let bytes = area.dirtyLengths[first]
      const gap = offset - spanEnd
      // a negative gap is a large one
      let overhead = SPAN_OVERHEAD
      if (gap >>> 0 <= NEAR_SPAN_MAX_GAP && bytes <= NEAR_SPAN_MAX_LENGTH) overhead = NEAR_SPAN_OVERHEAD
      const room = MAX_PACKET_SIZE - at - overhead
      if (bytes > room) {
        if (room <= 0) return at
        area.dirtyOffsets[first] = offset + room
        area.dirtyLengths[first] = bytes - room
        bytes = room
      } else area.dirtyFirst = first + 1
      if (overhead === NEAR_SPAN_OVERHEAD) {
        packet[at] = RECORD_NEAR_SPAN | (bytes - 1)
        packet[at + 1] = gap
      } else {
        packet[at] = RECORD_SPAN | (offset >> 8)
        packet[at + 1] = offset & 0xff
        packet[at + 2] = bytes
      }
      at += overhead
      packet.blitAt(at, area.bytes, offset, bytes)
      at += bytes
      spanEnd = offset + bytes
    }
    area.dirtyFirst = 0
    area.dirtyEnd = 0
    while (area.indexCount > 0) {
      if (at + SPAN_OVERHEAD + 2 > MAX_PACKET_SIZE) return at
      area.indexCount--
      const offset = area.indexOffsets[area.indexCount]
      const bytes = area.indexLengths[area.indexCount]
      packet[at] = RECORD_SPAN | (offset >> 8)
      packet[at + 1] = offset & 0xff
      packet[at + 2] = bytes
      packet[at + 3] = area.bytes[offset]
      if (bytes > 1) packet[at + 4] = area.bytes[offset + 1]
      at += SPAN_OVERHEAD + bytes
    }
    while (this.messages.length > 0) {
      const frame = this.messages[0]
      if (at + MESSAGE_OVERHEAD + frame.length > MAX_PACKET_SIZE) break
      packet[at] = RECORD_MESSAGE
      packet[at + 1] = frame.length
      packet.blitAt(at + MESSAGE_OVERHEAD, frame, 0, frame.length)
      at += MESSAGE_OVERHEAD + frame.length
      this.messages.shift()
    }
    return at
  }
}
