// The fields of every message, in the order and with the names of the specification (virtio-msg "Core Messages",
// "Bus Messages"; HELLO: docs/bus.md).

import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { deviceTypeName, featureBits, featureName, statusName } from "../driver/names.js"
import { hex } from "../hex.js"
import type { FieldReader } from "./field.js"

/** Reads the payload of a message of one kind. `deviceId` is the virtio device type, -1 when it is not known. */
export type PayloadLayout = (payload: FieldReader, deviceId: number) => void

export interface MessageLayout {
  readonly id: number
  /** The specification's name. */
  readonly name: string
  /** Request or event. */
  readonly request: PayloadLayout
  readonly response: PayloadLayout
}

const empty: PayloadLayout = () => {}

const layout = (id: number, name: string, request: PayloadLayout, response = empty): MessageLayout => ({
  id,
  name,
  request,
  response,
})

export const TRANSPORT_LAYOUTS: readonly MessageLayout[] = [
  layout(ids.GET_DEVICE_INFO, "GET_DEVICE_INFO", empty, (payload) => {
    payload.u32("device_id", deviceTypeName)
    payload.u32("vendor_id")
    payload.parts("device_uuid", 16, (uuid) => (uuid.every((byte) => byte === 0) ? "none" : ""))
    payload.u32("num_feature_blocks")
    payload.u32("config_size")
    payload.u32("max_virtqueues")
    payload.u32("admin_vq_start")
    payload.u32("admin_vq_count")
  }),
  layout(ids.GET_DEVICE_FEATURES, "GET_DEVICE_FEATURES", words("block_index", "num_blocks"), featureBlocks),
  layout(ids.SET_DRIVER_FEATURES, "SET_DRIVER_FEATURES", featureBlocks),
  layout(ids.GET_CONFIG, "GET_CONFIG", words("offset", "length"), configuration),
  layout(ids.SET_CONFIG, "SET_CONFIG", configuration, configuration),
  layout(ids.GET_DEVICE_STATUS, "GET_DEVICE_STATUS", empty, status),
  layout(ids.SET_DEVICE_STATUS, "SET_DEVICE_STATUS", status, status),
  layout(ids.GET_VQUEUE, "GET_VQUEUE", words("index"), (payload) => {
    payload.u32("index")
    payload.u32("max_size", (size) => (size === 0 ? "no such queue" : ""))
    payload.u32("cur_size")
    payload.u32("flags", (flags) => (flags & 1 ? "enabled" : "not enabled"))
    queueAddresses(payload)
  }),
  layout(ids.SET_VQUEUE, "SET_VQUEUE", (payload) => {
    payload.u32("index")
    payload.u32("flags", setVqueueFlags)
    payload.u32("size")
    payload.u32("reserved")
    queueAddresses(payload)
  }),
  layout(ids.RESET_VQUEUE, "RESET_VQUEUE", words("index")),
  layout(ids.GET_SHM, "GET_SHM", words("shmid"), (payload) => {
    payload.u32("shmid")
    payload.u32("reserved")
    payload.u64("shm_length", (low, high) => (low === 0 && high === 0 ? "no such region" : ""))
    payload.u64("shm_address", windowAddress)
  }),
  layout(ids.EVENT_CONFIG, "EVENT_CONFIG", (payload) => {
    payload.u32("status", statusName)
    configuration(payload)
  }),
  layout(ids.EVENT_AVAIL, "EVENT_AVAIL", words("vq_index", "next_offset")),
  layout(ids.EVENT_USED, "EVENT_USED", words("vq_index")),
]

export const BUS_LAYOUTS: readonly MessageLayout[] = [
  layout(
    ids.GET_DEVICES,
    "GET_DEVICES",
    (payload) => {
      payload.u16("first_number")
      payload.u16("count")
    },
    (payload) => {
      const first = payload.u16("first_number")
      payload.u16("next_number", (next) => (next === 0 ? "no more" : ""))
      const count = payload.u16("count")
      const length = Math.min(payload.left, (count + 7) >> 3)
      if (length > 0)
        payload.parts("bitmap", length, (bitmap) => numbersIn(bitmap, first).join(", ") || "none")
    },
  ),
  layout(ids.PING, "PING", pingData, pingData),
  layout(ids.EVENT_DEVICE, "EVENT_DEVICE", (payload) => {
    payload.u16("device_number")
    payload.u16("device_bus_state", (state) => ["", "ADDED", "REMOVED"][state] ?? "unknown")
  }),
  layout(
    ids.HELLO,
    "HELLO",
    (payload) => {
      payload.u32("protocol_hash", hex)
      payload.u16("bus_version")
      payload.u16("hello_reserved")
    },
    (payload) => {
      payload.u32("protocol_hash", hex)
      payload.u16("bus_version")
      payload.u16("max_msg_size")
      payload.u32("revision")
      payload.u32("transport_features", (bits) => (bits & 1 ? "STRICT_CONFIG_GENERATION" : "none"))
      payload.u16("driver_area_size")
      payload.u16("device_area_size")
      payload.u16("hello_epoch", hex)
      payload.u8("receive_credit")
      payload.u8("hello_flags", (flags) => (flags & 1 ? "simulated chips" : "real chips"))
      payload.parts("firmware_version", 4, (version) => version.subarray(0, 3).join("."))
      payload.text("board", 32)
    },
  ),
]

/** Numbers of 32 bits, one after another. */
function words(...names: string[]): PayloadLayout {
  return (payload) => {
    for (const name of names) payload.u32(name)
  }
}

const SET_VQUEUE_OPERATIONS = ["KEEP_DISABLED", "ENABLE", "KEEP_STATE", "reserved operation 3"]
const SET_VQUEUE_IGNORE = ["SIZE_IGNORE", "DESC_IGNORE", "DRIVER_IGNORE", "DEVICE_IGNORE"]

function setVqueueFlags(flags: number): string {
  const ignored = SET_VQUEUE_IGNORE.filter((_, at) => flags & (4 << at))
  return [SET_VQUEUE_OPERATIONS[flags & 3], ...ignored, ...(flags >>> 6 ? ["reserved bits"] : [])].join(" | ")
}

function featureBlocks(payload: FieldReader, deviceId: number): void {
  const first = payload.u32("block_index")
  const blocks = payload.u32("num_blocks")
  for (let block = 0; block < blocks && payload.left >= 4; block++)
    payload.u32("features", (bits) =>
      featureBits([bits])
        .map((bit) => featureName(deviceId, 32 * (first + block) + bit))
        .join(", "),
    )
}

function configuration(payload: FieldReader): void {
  payload.u32("generation")
  payload.u32("offset")
  const length = payload.u32("length")
  payload.data("data", length)
}

function status(payload: FieldReader): void {
  payload.u32("status", statusName)
}

function queueAddresses(payload: FieldReader): void {
  payload.u64("desc", windowAddress)
  payload.u64("driver", windowAddress)
  payload.u64("device", windowAddress)
}

function pingData(payload: FieldReader): void {
  payload.u32("ping_data", hex)
}

/** The numbers whose bits are set, counted from `first`. */
export function numbersIn(bitmap: Uint8Array, first: number): number[] {
  return Array.from(bitmap).flatMap((bits, at) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => bits & (1 << bit)).map((bit) => first + 8 * at + bit),
  )
}

/** Area and offset in the shared window: "1:0x0010". */
export function windowAddress(low: number, high: number): string {
  return `${high >>> 16}:${hex(low, 4)}`
}
