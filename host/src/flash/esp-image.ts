// The image that an ESP32's ROM starts (a header, segments, a checksum, a hash), and a file for the whole flash. Only
// as much as is needed to tell images apart, and damaged ones from sound ones.
//
//   0 0xe9, 1 number of segments u8, 12 chip id u16, 23 1: a hash follows, 24 segments, each address u32, length u32, bytes;
//   then zeros up to one byte before a multiple of 16, and that byte: 0xef exclusive-or all bytes of the segments;
//   then, if the header says so, the SHA-256 of all of that
//
//   partition table, at 0x8000 of the flash: entries of 32 bytes: 0 0x50aa u16, 2 type u8 (0: a program), 4 offset u32

import { createHash } from "node:crypto"
import { getU16, getU32 } from "../../../shared-protocol/src/bytes.js"
import { counted } from "../counted.js"
import { hex } from "../hex.js"

const MAGIC = 0xe9
const HEADER_SIZE = 24
const SEGMENT_HEADER_SIZE = 8
const MAX_SEGMENTS = 16
const CHECKSUM_SEED = 0xef
const HAS_HASH_AT = 23
const HASH_SIZE = 32

const PARTITION_TABLE_AT = 0x8000
const PARTITION_TABLE_SIZE = 0xc00
const PARTITION_SIZE = 32
const PARTITION_MAGIC = 0x50aa
const PARTITION_PROGRAM = 0

const CHIP_NAMES: Readonly<Record<number, string>> = {
  0: "ESP32",
  2: "ESP32-S2",
  5: "ESP32-C3",
  9: "ESP32-S3",
  12: "ESP32-C2",
  13: "ESP32-C6",
  16: "ESP32-H2",
  18: "ESP32-P4",
}

/**
 * Why `file`, which is for the flash from `flashOffset` on, cannot be given to a chip with this id, as a sentence; "" if
 * it can. Its first image is checked, and each program that its partition table names.
 */
export function whyNoEspImage(file: Uint8Array, chipId: number, flashOffset = 0): string {
  const reason = whyNoImage(file, chipId)
  if (reason) return reason
  for (const at of programsIn(file, flashOffset)) {
    const wrong = whyNoImage(file.subarray(at), chipId)
    if (wrong) return `The program at ${hex(at + flashOffset)}: ${wrong}`
  }
  return ""
}

function whyNoImage(file: Uint8Array, chipId: number): string {
  if (file.length < HEADER_SIZE || file[0] !== MAGIC) return "It is no firmware image of an ESP32."
  const told = getU16(file, 12)
  if (told !== chipId) return `It is for the ${nameOf(told)}, not for the ${nameOf(chipId)}.`
  const count = file[1] as number
  if (count === 0 || count > MAX_SEGMENTS) return `It says to have ${counted(count, "segment")}.`
  let at = HEADER_SIZE
  let checksum = CHECKSUM_SEED
  for (let segment = 0; segment < count; segment++) {
    if (at + SEGMENT_HEADER_SIZE > file.length) return "It is cut off."
    const end = at + SEGMENT_HEADER_SIZE + getU32(file, at + 4)
    if (end > file.length) return "It is cut off."
    for (at += SEGMENT_HEADER_SIZE; at < end; at++) checksum ^= file[at] as number
  }
  const checksumAt = at | 15
  if (checksumAt >= file.length) return "It is cut off."
  if (file[checksumAt] !== checksum) return "It is damaged: its checksum is wrong."
  return whyWrongHash(file, checksumAt + 1)
}

/**
 * The hash is at `end`, after what it covers. One damaged image in eleven passes the checksum, and damage in the
 * header always does.
 */
function whyWrongHash(file: Uint8Array, end: number): string {
  const hasHash = file[HAS_HASH_AT] as number
  if (hasHash > 1) return "It is damaged: its header says neither that a hash follows nor that none does."
  if (hasHash === 1 && end + HASH_SIZE > file.length) return "It is cut off."
  // the bit that says that there is a hash may itself be damaged
  const image = Uint8Array.from(file.subarray(0, end))
  image[HAS_HASH_AT] = 1
  const hash = createHash("sha256").update(image).digest()
  const isThere = hash.every((byte, at) => file[end + at] === byte)
  return isThere === (hasHash === 1) ? "" : "It is damaged: its SHA-256 is wrong."
}

/** Where in a file for all of the flash programs begin: those that are in it. */
function programsIn(file: Uint8Array, flashOffset: number): number[] {
  const programs: number[] = []
  const table = PARTITION_TABLE_AT - flashOffset
  for (let at = table; at < table + PARTITION_TABLE_SIZE; at += PARTITION_SIZE) {
    if (at + PARTITION_SIZE > file.length || getU16(file, at) !== PARTITION_MAGIC) break
    const program = getU32(file, at + 4) - flashOffset
    // a place for later updates is empty
    if (file[at + 2] === PARTITION_PROGRAM && file[program] === MAGIC) programs.push(program)
  }
  return programs
}

function nameOf(chipId: number): string {
  return CHIP_NAMES[chipId] ?? `chip with id ${chipId}`
}
