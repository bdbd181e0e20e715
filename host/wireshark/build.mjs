// Builds the dissector for Wireshark: one file, to be put into Wireshark's plugin folder. It has the parts, and tables
// of numbers from the compiled TypeScript in dist/, so that both use the same names.

import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { deviceTypeName, featureName, statusName } from "../../dist/host/src/driver/names.js"
import { describeMessage } from "../../dist/host/src/trace/describe-message.js"
import { GPIO_DIRECTIONS, GPIO_IRQ_TYPES, GPIO_TYPES } from "../../dist/host/src/trace/device-requests.js"
import { BUS_LAYOUTS, TRANSPORT_LAYOUTS } from "../../dist/host/src/trace/message-layouts.js"
import { packetFlagNames } from "../../dist/host/src/trace/packet-fields.js"
import {
  HEADER_SIZE,
  putHeader,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../dist/shared-protocol/src/messages/header.js"

const folder = new URL(".", import.meta.url)
const output = fileURLToPath(new URL("virtio-msg.lua", folder))

/** The order matters: in Lua, a local function can be used only after its definition. */
const PARTS = [
  "names",
  "bytes",
  "fields",
  "reader",
  "messages",
  "window",
  "queues",
  "requests",
  "conversation",
  "packets",
  "tree",
]
const RULE = `-- ${"-".repeat(111)}`
const MAX_DEVICE_ID = 63
const FEATURE_BITS = 64
const MOST_PAYLOAD = 64

const numbers = (count) => Array.from({ length: count }, (_, n) => n)
const bits = numbers(8).map((bit) => 1 << bit)
/** `{ [1] = "one", ... }` */
const table = (entries) => `{ ${entries.map(([key, value]) => `[${key}] = ${value}`).join(", ")} }`
const named = (keys, nameOf, isNamed) =>
  keys.filter((key) => isNamed(nameOf(key), key)).map((key) => [key, JSON.stringify(nameOf(key))])
const ofMap = (map) => table([...map].map(([key, name]) => [key, JSON.stringify(name)]))
const ofBits = (nameOf) =>
  `{ ${named(bits, nameOf, (name) => !name.startsWith("0x"))
    .map(([bit, name]) => `{ ${bit}, ${name} }`)
    .join(", ")} }`
const features = (deviceId) =>
  named(
    numbers(FEATURE_BITS),
    (bit) => featureName(deviceId, bit),
    (name, bit) => !name.startsWith("bit ") && (deviceId === 0 || name !== featureName(0, bit)),
  )

/** The smallest number of payload bytes with which a message is sound. */
function leastPayload(id, type) {
  return numbers(MOST_PAYLOAD).find((length) => {
    const frame = new Uint8Array(HEADER_SIZE + length)
    putHeader(frame, type, id, 0, frame.length)
    return !/^msg_size/.test(describeMessage(frame).malformed ?? "")
  })
}

const list = (value) => (Array.isArray(value) ? `{ ${value.map(list).join(", ")} }` : JSON.stringify(value))

/** The layouts by message id, with the least payload of requests and of responses. */
const layoutsOf = (layouts, type) =>
  table(
    layouts.map(({ id, name, request, response }) => {
      const least = [leastPayload(id, type), leastPayload(id, type | TYPE_RESPONSE)]
      const fields = `request = ${list(request)}, response = ${list(response)}`
      return [
        name,
        `{ name = "${name}", least = { request = ${least[0]}, response = ${least[1]} }, ${fields} }`,
      ]
    }),
  )

function tables() {
  const types = numbers(MAX_DEVICE_ID + 1)
  const own = types.map((id) => [id, features(id)]).filter(([id, found]) => id > 0 && found.length > 0)
  const layouts = [...TRANSPORT_LAYOUTS, ...BUS_LAYOUTS]
  return [
    "-- Tables of numbers and of messages, made from the TypeScript",
    "",
    ...layouts.map(({ id, name }) => `local ${name} = ${id}`),
    `local LAYOUTS = {`,
    `  transport = ${layoutsOf(TRANSPORT_LAYOUTS, 0)},`,
    `  bus = ${layoutsOf(BUS_LAYOUTS, TYPE_BUS)},`,
    "}",
    `local DEVICE_TYPES = ${table(named(types, deviceTypeName, (name) => !name.startsWith("virtio device type")))}`,
    `local COMMON_FEATURES = ${table(features(0))}`,
    `local DEVICE_FEATURES = ${table(own.map(([id, found]) => [id, table(found)]))}`,
    `local STATUS_BITS = ${ofBits(statusName)}`,
    `local PACKET_FLAGS = ${ofBits(packetFlagNames)}`,
    `local GPIO_TYPES = ${ofMap(GPIO_TYPES)}`,
    `local GPIO_DIRECTIONS = ${ofMap(GPIO_DIRECTIONS)}`,
    `local GPIO_IRQ_TYPES = ${ofMap(GPIO_IRQ_TYPES)}`,
    "",
  ].join("\n")
}

const part = (name) => readFileSync(new URL(`parts/${name}.lua`, folder), "utf8")
writeFileSync(output, [part("head"), tables(), ...PARTS.map(part)].join(`\n${RULE}\n`))
