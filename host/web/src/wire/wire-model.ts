// What a watcher of the cable knows of both sides, from the packets alone: the ladder's rows, the window as the
// receivers have it, the queues, the epoch. The same for a simulated board, a real one and a view from afar.

import {
  decodeGetDeviceInfoResponse,
  UUID_SIZE,
} from "../../../../shared-protocol/src/messages/device-info.js"
import { decodeEventAvail, decodeEventUsed } from "../../../../shared-protocol/src/messages/events.js"
import { TYPE_BUS } from "../../../../shared-protocol/src/messages/header.js"
import { decodeHelloResponse, type HelloResponse } from "../../../../shared-protocol/src/messages/hello.js"
import {
  decodeSetDeviceStatusRequest,
  decodeSetDeviceStatusResponse,
} from "../../../../shared-protocol/src/messages/status.js"
import {
  decodeResetVqueueRequest,
  decodeSetVqueueRequest,
} from "../../../../shared-protocol/src/messages/vqueue.js"
import { DEVICE_AREA, DRIVER_AREA } from "../../../../shared-protocol/src/ring/layout.js"
import { Emitter } from "../../../src/emitter.js"
import { describeMessage } from "../../../src/trace/describe-message.js"
import { type PacketContents, type PacketRecord, readPacket } from "../../../src/trace/packet-records.js"
import type { Direction } from "../../../src/trace/trace.js"
import type { Fate } from "../bench/cable.js"
import { Counters } from "./counters.js"
import type { QueuePlace } from "./queue-view.js"
import type { MessageRow, RemarkTone, Row, SeenPacket } from "./row.js"

/** As many rows are kept; the oldest go first. */
const MOST_ROWS = 20_000
/** An area's size until HELLO says it. */
const ASSUMED_AREA_SIZE = 8192

/** Runs of bytes that one packet wrote. */
export interface Writing {
  readonly area: "driver" | "device"
  readonly spans: readonly PacketRecord[]
}

type DistributiveOmit<T, Keys extends PropertyKey> = T extends unknown ? Omit<T, Keys> : never

export class WireModel {
  readonly onRow = new Emitter<[row: Row]>()
  readonly onWriting = new Emitter<[writing: Writing]>()
  /** The device said what it is: an epoch has begun. */
  readonly onHello = new Emitter<[hello: HelloResponse]>()
  /** Everything was forgotten. */
  readonly onClear = new Emitter<[]>()

  areas = emptyAreas(ASSUMED_AREA_SIZE, ASSUMED_AREA_SIZE)
  counters = new Counters()
  hello: HelloResponse | undefined
  /** 0 before the first. */
  epoch = 0
  /** What GET_DEVICE_INFO said of each device number: its virtio device id. */
  readonly deviceIds = new Map<number, number>()
  readonly statuses = new Map<number, number>()

  readonly #queues = new Map<string, QueuePlace>()
  #rows: Row[] = []
  #dropped = 0
  #packetCount = 0
  /** By direction: the sequence that its receiver takes next, and the one that its sender uses next. */
  #expected = { out: 0, in: 0 }
  #nextNew = { out: 0, in: 0 }
  /** Rows that wait for an answer. */
  readonly #asking = new Map<string, MessageRow>()

  get queues(): QueuePlace[] {
    return [...this.#queues.values()]
  }

  /** Rows have the numbers from `firstIndex` up to, not including, `endIndex`. */
  get firstIndex(): number {
    return this.#dropped
  }

  get endIndex(): number {
    return this.#dropped + this.#rows.length
  }

  row(index: number): Row | undefined {
    return this.#rows[index - this.#dropped]
  }

  /** The newest row for which `isIt` holds, looking back as far as `from`. */
  findRow(isIt: (row: Row) => boolean, from = this.firstIndex): Row | undefined {
    for (let index = this.endIndex - 1; index >= Math.max(from, this.firstIndex); index--) {
      const row = this.row(index)
      if (row && isIt(row)) return row
    }
    return undefined
  }

  /** Takes a packet as it was put on the wire. Never throws on its bytes. */
  packet(direction: Direction, bytes: Uint8Array, fate: Fate, atMs: number): void {
    const contents = readPacket(bytes)
    if (!contents) return
    const isOfEpoch = this.#followEpoch(direction, contents, fate, atMs)
    const isRepetition = contents.hasData && isOfEpoch && !this.#isNew(direction, contents.sequence)
    const isTaken = fate === "delivered" && isOfEpoch && contents.sequence === this.#expected[direction]
    const packet: SeenPacket = {
      number: ++this.#packetCount,
      atMs,
      direction,
      bytes,
      contents,
      fate,
      isRepetition,
    }
    this.counters.count(packet)
    if (!contents.hasData) {
      this.#add({ kind: "signal", atMs, packet, text: signalText(contents) })
      return
    }
    if (isTaken) this.#expected[direction] = (contents.sequence + 1) & 0xff
    this.#unpack(packet, isTaken)
  }

  /** Notes what happened beside the messages. */
  remark(text: string, tone: RemarkTone, atMs: number): void {
    this.#add({ kind: "remark", text, tone, atMs })
  }

  /** Forgets everything. */
  clear(): void {
    this.#rows = []
    this.#dropped = 0
    this.#packetCount = 0
    this.counters = new Counters()
    this.hello = undefined
    this.epoch = 0
    this.#forgetEpoch()
    this.areas = emptyAreas(ASSUMED_AREA_SIZE, ASSUMED_AREA_SIZE)
    this.onClear.emit()
  }

  /** Whether the packet belongs to the present epoch; a CONNECT begins another. */
  #followEpoch(direction: Direction, contents: PacketContents, fate: Fate, atMs: number): boolean {
    if (contents.epoch === this.epoch) return true
    // who joins late has not seen the CONNECT
    if (!contents.hasData || (this.epoch !== 0 && !contents.isConnect)) return false
    this.#forgetEpoch()
    this.epoch = contents.epoch
    this.#expected[direction] = contents.sequence
    this.#nextNew[direction] = contents.sequence
    this.areas = emptyAreas(this.areas.driver.length, this.areas.device.length)
    if (fate === "delivered") this.remark(`Epoch 0x${hex4(contents.epoch)} begins`, "plain", atMs)
    return true
  }

  #forgetEpoch(): void {
    this.#queues.clear()
    this.#asking.clear()
    this.deviceIds.clear()
    this.statuses.clear()
    this.#expected = { out: 0, in: 0 }
    this.#nextNew = { out: 0, in: 0 }
  }

  #isNew(direction: Direction, sequence: number): boolean {
    if (((sequence - this.#nextNew[direction]) & 0xff) >= 0x80) return false
    this.#nextNew[direction] = (sequence + 1) & 0xff
    return true
  }

  #unpack(packet: SeenPacket, isTaken: boolean): void {
    const area = packet.direction === "out" ? "driver" : "device"
    const written: PacketRecord[] = []
    let spans: PacketRecord[] = []
    for (const record of packet.contents.records) {
      if (record.kind === "span") {
        spans.push(record)
        const isInside = record.offset + record.length <= this.areas[area].length
        if (!isTaken || !isInside) continue
        this.areas[area].set(packet.bytes.subarray(record.at, record.at + record.length), record.offset)
        written.push(record)
      } else {
        this.#message(packet, record, spans, isTaken)
        spans = []
      }
    }
    if (spans.length > 0) this.#add({ kind: "memory", atMs: packet.atMs, packet, spans })
    if (written.length > 0) this.onWriting.emit({ area, spans: written })
  }

  #message(packet: SeenPacket, record: PacketRecord, spans: PacketRecord[], isTaken: boolean): void {
    const frame = packet.bytes.slice(record.at, record.at + record.length)
    const devNum = (frame[2] ?? 0) | ((frame[3] ?? 0) << 8)
    const message = describeMessage(frame, this.deviceIds.get(devNum) ?? -1)
    const isBus = ((frame[0] ?? 0) & TYPE_BUS) !== 0
    const key = isBus ? `bus ${message.name} ${message.token}` : `${devNum} ${message.name} ${message.token}`
    const asked = isTaken ? this.#takeAsked(message.kind, key, frame, devNum) : undefined
    const answers = asked && { index: asked.index, tookMs: packet.atMs - asked.atMs }
    const row = this.#add({
      kind: "message",
      atMs: packet.atMs,
      packet,
      record,
      frame,
      message,
      spans,
      answers,
    })
    if (!isTaken) return
    if (answers) this.counters.roundTrip(answers.tookMs)
    if (message.kind === "request") this.#asking.set(key, row as MessageRow)
    if (message.name === "EVENT_AVAIL") {
      const kick = decodeEventAvail(frame)
      if (kick.ok) this.#asking.set(`${devNum} kick ${kick.value.vqIndex}`, row as MessageRow)
    }
    this.#learn(frame, message.name, message.kind, devNum, isBus)
  }

  /** The row that this message answers: a request by its token, or the last EVENT_AVAIL of an EVENT_USED's queue. */
  #takeAsked(kind: string, key: string, frame: Uint8Array, devNum: number): MessageRow | undefined {
    let asked = kind === "response" ? key : undefined
    const used = kind === "event" ? decodeEventUsed(frame) : undefined
    if (used?.ok) asked = `${devNum} kick ${used.value}`
    if (asked === undefined) return undefined
    const row = this.#asking.get(asked)
    this.#asking.delete(asked)
    return row
  }

  /** Keeps what a message that arrived says of devices, queues and the window. */
  #learn(frame: Uint8Array, name: string, kind: string, devNum: number, isBus: boolean): void {
    if (isBus) {
      const hello = name === "HELLO" && kind === "response" ? decodeHelloResponse(frame) : undefined
      if (!hello?.ok) return
      this.hello = hello.value
      this.areas = emptyAreas(hello.value.driverAreaSize, hello.value.deviceAreaSize)
      this.onHello.emit(hello.value)
    } else if (name === "GET_DEVICE_INFO" && kind === "response") {
      const info = decodeGetDeviceInfoResponse(frame, new Uint8Array(UUID_SIZE))
      if (info.ok) this.deviceIds.set(devNum, info.value.deviceId)
    } else if (name === "SET_DEVICE_STATUS" && kind === "request") {
      const status = decodeSetDeviceStatusRequest(frame)
      if (status.ok && status.value === 0)
        for (const [key, queue] of this.#queues) if (queue.devNum === devNum) this.#queues.delete(key)
    } else if (name === "SET_DEVICE_STATUS") {
      const status = decodeSetDeviceStatusResponse(frame)
      if (status.ok) this.statuses.set(devNum, status.value)
    } else if (name === "RESET_VQUEUE" && kind === "request") {
      const index = decodeResetVqueueRequest(frame)
      if (index.ok) this.#queues.delete(`${devNum}:${index.value}`)
    } else if (name === "SET_VQUEUE" && kind === "request") this.#placeQueue(frame, devNum)
  }

  #placeQueue(frame: Uint8Array, devNum: number): void {
    const setting = decodeSetVqueueRequest(frame)
    if (!setting.ok) return
    const { index, size, desc, driver, device } = setting.value
    // only a queue in our window can be drawn
    if (desc.high >>> 16 !== DRIVER_AREA || driver.high >>> 16 !== DRIVER_AREA) return
    if (device.high >>> 16 !== DEVICE_AREA) return
    this.#queues.set(`${devNum}:${index}`, {
      devNum,
      index,
      size,
      desc: desc.low,
      avail: driver.low,
      used: device.low,
    })
  }

  #add(row: DistributiveOmit<Row, "index">): Row {
    const numbered = { ...row, index: this.endIndex } as Row
    this.#rows.push(numbered)
    // not one at a time: shifting a long array is slow
    if (this.#rows.length > MOST_ROWS + 1000) {
      this.#rows = this.#rows.slice(1000)
      this.#dropped += 1000
    }
    this.onRow.emit(numbered)
    return numbered
  }
}

function emptyAreas(driverSize: number, deviceSize: number) {
  return { driver: new Uint8Array(driverSize), device: new Uint8Array(deviceSize) }
}

function signalText(contents: PacketContents): string {
  if (contents.knowsNoEpoch) return `"I know no epoch 0x${hex4(contents.epoch)}": it started again`
  if (contents.asksAgain) return `send again from ${contents.acknowledgement} on`
  return `heartbeat; packets before ${contents.acknowledgement} arrived`
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, "0")
}
