// DeviceScript's device configuration ("DCFG"): a table of settings by name that the runtime looks up, both its own
// (pins) and a program's (docs/boards.md "Settings"). Layout, little-endian:
//
//   0 "DCFG" 0a 9b b4 ca, 8 size of all u32, 12 number of entries u16, 16 restart hash [8],
//   24 for each of 32 values of a name hash's top 5 bits, the first entry with that or more u16
//   88 entries, by ascending hash: name [16], 0 behind it, hash u16@16, type bits 1..0 and length u16@18,
//      number or offset u32@20; one more, all ff but its first byte, ends them; then strings, each with a 0

import { getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import { invalidArgument } from "../errors.js"

/** Settings by name, at most 15 ASCII characters. A number is a whole one of 32 bits, signed or not. */
export type DeviceConfig = ReadonlyMap<string, number | string>

/** How a table begins. */
export const DEVICE_CONFIG_MAGIC = Uint8Array.of(0x44, 0x43, 0x46, 0x47, 0x0a, 0x9b, 0xb4, 0xca)
const JUMP_OFFSET = 24
const JUMP_COUNT = 32
const JUMP_SHIFT = 11
const ENTRIES_OFFSET = JUMP_OFFSET + 2 * JUMP_COUNT
const ENTRY_SIZE = 24
const NAME_SIZE = 15
const MAX_STRING_SIZE = 0x3fff
const TYPE_U32 = 0
const TYPE_I32 = 1
const TYPE_STRING = 2
const TYPE_MASK = 3

/** 32-bit FNV-1a, as the runtime hashes names, settings and programs. */
export function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** The table of `config`. Throws INVALID_ARGUMENT for a setting that it cannot hold. */
export function encodeDeviceConfig(config: DeviceConfig): Uint8Array {
  const table = encodeTable(config)
  // settings whose name begins with @ say what a program is; a change of theirs needs no restart of the board
  const lasting = new Map([...config].filter(([name]) => !name.startsWith("@")))
  const hashed = lasting.size === 0 ? undefined : encodeTable(lasting)
  putU32(table, 16, hashed ? fnv1a(hashed) : 1)
  putU32(table, 20, hashed ? fnv1a(hashed.subarray(4)) : 0)
  return table
}

/** The settings of a table; undefined if it is damaged. Blobs, which we do not write, are left out. */
export function decodeDeviceConfig(table: Uint8Array): Map<string, number | string> | undefined {
  if (table.length < ENTRIES_OFFSET || DEVICE_CONFIG_MAGIC.some((byte, at) => byte !== table[at]))
    return undefined
  const size = getU32(table, 8)
  const count = getU16(table, 12)
  if (size > table.length || ENTRIES_OFFSET + (count + 1) * ENTRY_SIZE > size) return undefined
  const config = new Map<string, number | string>()
  for (let index = 0; index < count; index++) {
    const at = ENTRIES_OFFSET + index * ENTRY_SIZE
    const end = table.indexOf(0, at)
    if (end < 0 || end > at + NAME_SIZE) return undefined
    const name = asciiOf(table.subarray(at, end))
    const typeAndLength = getU16(table, at + 18)
    const value = getU32(table, at + 20)
    const length = typeAndLength >>> 2
    switch (typeAndLength & TYPE_MASK) {
      case TYPE_U32:
        config.set(name, value)
        break
      case TYPE_I32:
        config.set(name, value | 0)
        break
      case TYPE_STRING:
        if (value + length >= size) return undefined
        config.set(name, new TextDecoder().decode(table.subarray(value, value + length)))
    }
  }
  return config
}

function encodeTable(config: DeviceConfig): Uint8Array {
  const entries = [...config].map(([name, value]) => ({ ...hashOf(name), ...entryOf(name, value) }))
  entries.sort((a, b) => a.hash - b.hash)
  const stringsOffset = ENTRIES_OFFSET + (entries.length + 1) * ENTRY_SIZE
  const size = entries.reduce((sum, { text }) => sum + (text ? text.length + 1 : 0), stringsOffset)
  const table = new Uint8Array(size)
  table.set(DEVICE_CONFIG_MAGIC)
  putU32(table, 8, size)
  putU16(table, 12, entries.length)
  for (let top = 0; top < JUMP_COUNT; top++) {
    const index = entries.findIndex(({ hash }) => hash >>> JUMP_SHIFT >= top)
    putU16(table, JUMP_OFFSET + 2 * top, index < 0 ? entries.length : index)
  }
  let textOffset = stringsOffset
  for (const [index, { name, hash, type, text, value }] of entries.entries()) {
    const at = ENTRIES_OFFSET + index * ENTRY_SIZE
    table.set(name, at)
    putU16(table, at + 16, hash)
    putU16(table, at + 18, type | ((text?.length ?? 0) << 2))
    putU32(table, at + 20, text ? textOffset : value)
    if (!text) continue
    table.set(text, textOffset)
    textOffset += text.length + 1
  }
  table.fill(0xff, stringsOffset - ENTRY_SIZE + 1, stringsOffset)
  return table
}

function hashOf(text: string): { name: Uint8Array; hash: number } {
  const name = new TextEncoder().encode(text)
  if (name.length === 0 || name.length > NAME_SIZE)
    throw invalidArgument(`The setting "${text}" needs a name of 1 to ${NAME_SIZE} bytes.`)
  const hash = fnv1a(name)
  return { name, hash: (hash ^ (hash >>> 16)) & 0xffff }
}

function entryOf(name: string, value: number | string) {
  if (typeof value === "string") {
    const text = new TextEncoder().encode(value)
    if (text.length > MAX_STRING_SIZE)
      throw invalidArgument(`The setting ${name} is longer than ${MAX_STRING_SIZE} bytes.`)
    return { type: TYPE_STRING, value: 0, text }
  }
  if (value !== (value | 0) && value !== value >>> 0)
    throw invalidArgument(`The setting ${name} is ${value}, no number of 32 bits.`)
  return { type: value === (value | 0) ? TYPE_I32 : TYPE_U32, value: value >>> 0, text: undefined }
}

function asciiOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}
