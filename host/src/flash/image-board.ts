// Which board a build of the DeviceScript runtime is for: Microsoft's tool writes the board's settings into the image
// (deploy/device-config.ts), at 0x100dc000 of an RP2040's flash and at 0x9000 of an ESP32's. Chip and checksum are the
// same for all boards with a chip.

import { getU32 } from "../../../shared-protocol/src/bytes.js"
import { DEVICE_CONFIG_MAGIC, decodeDeviceConfig } from "../deploy/device-config.js"
import { visibleText } from "../visible-text.js"
import { isUf2, UF2_BLOCK_SIZE } from "./uf2.js"

/** What a sound image says of its board; undefined if it says nothing. */
export function boardOfImage(file: Uint8Array): { name: string; productId: number } | undefined {
  const flash = Buffer.from(isUf2(file) ? payloadOf(file) : file)
  // wherever it is: the program that looks for it has the magic numbers, too
  for (
    let at = flash.indexOf(DEVICE_CONFIG_MAGIC);
    at >= 0;
    at = flash.indexOf(DEVICE_CONFIG_MAGIC, at + 1)
  ) {
    const config = decodeDeviceConfig(flash.subarray(at))
    const name = config?.get("devName")
    const productId = config?.get("productId")
    if (typeof name === "string" && typeof productId === "number")
      return { name: visibleText(name), productId: productId >>> 0 }
  }
  return undefined
}

/** The payloads by address, without the gaps between them. */
function payloadOf(file: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = []
  for (let at = 0; at < file.length; at += UF2_BLOCK_SIZE) blocks.push(file.subarray(at, at + UF2_BLOCK_SIZE))
  blocks.sort((a, b) => getU32(a, 12) - getU32(b, 12))
  return Buffer.concat(blocks.map((block) => block.subarray(32, 32 + getU32(block, 16))))
}
