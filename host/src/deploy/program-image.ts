// A compiled DeviceScript program as a file (.devs), and settings written into it when it is deployed: the same
// bytecode goes to every board, its device configuration differs. Layout, little-endian:
//
//   0 "DevS" 0a 6e 29 f1, 8 version u32 (major in the top byte, then minor), 32 ten sections, each offset u32 and
//   length u32; the last is the device configuration (device-config.ts). All is padded to a multiple of 32 bytes.

import { getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import { invalidArgument } from "../errors.js"
import { type DeviceConfig, decodeDeviceConfig, encodeDeviceConfig } from "./device-config.js"

const MAGIC = [0x53766544, 0xf1296e0a] as const
const VERSION_OFFSET = 8
const SECTIONS_OFFSET = 32
const SECTION_COUNT = 10
const HEADER_SIZE = SECTIONS_OFFSET + 8 * SECTION_COUNT
const CONFIG_SECTION = 9
/** The runtime takes a program in pieces of this many bytes. */
export const IMAGE_ALIGNMENT = 32
/** What the runtime of @devicescript/cli 2.16.4 and its boards run: this major version, at most this minor one. */
const RUNTIME_MAJOR = 2
const RUNTIME_MINOR = 16

/** What is wrong with `image` as a program, as a sentence; "" if nothing is. */
export function whyNoProgram(image: Uint8Array): string {
  if (image.length < HEADER_SIZE || getU32(image, 0) !== MAGIC[0] || getU32(image, 4) !== MAGIC[1])
    return "It is no DeviceScript bytecode."
  const [major, minor] = [image[VERSION_OFFSET + 3], image[VERSION_OFFSET + 2] as number]
  if (major !== RUNTIME_MAJOR || minor > RUNTIME_MINOR)
    return `It is bytecode of version ${major}.${minor}; boards run ${RUNTIME_MAJOR}.${RUNTIME_MINOR}.`
  for (let section = 0; section < SECTION_COUNT; section++) {
    const { offset, length } = sectionOf(image, section)
    if (offset < HEADER_SIZE || offset + length > image.length) return "It is cut off."
  }
  return ""
}

/** The settings in a program. Throws INVALID_ARGUMENT if it is none. */
export function readSettings(image: Uint8Array): Map<string, number | string> {
  check(image)
  const { offset, length } = sectionOf(image, CONFIG_SECTION)
  return (length > 0 ? decodeDeviceConfig(image.subarray(offset, offset + length)) : undefined) ?? new Map()
}

/**
 * The program with these settings, beside those that it has; one of the same name is replaced. Throws
 * INVALID_ARGUMENT if it is no program, or a setting cannot be held.
 */
export function withSettings(image: Uint8Array, settings: DeviceConfig): Uint8Array {
  const table = encodeDeviceConfig(new Map([...readSettings(image), ...settings]))
  const { offset, length } = sectionOf(image, CONFIG_SECTION)
  // what lies behind the table is padding: the compiler writes the sections in order
  const start = length > 0 ? offset : (image.length + 3) & ~3
  const end = (start + table.length + 3) & ~3
  const configured = new Uint8Array(align(end))
  configured.set(image.subarray(0, Math.min(start, image.length)))
  configured.set(table, start)
  putU32(configured, SECTIONS_OFFSET + 8 * CONFIG_SECTION, start)
  putU32(configured, SECTIONS_OFFSET + 8 * CONFIG_SECTION + 4, end - start)
  return configured
}

/** `length`, rounded up to what the runtime takes. */
export function align(length: number): number {
  return (length + IMAGE_ALIGNMENT - 1) & -IMAGE_ALIGNMENT
}

function check(image: Uint8Array): void {
  const reason = whyNoProgram(image)
  if (reason)
    throw invalidArgument(`This program cannot be used. ${reason}`, {
      hint: "In a checkout, build ours: npm run build",
    })
}

function sectionOf(image: Uint8Array, section: number): { offset: number; length: number } {
  return {
    offset: getU32(image, SECTIONS_OFFSET + 8 * section),
    length: getU32(image, SECTIONS_OFFSET + 8 * section + 4),
  }
}
