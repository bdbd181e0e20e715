// The fields of every message, in the order and with the names of the specification (virtio-msg "Core Messages",
// "Bus Messages"; HELLO: docs/bus.md). They are data: host/wireshark/build.mjs makes the dissector's layouts of them.

import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { deviceTypeName, featureBits, featureName, statusName } from "../driver/names.js"
import { hex } from "../hex.js"
import type { FieldReader } from "./field.js"

/** What numbers mean. The dissector has functions of the same names (host/wireshark/parts/messages.lua). */
const MEANINGS = {
  hex,
  device_type: deviceTypeName,
  status: statusName,
  max_size: (size: number) => (size === 0 ? "no such queue" : ""),
  enabled: (flags: number) => (flags & 1 ? "enabled" : "not enabled"),
  set_vqueue_flags: setVqueueFlags,
  next_number: (next: number) => (next === 0 ? "no more" : ""),
  bus_state: (state: number) => ["", "ADDED", "REMOVED"][state] ?? "unknown",
  transport_features: (bits: number) => (bits & 1 ? "STRICT_CONFIG_GENERATION" : "none"),
  hello_flags: (flags: number) => (flags & 1 ? "simulated chips" : "real chips"),
}

/** The same for numbers of 64 bits. */
const WIDE_MEANINGS = {
  address: windowAddress,
  shm_length: (low: number, high: number) => (low === 0 && high === 0 ? "no such region" : ""),
}

/**
 * A field: how it is read, its name, and the name of what it means. `data` has as many bytes, `bitmap` as many bits, and
 * `features` as many blocks of 32 bits, as the number before says; the last two are counted from the first number on.
 */
export type FieldLayout =
  | readonly [form: "u8" | "u16" | "u32", name: string, meaning?: keyof typeof MEANINGS]
  | readonly [form: "u64", name: string, meaning: keyof typeof WIDE_MEANINGS]
  | readonly [form: "uuid" | "version" | "text" | "data" | "bitmap" | "features", name: string]

export interface MessageLayout {
  readonly id: number
  /** The specification's name. */
  readonly name: string
  /** Request or event. */
  readonly request: readonly FieldLayout[]
  readonly response: readonly FieldLayout[]
}

const layout = (
  id: number,
  name: string,
  request: readonly FieldLayout[],
  response: readonly FieldLayout[] = [],
): MessageLayout => ({ id, name, request, response })

/** Numbers of 32 or 16 bits without a meaning, one after another. */
const words = (...names: string[]) => names.map((name): FieldLayout => ["u32", name])
const halves = (...names: string[]) => names.map((name): FieldLayout => ["u16", name])

const FEATURES: readonly FieldLayout[] = [...words("block_index", "num_blocks"), ["features", "features"]]
const CONFIGURATION: readonly FieldLayout[] = [...words("generation", "offset", "length"), ["data", "data"]]
const STATUS: readonly FieldLayout[] = [["u32", "status", "status"]]
const NONE: readonly FieldLayout[] = []
const HASH: FieldLayout = ["u32", "protocol_hash", "hex"]
const HELLO_REQUEST: readonly FieldLayout[] = [HASH, ...halves("bus_version", "hello_reserved")]
const PING: readonly FieldLayout[] = [["u32", "ping_data", "hex"]]
const ADDRESSES = ["desc", "driver", "device"].map((name): FieldLayout => ["u64", name, "address"])

export const TRANSPORT_LAYOUTS: readonly MessageLayout[] = [
  layout(ids.GET_DEVICE_INFO, "GET_DEVICE_INFO", NONE, [
    ["u32", "device_id", "device_type"],
    ["u32", "vendor_id"],
    ["uuid", "device_uuid"],
    ...words("num_feature_blocks", "config_size", "max_virtqueues", "admin_vq_start", "admin_vq_count"),
  ]),
  layout(ids.GET_DEVICE_FEATURES, "GET_DEVICE_FEATURES", words("block_index", "num_blocks"), FEATURES),
  layout(ids.SET_DRIVER_FEATURES, "SET_DRIVER_FEATURES", FEATURES),
  layout(ids.GET_CONFIG, "GET_CONFIG", words("offset", "length"), CONFIGURATION),
  layout(ids.SET_CONFIG, "SET_CONFIG", CONFIGURATION, CONFIGURATION),
  layout(ids.GET_DEVICE_STATUS, "GET_DEVICE_STATUS", NONE, STATUS),
  layout(ids.SET_DEVICE_STATUS, "SET_DEVICE_STATUS", STATUS, STATUS),
  layout(ids.GET_VQUEUE, "GET_VQUEUE", words("index"), [
    ["u32", "index"],
    ["u32", "max_size", "max_size"],
    ["u32", "cur_size"],
    ["u32", "flags", "enabled"],
    ...ADDRESSES,
  ]),
  layout(ids.SET_VQUEUE, "SET_VQUEUE", [
    ["u32", "index"],
    ["u32", "flags", "set_vqueue_flags"],
    ...words("size", "reserved"),
    ...ADDRESSES,
  ]),
  layout(ids.RESET_VQUEUE, "RESET_VQUEUE", words("index")),
  layout(ids.GET_SHM, "GET_SHM", words("shmid"), [
    ...words("shmid", "reserved"),
    ["u64", "shm_length", "shm_length"],
    ["u64", "shm_address", "address"],
  ]),
  layout(ids.EVENT_CONFIG, "EVENT_CONFIG", [...STATUS, ...CONFIGURATION]),
  layout(ids.EVENT_AVAIL, "EVENT_AVAIL", words("vq_index", "next_offset")),
  layout(ids.EVENT_USED, "EVENT_USED", words("vq_index")),
]

export const BUS_LAYOUTS: readonly MessageLayout[] = [
  layout(ids.GET_DEVICES, "GET_DEVICES", halves("first_number", "count"), [
    ["u16", "first_number"],
    ["u16", "next_number", "next_number"],
    ["u16", "count"],
    ["bitmap", "bitmap"],
  ]),
  layout(ids.PING, "PING", PING, PING),
  layout(ids.EVENT_DEVICE, "EVENT_DEVICE", [
    ["u16", "device_number"],
    ["u16", "device_bus_state", "bus_state"],
  ]),
  layout(ids.HELLO, "HELLO", HELLO_REQUEST, [
    HASH,
    ...halves("bus_version", "max_msg_size"),
    ["u32", "revision"],
    ["u32", "transport_features", "transport_features"],
    ...halves("driver_area_size", "device_area_size"),
    ["u16", "hello_epoch", "hex"],
    ["u8", "receive_credit"],
    ["u8", "hello_flags", "hello_flags"],
    ["version", "firmware_version"],
    ["text", "board"],
  ]),
]

/** Reads the fields of a payload. `deviceId` is the virtio device type, -1 when it is not known. */
export function readFields(payload: FieldReader, fields: readonly FieldLayout[], deviceId: number): void {
  const numbers: number[] = []
  for (const [form, name, meaning] of fields) {
    const [first = 0] = numbers
    const before = numbers.at(-1) ?? 0
    if (form === "uuid") payload.parts(name, 16, (uuid) => (uuid.every((byte) => byte === 0) ? "none" : ""))
    else if (form === "version") payload.parts(name, 4, (version) => version.subarray(0, 3).join("."))
    else if (form === "text") payload.text(name, 32)
    else if (form === "data") payload.data(name, before)
    else if (form === "bitmap") {
      const length = Math.min(payload.left, (before + 7) >> 3)
      if (length > 0) payload.parts(name, length, (bits) => numbersIn(bits, first).join(", ") || "none")
    } else if (form === "features")
      for (let at = 32 * first; at < 32 * (first + before) && payload.left >= 4; at += 32)
        payload.u32(name, (bits) => featureNames(bits, at, deviceId))
    else if (form === "u64") payload.u64(name, WIDE_MEANINGS[meaning])
    else numbers.push(payload[form](name, meaning && MEANINGS[meaning]))
  }
}

function featureNames(bits: number, from: number, deviceId: number): string {
  return featureBits([bits])
    .map((bit) => featureName(deviceId, from + bit))
    .join(", ")
}

function setVqueueFlags(flags: number): string {
  const operation = ["KEEP_DISABLED", "ENABLE", "KEEP_STATE", "reserved operation 3"][flags & 3]
  const names = ["SIZE_IGNORE", "DESC_IGNORE", "DRIVER_IGNORE", "DEVICE_IGNORE"]
  const ignored = names.filter((_, at) => flags & (4 << at))
  return [operation, ...ignored, ...(flags >>> 6 ? ["reserved bits"] : [])].join(" | ")
}

/** The numbers whose bits are set, counted from `first`. */
function numbersIn(bitmap: Uint8Array, first: number): number[] {
  return Array.from(bitmap).flatMap((bits, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => bits & (1 << bit)).map((bit) => first + 8 * at + bit),
  )
}

/** Area and offset in the shared window: "1:0x0010". */
export function windowAddress(low: number, high: number): string {
  return `${high >>> 16}:${hex(low, 4)}`
}
