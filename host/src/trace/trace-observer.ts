// Turns the packets of a link into events that can be read: live, or out of a capture. It needs only packets, their
// direction and time, so that every place where they can be seen shows the same.

import { PROBE_EPOCH } from "../../../shared-protocol/src/mailbox/packet.js"
import type { Direction } from "../link/link.js"
import { Conversation } from "./conversation.js"
import { describeMessage } from "./describe-message.js"
import { breachesIn } from "./message-breaches.js"
import { PACKET_SNAPSHOT, packetFields } from "./packet-fields.js"
import { type PacketContents, type PacketRecord, readPacket } from "./packet-records.js"
import { RequestWatch } from "./request-watch.js"
import type { MessageEvent, PacketContent, PacketEvent, PacketFlaws, Remark } from "./trace-event.js"
import { areaWrittenBy, WindowView } from "./window-view.js"

/** Below this distance a sequence lies behind the expected one, else before it. */
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
  /** The window as the packets so far made it. */
  readonly window = new WindowView()
  conversation = new Conversation(this.window)

  #requests = new RequestWatch(this.window, this.conversation)
  #count = 0
  #epoch: number | undefined
  /** The sequence that each direction comes to next; undefined until its first packet. */
  readonly #next: { out: number | undefined; in: number | undefined } = { out: undefined, in: undefined }
  /** Whether everything of this epoch was seen. */
  #isComplete = false

  /** The epoch that the packets speak of; undefined before the first. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /** Describes the next packet. Never throws, whatever the bytes are. What the capture lacks, it blames on nobody. */
  observe(timeMs: number, direction: Direction, bytes: Uint8Array, flaws: PacketFlaws = {}): PacketEvent {
    const parts = readPacket(bytes)
    const remarks: Remark[] = []
    const number = ++this.#count
    const isUnknown = flaws.isDirectionUnknown === true
    const isIgnored = !parts || isUnknown || !this.#accept(parts, direction, bytes, remarks)
    if (isUnknown)
      remarks.push({
        severity: "note",
        text: "the capture does not say who sent this packet: it is left out",
      })
    if (flaws.cutBytes !== undefined)
      remarks.push({ severity: "note", text: `the capture lacks its last ${flaws.cutBytes} bytes` })
    else if (!parts)
      remarks.push({ severity: "warning", text: `${bytes.length} bytes are too short for a packet's header` })
    else if (parts.malformedAt !== undefined)
      remarks.push({ severity: "warning", text: `malformed from byte ${parts.malformedAt} on` })
    // what was not seen accuses nobody of what follows
    if (flaws.cutBytes !== undefined || (isUnknown && parts?.hasData)) this.#isComplete = false
    const packet = { number, timeMs, direction, isIgnored, isUnknown, remarks, bytes }
    return {
      kind: "packet",
      number,
      timeMs,
      direction,
      isIgnored,
      remarks,
      bytes,
      fields: packetFields(bytes),
      hasData: parts?.hasData ?? false,
      contents: this.#contents(parts?.records ?? [], packet),
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

  /** Whether the receiver of this packet takes its records; says what is remarkable about its header. */
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
      warn(`the M4 knows no epoch 0x${epoch.toString(16)}: it has started again`)
      return false
    }
    if (parts.isConnect && direction === "out" && epoch !== this.#epoch) {
      this.#begin(epoch, true)
      note(`epoch 0x${epoch.toString(16)} begins`)
    } else if (this.#epoch === undefined) this.#begin(epoch, false)
    if (epoch !== this.#epoch) {
      warn(`of epoch 0x${epoch.toString(16)}, which is over`)
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
      warn(`${0x100 - behind === 1 ? "a packet" : `${0x100 - behind} packets`} before it got lost`)
      return false
    }
    this.#next[direction] = (sequence + 1) & 0xff
    return true
  }

  /** Its receiver has acknowledged more than was seen: the rest is missing in the capture. */
  #catchUp(parts: PacketContents, acknowledged: Direction, warn: (text: string) => void): void {
    const expected = this.#next[acknowledged]
    if (expected === undefined) return
    const ahead = (parts.acknowledgement - expected) & 0xff
    if (ahead === 0 || ahead >= HALF) return
    warn(`the trace lacks ${ahead} packet${ahead === 1 ? "" : "s"} of the other direction`)
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
    this.conversation = new Conversation(this.window)
    this.#requests = new RequestWatch(this.window, this.conversation)
    this.#next.out = isComplete ? 0 : undefined
    this.#next.in = isComplete ? 0 : undefined
  }

  #message({ at: offset, length }: PacketRecord, packet: Seen): MessageEvent {
    const frame = packet.bytes.subarray(offset, offset + length)
    const devNum = frame.length >= 4 ? (frame[2] as number) | ((frame[3] as number) << 8) : -1
    const deviceId = this.conversation.devices.get(devNum)?.deviceId ?? -1
    const message = describeMessage(frame, deviceId)
    const remarks = packet.isUnknown ? [] : breachesIn(packet.direction, message)
    if (packet.isIgnored) return { kind: "message", frame, offset, message, deviceId, remarks }
    const followed = this.conversation.follow(message, frame, packet, this.#isComplete)
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

  /** Stores the spans that stand together, and only then looks at what they are: a descriptor may be in two. */
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
    const place = `${area}:0x${areaOffset.toString(16)}`
    remarks.push({
      severity: "warning",
      text: `a span of ${bytes.length} bytes at ${place}, outside the area of ${this.window.sizes.get(area)}`,
    })
    return false
  }
}

/** What a packet's contents have to know of it. */
interface Seen {
  readonly number: number
  readonly timeMs: number
  readonly direction: Direction
  readonly bytes: Uint8Array
  readonly isIgnored: boolean
  /** Whether `direction` is but a guess. */
  readonly isUnknown: boolean
  readonly remarks: Remark[]
}
