// One end of the mailbox: packs changed bytes of the window and messages into packets, and unpacks the peer's, each
// once and in order (docs/bus.md "The mailbox"). Both ends run this code. It has no timers and sends nothing by
// itself: on the host, heartbeat.ts adds the time, in the firmware a fiber does. `receive` and `nextPacket` are flat
// functions because calls and fields are slow on the chip: locals in place of fields, counts beside arrays, nested
// ifs (docs/performance.md "On the chip").

import type { Allocator, ByteBuf, OwnedBytes } from "../bytes.js"
import { OutgoingArea, RUN_LENGTH_MASK, RUN_OFFSET_SHIFT } from "./outgoing-area.js"
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
  /** How many packets may be on their way unacknowledged: 1 to MAX_CREDIT. */
  readonly credit: number
  /**
   * While so many bytes of messages wait to be sent, each message with MESSAGE_COST_BYTES on top, packets with
   * records are refused. No limit when absent.
   */
  readonly waitingBytes?: number
  /** As for `OutgoingArea`. */
  readonly runLimit?: number
  /** Keep `incomingNotes`. */
  readonly hasNotes?: boolean
}

const UNLIMITED = 0x7fffffff
/** Up to so many messages are below any limit, so their bytes need not be added up for every packet. */
const ALWAYS_ROOM = 4

/** The most packets that may be on their way unacknowledged. A packet's place is its number modulo this. */
const MAX_CREDIT = 8
/** Bytes of `incoming` that share a note: four descriptors. */
export const NOTE_BLOCK_SIZE = 64
const NOTE_BLOCK_SHIFT = 6

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
   * One number for each NOTE_BLOCK_SIZE bytes of `incoming`, for whoever reads them: it can be set to what was found
   * there. It becomes 0 as soon as the peer writes to one of the bytes, so any other number still holds. Undefined
   * without `hasNotes`.
   */
  readonly incomingNotes: number[] | undefined
  /** Called for each message of a packet, in order, after the spans before it were stored. */
  onMessage: MessageHandler = ignoreMessage
  /** Spans that were refused because they lie outside the peer's area, and other malformed records. */
  malformedCount = 0
  otherEpochCount = 0
  duplicateCount = 0
  gapCount = 0
  fullCount = 0
  resentCount = 0
  /** Data packets that came since we last sent an acknowledgement with any packet. */
  unacknowledgedIn = 0

  /** How many packets may be on their way unacknowledged. */
  credit: number

  private readonly alloc: Allocator
  private readonly waitingBytes: number
  /** Where a packet is put together before its size is known. */
  private readonly scratch: OwnedBytes
  /** The number of the next new packet. */
  nextOut = 0
  private nextIn = 0
  private connectFlag = 0
  /** Sent and not acknowledged, by number modulo MAX_CREDIT. */
  private readonly sent: (OwnedBytes | undefined)[] = []
  private sentCount = 0
  /** How many of them, from the oldest, are to be sent again. */
  private resend = 0
  private resendIndex = 0
  /** Posted and not packed yet, oldest first. Only to read: `post` adds to it. */
  messages: ByteBuf[] = []
  private messageCount = 0

  constructor(options: MailboxOptions) {
    this.alloc = options.alloc
    this.credit = options.credit
    this.waitingBytes = options.waitingBytes === undefined ? UNLIMITED : options.waitingBytes
    this.scratch = options.alloc(MAX_PACKET_SIZE)
    for (let i = 0; i < MAX_CREDIT; i++) this.sent.push(undefined)
    this.outgoing = new OutgoingArea(options.alloc(options.outgoingSize), options.runLimit)
    this.incoming = options.alloc(options.incomingSize)
    if (options.hasNotes === true) {
      const notes: number[] = []
      for (let i = 0; i <= options.incomingSize; i += NOTE_BLOCK_SIZE) notes.push(0)
      this.incomingNotes = notes
    } else this.incomingNotes = undefined
    // copied into fields: the chip searches the fields of an object before the methods of its class (docs/performance.md)
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
    for (let i = 0; i < MAX_CREDIT; i++) this.sent[i] = undefined
    this.sentCount = 0
    this.resend = 0
    this.resendIndex = 0
    this.messages = []
    this.messageCount = 0
    this.unacknowledgedIn = 0
  }

  /** Starts a new epoch from the host: the next packet carries CONNECT and makes the device follow. */
  connect(epoch: number): void {
    this.begin(epoch)
    this.connectFlag = PACKET_CONNECT
  }

  /** Whether only the first packet of this epoch has come so far. */
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
    this.messageCount++
  }

  /** Packets on their way that the peer has not acknowledged. */
  unacknowledgedOut(): number {
    return this.sentCount
  }

  /** Whether `nextPacket` has records to pack, credit or not. */
  hasPending(): boolean {
    return this.messageCount > 0 || this.outgoing.isDirty()
  }

  /** Marks everything unacknowledged to be sent again. */
  requestResend(): void {
    this.resend = this.sentCount
    this.resendIndex = 0
  }

  /**
   * Takes a packet from the peer: acknowledgements, then spans into `incoming` and messages to `onMessage`
   * in their order. Never throws on the packet's bytes; returns one of RECEIVED_*.
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
    const sentCount = this.sentCount
    if (sentCount > 0) {
      const oldest = this.nextOut - sentCount
      const acknowledged = (packet[4] - oldest) & 0xff
      // the peer cannot acknowledge what was never sent: such a number is ignored
      if (acknowledged > 0)
        if (acknowledged <= sentCount) {
          const sent = this.sent
          for (let i = 0; i < acknowledged; i++) sent[(oldest + i) & (MAX_CREDIT - 1)] = undefined
          this.sentCount = sentCount - acknowledged
          if (this.resend > 0) {
            this.resend = this.resend > acknowledged ? this.resend - acknowledged : 0
            this.resendIndex = this.resendIndex > acknowledged ? this.resendIndex - acknowledged : 0
          }
        }
      if (flags & PACKET_RESEND) this.requestResend()
    }
    if ((flags & PACKET_DATA) === 0) return RECEIVED_ACKNOWLEDGEMENT
    const nextIn = this.nextIn
    if (packet[3] !== nextIn) {
      this.unacknowledgedIn++
      if (((nextIn - packet[3]) & 0xff) < 0x80) {
        this.duplicateCount++
        return RECEIVED_DUPLICATE
      }
      this.gapCount++
      return RECEIVED_GAP
    }
    if (this.messageCount > ALWAYS_ROOM)
      if (this.isFull()) {
        this.fullCount++
        return RECEIVED_FULL
      }
    this.nextIn = (nextIn + 1) & 0xff
    this.unacknowledgedIn++
    const incoming = this.incoming
    const size = incoming.length
    const notes = this.incomingNotes
    let at = PACKET_HEADER_SIZE
    let spanEnd = 0
    // bytes behind the packet's end are undefined, and numbers made of them fail every comparison below
    while (at < length) {
      const tag = packet[at]
      let offset: number
      let bytes: number
      if (tag & RECORD_SPAN) {
        offset = ((tag & 0x7f) << 8) | packet[at + 1]
        bytes = packet[at + 2]
        at += SPAN_OVERHEAD
      } else if (tag & RECORD_NEAR_SPAN) {
        offset = spanEnd + packet[at + 1]
        bytes = (tag & 0x3f) + 1
        at += NEAR_SPAN_OVERHEAD
      } else {
        if (tag !== RECORD_MESSAGE) break
        bytes = packet[at + 1]
        at += MESSAGE_OVERHEAD
        const end = at + bytes
        if (end <= length) {
          this.onMessage(packet, at, bytes)
          at = end
          continue
        }
        at = 0
        break
      }
      const end = at + bytes
      spanEnd = offset + bytes
      // each byte of the window has one writer: a span is always in the peer's area, and has to fit in it
      if (end <= length)
        if (spanEnd <= size) {
          incoming.blitAt(offset, packet, at, bytes)
          at = end
          if (notes !== undefined) {
            let block = offset >> NOTE_BLOCK_SHIFT
            notes[block] = 0
            if (bytes > 1) {
              const lastBlock = (spanEnd - 1) >> NOTE_BLOCK_SHIFT
              while (block < lastBlock) {
                block++
                notes[block] = 0
              }
            }
          }
          continue
        }
      at = 0
      break
    }
    if (at === length) return RECEIVED_DATA
    this.malformedCount++
    return RECEIVED_MALFORMED
  }

  /**
   * The next packet to send: an earlier one if the peer asked for it again, else a new one with as many spans and
   * messages as fit. Undefined when there is nothing to send, or when too many packets are unacknowledged.
   */
  nextPacket(): OwnedBytes | undefined {
    if (this.resend > 0)
      if (this.resendIndex < this.resend) {
        const place = (this.nextOut - this.sentCount + this.resendIndex) & (MAX_CREDIT - 1)
        const again = this.sent[place] as OwnedBytes
        this.resendIndex++
        this.resentCount++
        again[4] = this.nextIn
        this.unacknowledgedIn = 0
        return again
      }
    if (this.sentCount >= this.credit) return undefined
    if (this.messageCount === 0) if (!this.outgoing.isDirty()) return undefined
    const scratch = this.scratch
    const size = this.fill(scratch)
    const packet = this.alloc(size)
    packet.blitAt(0, scratch, 0, size) // the scratch packet has the epoch in it already
    const nextOut = this.nextOut
    packet[0] = PACKET_DATA | this.connectFlag
    packet[3] = nextOut
    packet[4] = this.nextIn
    this.connectFlag = 0
    this.unacknowledgedIn = 0
    this.nextOut = (nextOut + 1) & 0xff
    this.sent[nextOut & (MAX_CREDIT - 1)] = packet
    this.sentCount++
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
    const source = area.bytes
    let at = PACKET_HEADER_SIZE
    const dirtyEnd = area.dirtyEnd
    if (dirtyEnd > 0) {
      const runs = area.dirtyRuns
      let spanEnd = MAX_AREA_SIZE // behind every offset, so that the first span is never a near one
      for (let i = area.dirtyFirst; i < dirtyEnd; i++) {
        const run = runs[i]
        const offset = run >> RUN_OFFSET_SHIFT
        let bytes = run & RUN_LENGTH_MASK
        const gap = offset - spanEnd
        let overhead = SPAN_OVERHEAD
        // as an unsigned number, a negative gap is too large
        if (gap >>> 0 <= NEAR_SPAN_MAX_GAP) if (bytes <= NEAR_SPAN_MAX_LENGTH) overhead = NEAR_SPAN_OVERHEAD
        const room = MAX_PACKET_SIZE - at - overhead
        let isCut = false
        if (bytes > room) {
          area.dirtyFirst = i
          if (room <= 0) return at
          runs[i] = ((offset + room) << RUN_OFFSET_SHIFT) | (bytes - room)
          bytes = room
          isCut = true
        }
        if (overhead === NEAR_SPAN_OVERHEAD) {
          packet[at] = RECORD_NEAR_SPAN | (bytes - 1)
          packet[at + 1] = gap
        } else {
          packet[at] = RECORD_SPAN | (offset >> 8)
          packet[at + 1] = offset & 0xff
          packet[at + 2] = bytes
        }
        at += overhead
        packet.blitAt(at, source, offset, bytes)
        at += bytes
        if (isCut) return at
        spanEnd = offset + bytes
      }
      area.dirtyFirst = 0
      area.dirtyEnd = 0
    }
    let indexCount = area.indexCount
    while (indexCount > 0) {
      if (at > MAX_PACKET_SIZE - SPAN_OVERHEAD - 2) return at
      indexCount--
      area.indexCount = indexCount
      const offset = area.indexOffsets[indexCount]
      const bytes = area.indexLengths[indexCount]
      packet[at] = RECORD_SPAN | (offset >> 8)
      packet[at + 1] = offset & 0xff
      packet[at + 2] = bytes
      packet[at + 3] = source[offset]
      if (bytes > 1) packet[at + 4] = source[offset + 1]
      at += SPAN_OVERHEAD + bytes
    }
    const messages = this.messages
    while (this.messageCount > 0) {
      const frame = messages[0]
      const bytes = frame.length
      const begin = at + MESSAGE_OVERHEAD
      if (begin + bytes > MAX_PACKET_SIZE) break
      packet[at] = RECORD_MESSAGE
      packet[at + 1] = bytes
      packet.blitAt(begin, frame, 0, bytes)
      at = begin + bytes
      messages.shift()
      this.messageCount--
    }
    return at
  }
}
