// UF2, the file format that an RP2040's boot loader takes: blocks of 512 bytes, each with its address in flash.
// Layout of a block, little-endian:
//
//   0 "UF2\n", 4 magic, 8 flags u32, 12 address u32, 16 payload size u32, 20 block number u32, 24 number of blocks u32,
//   28 family id u32, 32 payload [476], 508 magic

import { getU32 } from "../../../shared-protocol/src/bytes.js"
import { counted } from "../counted.js"
import { hex } from "../hex.js"

export const UF2_BLOCK_SIZE = 512
const MAGIC_START = [0x0a324655, 0x9e5d5157] as const
const MAGIC_END = 0x0ab16f30
/** What an RP2040 writes at once: its boot loader passes over blocks of another size, or that begin elsewhere. */
const PAGE_SIZE = 256
/** The block is not for flash. */
const FLAG_NOT_MAIN_FLASH = 0x00000001
/** The word at 28 is a family id. */
const FLAG_HAS_FAMILY = 0x00002000

/** What chip families call themselves in UF2 files, those that one may mix up. */
const FAMILY_NAMES: ReadonlyMap<number, string> = new Map([
  [0xe48bff56, "the RP2040"],
  [0xe48bff59, "the RP2350"],
  [0xe48bff5a, "the RP2350"],
  [0xe48bff5b, "the RP2350"],
  [0xbfdd4eee, "the ESP32-S2"],
  [0xc47e5767, "the ESP32-S3"],
  [0xd42ba06c, "the ESP32-C3"],
  [0xada52840, "the nRF52840"],
  [0x68ed2b88, "the SAMD21"],
])

/** Where an RP2040's flash is, of at most 16 MiB. */
const FLASH_BASE = 0x10000000
const FLASH_SIZE = 0x1000000

/** Whether a file begins as UF2 files do. */
export function isUf2(file: Uint8Array): boolean {
  return file.length >= 8 && getU32(file, 0) === MAGIC_START[0] && getU32(file, 4) === MAGIC_START[1]
}

/** Why `file` cannot be given to a chip of this family, as a sentence; "" if it can. */
export function whyNoUf2(file: Uint8Array, family: number): string {
  if (!isUf2(file)) return "It is no UF2 file."
  if (file.length % UF2_BLOCK_SIZE !== 0)
    return `It is cut off: ${counted(file.length, "byte is", "bytes are")} no whole blocks of 512.`
  const count = file.length / UF2_BLOCK_SIZE
  const written = new Set<number>()
  for (let block = 0; block < count; block++) {
    const reason = whyNoBlock(
      file.subarray(block * UF2_BLOCK_SIZE, (block + 1) * UF2_BLOCK_SIZE),
      block,
      count,
      family,
    )
    if (reason) return reason
    const address = getU32(file, block * UF2_BLOCK_SIZE + 12)
    if (written.has(address)) return `Block ${block} writes address ${hex(address)} once more.`
    written.add(address)
  }
  return ""
}

function whyNoBlock(block: Uint8Array, index: number, count: number, family: number): string {
  if (!isUf2(block) || getU32(block, 508) !== MAGIC_END) return `Block ${index} is damaged.`
  const flags = getU32(block, 8)
  if (flags & FLAG_NOT_MAIN_FLASH) return `Block ${index} is not for flash.`
  const told = flags & FLAG_HAS_FAMILY ? getU32(block, 28) : 0
  if (told !== family) return `It is for ${familyName(told)}, not for ${familyName(family)}.`
  if (getU32(block, 24) !== count)
    return `It is cut off: it should have ${counted(getU32(block, 24), "block")}, and has ${count}.`
  if (getU32(block, 20) !== index) return `Block ${index} is numbered ${getU32(block, 20)}.`
  const [address, size] = [getU32(block, 12), getU32(block, 16)]
  if (size !== PAGE_SIZE) return `Block ${index} has ${counted(size, "byte")}, and not ${PAGE_SIZE}.`
  if (address < FLASH_BASE || address + size > FLASH_BASE + FLASH_SIZE)
    return `Block ${index} is for address ${hex(address)}, where no flash is.`
  if (address % PAGE_SIZE !== 0)
    return `Block ${index} is for address ${hex(address)}, where no page of ${PAGE_SIZE} bytes begins.`
  return ""
}

function familyName(family: number): string {
  if (family === 0) return "no chip family in particular"
  return FAMILY_NAMES.get(family) ?? `chip family ${hex(family)}`
}
