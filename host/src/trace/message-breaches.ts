// The rules of the specification that a message breaks, as far as the message alone shows it. exchange-follower.ts
// finds those that show only with the messages before. A remark names the conformance row.

import { TYPE_BUS, TYPE_RESPONSE } from "../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { counted } from "../counted.js"
import type { Direction } from "../link/link.js"
import type { MessageDescription } from "./describe-message.js"
import type { Remark } from "./trace-event.js"

/** The value of a message's numeric field. 0 when the message has no field of that name. */
export function numberOf(message: MessageDescription, name: string): number {
  const value = message.fields.find((field) => field.name === name)?.value
  return typeof value === "number" ? value : 0
}

/** Whether a message has that id and direction. */
export function is(message: MessageDescription, msgId: number, kind: MessageDescription["kind"]): boolean {
  return message.devNum !== undefined && message.msgId === msgId && message.kind === kind
}

/** The blocks of feature bits in a message, each with its number. */
export function blocksOf(message: MessageDescription): [block: number, bits: number][] {
  const first = numberOf(message, "block_index")
  const fields = message.fields.filter(({ name }) => name === "features")
  return fields.map(({ value }, i) => [first + i, Number(value)])
}

export function breachesIn(direction: Direction, message: MessageDescription): Remark[] {
  const found: Remark[] = []
  const breach = (row: string, text: string) => found.push({ severity: "breach", row, text })
  const isFromDriver = direction === "out"
  if (message.malformed !== undefined) {
    breach(isFromDriver ? "D15" : "V23", `malformed: ${message.malformed}`)
    return found
  }
  const type = numberOf(message, "type")
  const isBus = (type & TYPE_BUS) !== 0
  if (type & ~(TYPE_BUS | TYPE_RESPONSE))
    breach(isBus ? "B23" : isFromDriver ? "D14" : "V22", "reserved bits of type are set")
  if (isBus && numberOf(message, "dev_num") !== 0) breach("G2", "a bus message has a dev_num")
  if (type & TYPE_RESPONSE && isEventId(message.msgId)) breach("G1", "an event is marked as a response")
  const isUnknown = message.name.startsWith("message ")
  if (isUnknown) found.push({ severity: "warning", text: "no message of the specification has this msg_id" })
  checkDirection(message, isFromDriver, isBus, breach)
  if (isBus) checkBus(message, breach)
  else checkTransport(message, breach)
  return found
}

type Breach = (row: string, text: string) => void

function isEventId(msgId: number): boolean {
  return msgId >= 0x40 && msgId < 0x80
}

function checkDirection(
  message: MessageDescription,
  isFromDriver: boolean,
  isBus: boolean,
  breach: Breach,
): void {
  if (isBus) return
  if (message.kind === "request" && !isFromDriver) breach("V29", "a device sends a request")
  if (message.kind === "response" && isFromDriver) breach("D34", "a driver sends a response")
  if (message.kind !== "event") return
  if (message.msgId === ids.EVENT_AVAIL && !isFromDriver) breach("V35", "a device sends EVENT_AVAIL")
  if ((message.msgId === ids.EVENT_USED || message.msgId === ids.EVENT_CONFIG) && isFromDriver)
    breach("D31", `a driver sends ${message.name}`)
}

function checkBus(message: MessageDescription, breach: Breach): void {
  if (message.msgId !== ids.GET_DEVICES || message.kind !== "response") return
  const first = numberOf(message, "first_number")
  const next = numberOf(message, "next_number")
  const count = numberOf(message, "count")
  if (next !== 0 && next <= first) breach("B48", `next_number ${next} is not behind ${first}`)
  const bitmap = String(message.fields.find((field) => field.name === "bitmap")?.value ?? "")
  const last = Number.parseInt(bitmap.slice(-2) || "0", 16)
  if (count % 8 !== 0 && last >> (count % 8)) breach("B46", "unused bits of the bitmap are set")
}

function checkTransport(message: MessageDescription, breach: Breach): void {
  const value = (name: string) => numberOf(message, name)
  if (is(message, ids.GET_DEVICE_INFO, "response")) {
    if (value("max_virtqueues") > 65536) breach("V39", `max_virtqueues is ${value("max_virtqueues")}`)
    if (value("admin_vq_count") === 0 && value("admin_vq_start") !== 0)
      breach("V41", "admin_vq_start without administration virtqueues")
    if (value("admin_vq_start") + value("admin_vq_count") > value("max_virtqueues"))
      breach("V42", "administration virtqueues outside max_virtqueues")
  }
  if (is(message, ids.GET_VQUEUE, "response") && value("flags") >>> 1) breach("V55", "reserved flags are set")
  if (is(message, ids.GET_SHM, "response") && value("reserved") !== 0) breach("V67", "reserved is not 0")
  if (is(message, ids.SET_VQUEUE, "request")) checkSetVqueue(message, breach)
  if (is(message, ids.SET_DRIVER_FEATURES, "request")) checkDriverFeatures(message, breach)
  if (is(message, ids.EVENT_CONFIG, "event") && value("length") === 0 && value("offset") !== 0)
    breach("V13", "a range of length 0 with an offset")
  if (is(message, ids.SET_CONFIG, "response") && value("length") === 0 && value("msg_size") > 20)
    breach("V48", "data in a response of length 0")
}

const SIZE_IGNORE = 4
/** The name of the address, its ignore bit, and the alignment that a split virtqueue wants. */
const ADDRESSES: readonly [string, number, number][] = [
  ["desc", 8, 16],
  ["driver", 16, 2],
  ["device", 32, 4],
]

function checkSetVqueue(message: MessageDescription, breach: Breach): void {
  const flags = numberOf(message, "flags")
  const size = numberOf(message, "size")
  if (flags >>> 6 || numberOf(message, "reserved") !== 0) breach("D48", "reserved bits are set")
  if ((flags & 3) === 3) breach("D49", "the reserved state operation 3")
  if ((flags & SIZE_IGNORE) === 0 && (size < 1 || size > 32768 || size & (size - 1)))
    breach("D51", `a queue of ${counted(size, "descriptor")}: not a power of two up to 32768`)
  for (const [name, ignoreBit, alignment] of ADDRESSES) {
    if (flags & ignoreBit) continue
    const address = BigInt(message.fields.find((field) => field.name === name)?.value ?? 0)
    if (address % BigInt(alignment)) breach("D52", `${name} is not aligned to ${counted(alignment, "byte")}`)
  }
}

/** VIRTIO_F_NOTIF_CONFIG_DATA is bit 39: never negotiated over virtio-msg. */
function checkDriverFeatures(message: MessageDescription, breach: Breach): void {
  for (const [block, bits] of blocksOf(message))
    if (block === 1 && (bits >>> 7) & 1) breach("D26", "VIRTIO_F_NOTIF_CONFIG_DATA is taken")
}
