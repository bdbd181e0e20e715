// Turns the packets of a link into events that can be read, live or from a capture. It needs only the packets, their
// direction and time. So every place where packets can be seen shows the same.

import { PROBE_EPOCH } from "../../../shared-protocol/src/mailbox/packet.js"
import { counted } from "../counted.js"
import { hex } from "../hex.js"
import type { Direction } from "../link/link.js"
import { describeMessage } from "./describe-message.js"
import { ExchangeFollower } from "./exchange-follower.js"
import { breachesIn } from "./message-breaches.js"
import { PACKET_SNAPSHOT, packetFields } from "./packet-fields.js"
import { type PacketContents, type PacketRecord, readPacket } from "./packet-records.js"
import { RequestWatch } from "./request-watch.js"
import type { MessageEvent, PacketContent, PacketEvent, PacketFlaws, Remark } from "./trace-event.js"
import { areaWrittenBy, WindowView } from "./window-view.js"

/** If a sequence is less than this ahead of the expected one, it is a later one; otherwise it is an earlier one. */
const HALF = 0x80

/**
 * Describes packets in the order in which they crossed a link: what is in them, and which rules they break.
 *
 * @example
 * ```ts
 * import { TraceObserver } from "virtio-msg"
 *
 * const observer = new TraceObserver()
 * const event = observer.observe(0, "out", Uint8Array.of(0, 1, 0, 0, 0))
 * console.log(event.number, event.hasData) // 1 false
 * ```
 */
export class TraceObserver {
  /** The window, as the packets have filled it so far. */
  readonly window = new WindowView()
  exchanges = new ExchangeFollower(this.window)

  #requests = new RequestWatch(this.window, this.exchanges)
  #count = 0
  #epoch: number | undefined
  /** The next sequence of each direction. Undefined until its first packet. */
  readonly #next: { out: number | undefined; in: number | undefined } = { out: undefined, in: undefined }
  /** Whether everything of this epoch was seen. */
  #isComplete = false

  /** The epoch of the last packets. Undefined before the first. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /** Describes the next packet. Never throws, whatever the bytes are. Nobody is blamed for what the capture lacks. */
  observe(timeMs: number, direction: Direction, bytes: Uint8Array, flaws: PacketFlaws = {}): PacketEvent {
    const parts = readPacket(bytes)
    const remarks: Remark[] = []
    const note = (text: string) => remarks.push({ severity: "note", text })
    const warn = (text: string) => remarks.push({ severity: "warning", text })
    const number = ++this.#count
    const isUnknown = flaws.isDirectionUnknown === true
    const isIgnored = !parts || isUnknown || !this.#accept(parts, direction, bytes, remarks)
    if (isUnknown) note("the capture does not say who sent this packet: it is left out")
    if (flaws.cutBytes !== undefined) note(`the capture lacks its last ${counted(flaws.cutBytes, "byte")}`)
    else if (!parts) warn(`${counted(bytes.length, "byte is", "bytes are")} too short for a packet's header`)
    else if (parts.malformedAt !== undefined) warn(`malformed from byte ${parts.malformedAt} on`)
    // a packet that was not seen is no reason to blame those that follow
    if (flaws.cutBytes !== undefined || (isUnknown && parts?.hasData)) this.#isComplete = false
    const packet = { number, timeMs, direction, isIgnored, remarks, bytes }
    return {
      kind: "packet",
      ...packet,
      fields: packetFields(bytes),
      hasData: parts?.hasData ?? false,
      contents: this.#contents(parts?.records ?? [], { ...packet, isUnknown }),
    }
  }

  #contents(records: readonly PacketRecord[], packet: Seen): PacketContent[] {
    const spans: PacketRecord[] = []
    const contents: PacketContent[] = []
    for (const record of records) {
      if (record.kind === "span") spans.push(record)
      else contents.push(...this.#spans(spans, packet), this.#message(record, packet))
    }
    contents.push(...this.#spans(spans, packet))
    return contents
  }

  /**
   * Whether the receiver of this packet accepts its records. Also says what is remarkable about the packet's header.
   */
  #accept(parts: PacketContents, direction: Direction, bytes: Uint8Array, remarks: Remark[]): boolean {
    const note = (text: string) => remarks.push({ severity: "note", text })
    const warn = (text: string) => remarks.push({ severity: "warning", text })
    const { epoch, sequence } = parts
    if (epoch === PROBE_EPOCH) {
      note(direction === "out" ? "a search: is the service there?" : "the service is there")
      return false
    }
    if ((bytes[0] as number) & PACKET_SNAPSHOT) return this.#takeSnapshot(epoch, note)
    if (parts.knowsNoEpoch) {
      warn(`the M4 knows no epoch ${hex(epoch)}: it has started again`)
      return false
    }
    if (parts.isConnect && direction === "out" && epoch !== this.#epoch) {
      this.#begin(epoch, true)
      note(`epoch ${hex(epoch)} begins`)
    } else if (this.#epoch === undefined) this.#begin(epoch, false)
    if (epoch !== this.#epoch) {
      warn(`of epoch ${hex(epoch)}, which is over`)
      return false
    }
    if (parts.asksAgain) note("asks to send again what is unacknowledged")
    this.#catchUp(parts, direction === "out" ? "in" : "out", warn)
    if (!parts.hasData) return false
    const expected = this.#next[direction] ?? sequence
    const behind = (expected - sequence) & 0xff
    if (behind > 0 && behind < HALF) {
      note("sent again")
      return false
    }
    if (behind > 0) {
      warn(`${0x100 - behind === 1 ? "a packet" : `${counted(0x100 - behind, "packet")}`} before it got lost`)
      return false
    }
    this.#next[direction] = (sequence + 1) & 0xff
    return true
  }

  /** The receiver has acknowledged more than was seen: the capture lacks the rest. */
  #catchUp(parts: PacketContents, acknowledged: Direction, warn: (text: string) => void): void {
    const expected = this.#next[acknowledged]
    if (expected === undefined) return
    const ahead = (parts.acknowledgement - expected) & 0xff
    if (ahead === 0 || ahead >= HALF) return
    warn(`the trace lacks ${counted(ahead, "packet")} of the other direction`)
    this.#next[acknowledged] = parts.acknowledgement
    this.#isComplete = false
  }

  #takeSnapshot(epoch: number, note: (text: string) => void): boolean {
    if (epoch !== this.#epoch) this.#begin(epoch, false)
    note("what was negotiated, and stood in the window, when the trace began")
    return true
  }

  #begin(epoch: number, isComplete: boolean): void {
    this.#epoch = epoch
    this.#isComplete = isComplete
    this.window.clear()
    this.exchanges = new ExchangeFollower(this.window)
    this.#requests = new RequestWatch(this.window, this.exchanges)
    this.#next.out = isComplete ? 0 : undefined
    this.#next.in = isComplete ? 0 : undefined
  }

  #message({ at: offset, length }: PacketRecord, packet: Seen): MessageEvent {
    const frame = packet.bytes.subarray(offset, offset + length)
    const devNum = frame.length >= 4 ? (frame[2] as number) | ((frame[3] as number) << 8) : -1
    const deviceId = this.exchanges.devices.get(devNum)?.deviceId ?? -1
    const message = describeMessage(frame, deviceId)
    const remarks = packet.isUnknown ? [] : breachesIn(packet.direction, message)
    if (packet.isIgnored) return { kind: "message", frame, offset, message, deviceId, remarks }
    const followed = this.exchanges.follow(message, frame, packet, this.#isComplete)
    return {
      kind: "message",
      frame,
      offset,
      message,
      deviceId,
      remarks: [...remarks, ...followed.remarks],
      ...(followed.asked
        ? { requestNumber: followed.asked.packetNumber, roundTripMs: packet.timeMs - followed.asked.timeMs }
        : {}),
    }
  }

  /** Stores all spans of a run first, and then looks at what they are: a descriptor may be in two spans. */
  #spans(spans: PacketRecord[], packet: Seen): PacketContent[] {
    const area = areaWrittenBy(packet.direction)
    const run = spans.splice(0).map(({ at, length, offset }) => ({
      kind: "span" as const,
      area,
      areaOffset: offset,
      bytes: packet.bytes.subarray(at, at + length),
      offset: at,
    }))
    const stored = run.map((span) => !packet.isIgnored && this.#store(span, packet.remarks))
    return run.flatMap((span, i): PacketContent[] => {
      if (!stored[i]) return [{ ...span, records: [] }]
      const { areaOffset, bytes } = span
      return [
        { ...span, records: this.#requests.recordsIn(area, areaOffset, bytes.length) },
        ...this.#requests.announcedBy(area, areaOffset, bytes.length, packet.timeMs),
      ]
    })
  }

  #store(
    { area, areaOffset, bytes }: { area: number; areaOffset: number; bytes: Uint8Array },
    remarks: Remark[],
  ): boolean {
    if (this.window.write(area, areaOffset, bytes)) return true
    const place = `${area}:${hex(areaOffset)}`
    remarks.push({
      severity: "warning",
      text: `a span of ${counted(bytes.length, "byte")} at ${place}, outside the area of ${this.window.sizes.get(area)}`,
    })
    return false
  }
}

/** What describing a packet's contents needs to know of the packet. */
interface Seen {
  readonly number: number
  readonly timeMs: number
  readonly direction: Direction
  readonly bytes: Uint8Array
  readonly isIgnored: boolean
  /** Whether `direction` is only a guess. */
  readonly isUnknown: boolean
  readonly remarks: Remark[]
}
