// The image that an ESP32's ROM starts: a header, segments, a checksum. Here only what tells images apart.
//
//   0 0xe9, 1 number of segments u8, 12 chip id u16, 24 segments, each address u32, length u32, bytes;
//   then zeros up to one byte before a multiple of 16, and that byte: 0xef exclusive-or all bytes of the segments

import { getU16, getU32 } from "../../../shared-protocol/src/bytes.js"

const MAGIC = 0xe9
const HEADER_SIZE = 24
const SEGMENT_HEADER_SIZE = 8
const MAX_SEGMENTS = 16
const CHECKSUM_SEED = 0xef

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

/** Why `file` cannot be given to a chip with this id, as a sentence; "" if it can. */
export function whyNoEspImage(file: Uint8Array, chipId: number): string {
  if (file.length < HEADER_SIZE || file[0] !== MAGIC) return "It is no firmware image of an ESP32."
  const told = getU16(file, 12)
  if (told !== chipId) return `It is for the ${nameOf(told)}, not for the ${nameOf(chipId)}.`
  const count = file[1] as number
  if (count === 0 || count > MAX_SEGMENTS) return `It says to have ${count} segments.`
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
  return file[checksumAt] === checksum ? "" : "It is damaged: its checksum is wrong."
}

function nameOf(chipId: number): string {
  return CHIP_NAMES[chipId] ?? `chip with id ${chipId}`
}
