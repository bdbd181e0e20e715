// What a watcher of the cable knows about both sides: the ladder's rows, the window, the queues, the epoch. A trace
// observer reads the packets that arrive. This adds those that do not, and what the page shows. It is the same for a
// simulated board, a real one and the live view.

import { PROBE_EPOCH } from "../../../../shared-protocol/src/mailbox/packet.js"
import { decodeEventAvail, decodeEventUsed } from "../../../../shared-protocol/src/messages/events.js"
import { decodeHelloResponse, type HelloResponse } from "../../../../shared-protocol/src/messages/hello.js"
import { DEVICE_AREA, DRIVER_AREA } from "../../../../shared-protocol/src/ring/layout.js"
import { Emitter } from "../../../src/emitter.js"
import { hexDigits } from "../../../src/hex.js"
import type { Fate } from "../../../src/link/faulty-link.js"
import type { Direction } from "../../../src/link/link.js"
import { PACKET_SNAPSHOT } from "../../../src/trace/packet-fields.js"
import { type PacketContents, readPacket } from "../../../src/trace/packet-records.js"
import type { MessageEvent, PacketContent, RequestEvent, SpanEvent } from "../../../src/trace/trace-event.js"
import { TraceObserver } from "../../../src/trace/trace-observer.js"
import { Counters } from "./counters.js"
import type { Areas, QueuePlace } from "./regions.js"
import type { MessageRow, RemarkTone, Row, SeenPacket } from "./row.js"

/** So many rows are kept. The oldest go first. */
const MOST_ROWS = 20_000
const ROWS_AT_ONCE = 1000
/** The size of an area until HELLO says it. */
const ASSUMED_AREA_SIZE = 8192

type DistributiveOmit<T, Keys extends PropertyKey> = T extends unknown ? Omit<T, Keys> : never

export class WireModel {
  readonly onRow = new Emitter<[row: Row]>()
  /** A packet wrote into the window. */
  readonly onWriting = new Emitter<[spans: readonly SpanEvent[]]>()
  /** The device described itself: an epoch has begun. */
  readonly onHello = new Emitter<[hello: HelloResponse]>()
  /** Everything was forgotten. */
  readonly onClear = new Emitter<[]>()

  counters = new Counters()
  hello: HelloResponse | undefined
  /** Goes up with every packet, and when everything is forgotten. */
  changeCount = 0

  #observer = new TraceObserver()
  #rows: Row[] = []
  #dropped = 0
  #packetCount = 0
  /** The epoch of the newest packet with records. Then, by direction, the sequence that its sender uses next. */
  #sentEpoch = 0
  #nextNew: { out: number | undefined; in: number | undefined } = { out: undefined, in: undefined }
  /** Rows that wait for an answer. */
  readonly #asking = new Map<string, MessageRow>()

  /** 0 before the first. */
  get epoch(): number {
    return this.#observer.epoch ?? 0
  }

  /** Both areas of the window, as their receivers have them. */
  get areas(): Areas {
    return { driver: this.#area(DRIVER_AREA), device: this.#area(DEVICE_AREA) }
  }

  /** The queues that are enabled. */
  get queues(): QueuePlace[] {
    return [...this.#observer.exchanges.devices.values()].flatMap((device) =>
      [...device.queues.values()]
        .filter(
          (queue) => queue.isEnabled && queue.desc.area === DRIVER_AREA && queue.device.area === DEVICE_AREA,
        )
        .map(({ index, size, desc, driver, device: used }) => ({
          devNum: device.devNum,
          deviceId: device.deviceId,
          index,
          size,
          desc: desc.offset,
          avail: driver.offset,
          used: used.offset,
        })),
    )
  }

  /** The rows have the numbers from `firstIndex` up to, not including, `endIndex`. */
  get firstIndex(): number {
    return this.#dropped
  }

  get endIndex(): number {
    return this.#dropped + this.#rows.length
  }

  row(index: number): Row | undefined {
    return this.#rows[index - this.#dropped]
  }

  /** The chain that `row` made available, as it came back. Undefined while it is in flight. */
  usedFrom(row: Row, { devNum, queueIndex, head }: RequestEvent): RequestEvent | undefined {
    for (let index = row.index + 1; index < this.endIndex; index++) {
      const later = this.row(index)
      if (later?.kind !== "message" && later?.kind !== "memory") continue
      const chain = later.requests.find(
        (one) => one.devNum === devNum && one.queueIndex === queueIndex && one.head === head,
      )
      if (chain) return chain.phase === "used" ? chain : undefined
    }
    return undefined
  }

  /** Takes a packet as it was put on the wire. Never throws on its bytes. */
  packet(direction: Direction, bytes: Uint8Array, fate: Fate, atMs: number): void {
    const contents = readPacket(bytes)
    if (!contents) return
    this.changeCount++
    // a snapshot of what was before the watching began: it was never on a cable
    const isSnapshot = ((bytes[0] as number) & PACKET_SNAPSHOT) !== 0
    const isRepetition = contents.hasData && !isSnapshot && !this.#isNew(direction, contents)
    const before = this.epoch
    // what never arrives changes nothing of what is known
    const observer = fate === "delivered" ? this.#observer : new TraceObserver()
    const event = observer.observe(atMs, direction, bytes)
    if (this.epoch !== before) {
      this.#asking.clear()
      const verb = isSnapshot ? "is under way; what was negotiated before" : "begins"
      this.remark(`Epoch 0x${hexDigits(this.epoch, 4)} ${verb}`, "plain", atMs)
    }
    const packet: SeenPacket = {
      number: ++this.#packetCount,
      atMs,
      direction,
      bytes,
      contents,
      fate,
      isRepetition,
      isTaken: fate === "delivered" && !event.isIgnored,
      remarks: fate === "delivered" ? event.remarks : [],
    }
    if (!isSnapshot) this.counters.count(packet)
    if (contents.hasData) this.#unpack(packet, event.contents)
    else this.#add({ kind: "signal", atMs, packet, text: signalText(contents) })
  }

  /** Notes something that happened besides the messages. */
  remark(text: string, tone: RemarkTone, atMs: number): void {
    this.#add({ kind: "remark", text, tone, atMs })
  }

  /** Forgets everything. */
  clear(): void {
    this.#observer = new TraceObserver()
    this.#rows = []
    this.#dropped = 0
    this.#packetCount = 0
    this.#sentEpoch = 0
    this.#asking.clear()
    this.counters = new Counters()
    this.hello = undefined
    this.changeCount++
    this.onClear.emit()
  }

  #area(area: number): Uint8Array {
    const bytes = this.#observer.window.area(area) ?? new Uint8Array(0)
    return this.hello ? bytes : bytes.subarray(0, ASSUMED_AREA_SIZE)
  }

  /** Whether the packet's sequence was not sent before, whether or not it arrived. */
  #isNew(direction: Direction, { epoch, sequence }: PacketContents): boolean {
    if (epoch !== this.#sentEpoch) {
      this.#sentEpoch = epoch
      this.#nextNew = { out: undefined, in: undefined }
    }
    const next = this.#nextNew[direction]
    if (next !== undefined && ((sequence - next) & 0xff) >= 0x80) return false
    this.#nextNew[direction] = (sequence + 1) & 0xff
    return true
  }

  #unpack(packet: SeenPacket, contents: readonly PacketContent[]): void {
    let spans: SpanEvent[] = []
    let requests: RequestEvent[] = []
    for (const content of contents) {
      if (content.kind === "span") spans.push(content)
      else if (content.kind === "request") requests.push(content)
      else {
        this.#message(packet, content, spans, requests)
        spans = []
        requests = []
      }
    }
    if (spans.length > 0) this.#add({ kind: "memory", atMs: packet.atMs, packet, spans, requests })
    if (packet.isTaken) this.onWriting.emit(contents.filter((content) => content.kind === "span"))
  }

  #message(
    packet: SeenPacket,
    { frame, offset, message, remarks }: MessageEvent,
    spans: readonly SpanEvent[],
    requests: readonly RequestEvent[],
  ): void {
    const asked = packet.isTaken ? this.#takeAsked(message.kind, questionOf(message), frame) : undefined
    const answers = asked && { index: asked.index, tookMs: packet.atMs - asked.atMs }
    const { atMs } = packet
    const row = this.#add({
      kind: "message",
      atMs,
      packet,
      offset,
      length: frame.length,
      message,
      remarks,
      spans,
      requests,
      answers,
    }) as MessageRow
    if (!packet.isTaken) return
    if (answers) this.counters.roundTrip(answers.tookMs)
    if (message.kind === "request") this.#asking.set(questionOf(message), row)
    if (message.name === "EVENT_AVAIL") {
      const kick = decodeEventAvail(frame)
      if (kick.ok) this.#asking.set(kickOf(message.devNum, kick.value.vqIndex), row)
    }
    const hello =
      message.name === "HELLO" && message.kind === "response" ? decodeHelloResponse(frame) : undefined
    if (!hello?.ok) return
    this.hello = hello.value
    this.onHello.emit(hello.value)
  }

  /** The row that this message answers: a request with its token, or for EVENT_USED the queue's last EVENT_AVAIL. */
  #takeAsked(kind: string, question: string, frame: Uint8Array): MessageRow | undefined {
    let asked = kind === "response" ? question : undefined
    const used = kind === "event" ? decodeEventUsed(frame) : undefined
    if (used?.ok) asked = kickOf((frame[2] ?? 0) | ((frame[3] ?? 0) << 8), used.value)
    if (asked === undefined) return undefined
    const row = this.#asking.get(asked)
    this.#asking.delete(asked)
    return row
  }

  #add(row: DistributiveOmit<Row, "index">): Row {
    const numbered = { ...row, index: this.endIndex } as Row
    this.#rows.push(numbered)
    // many at a time, because shifting a long array is slow
    if (this.#rows.length > MOST_ROWS + ROWS_AT_ONCE) {
      this.#rows = this.#rows.slice(ROWS_AT_ONCE)
      this.#dropped += ROWS_AT_ONCE
    }
    this.onRow.emit(numbered)
    return numbered
  }
}

/** A key that a request and its response share, and no other pair in flight. */
function questionOf({ devNum, name, token }: MessageRow["message"]): string {
  return `${devNum ?? "bus"} ${name} ${token}`
}

function kickOf(devNum: number | undefined, queueIndex: number): string {
  return `${devNum} kick ${queueIndex}`
}

function signalText(contents: PacketContents): string {
  if (contents.epoch === PROBE_EPOCH)
    return contents.knowsNoEpoch ? "the service is there" : "is the service there?"
  if (contents.knowsNoEpoch) return `"I know no epoch 0x${hexDigits(contents.epoch, 4)}": it started again`
  if (contents.asksAgain) return `send again from ${contents.acknowledgement} on`
  return `heartbeat; packets before ${contents.acknowledgement} arrived`
}
