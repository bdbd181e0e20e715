// Firmware files with the right format and made-up contents, because tests have no release of Microsoft's.

import { createHash, randomBytes } from "node:crypto"
import { encodeDeviceConfig } from "../../host/src/deploy/device-config.js"

const SETTINGS_OFFSET = 128

/** The settings of a board, as Microsoft's tool writes them into a build of the runtime. */
export function boardSettings(devName: string, productId: number): Uint8Array {
  return encodeDeviceConfig(
    new Map<string, number | string>([
      ["devName", devName],
      ["productId", productId],
      ["led.pin", 25],
    ]),
  )
}

/**
 * A UF2 file of so many blocks for a family of chips, from the beginning of an RP2040's flash. `settings` stand after
 * the middle of its first block.
 */
export function makeUf2(blockCount: number, family = 0xe48bff56, settings?: Uint8Array): Buffer {
  const file = Buffer.alloc(512 * blockCount)
  for (let block = 0; block < blockCount; block++) {
    const at = 512 * block
    file.write("UF2\n", at, "latin1")
    file.writeUInt32LE(0x9e5d5157, at + 4)
    file.writeUInt32LE(0x2000, at + 8)
    file.writeUInt32LE(0x10000000 + 256 * block, at + 12)
    file.writeUInt32LE(256, at + 16)
    file.writeUInt32LE(block, at + 20)
    file.writeUInt32LE(blockCount, at + 24)
    file.writeUInt32LE(family, at + 28)
    file.fill(block & 0xff, at + 32, at + 288)
    const begin = 256 * block - SETTINGS_OFFSET
    if (settings && begin + 256 > 0 && begin < settings.length)
      file.set(settings.subarray(Math.max(0, begin), begin + 256), at + 32 + Math.max(0, -begin))
    file.writeUInt32LE(0x0ab16f30, at + 508)
  }
  return file
}

/** An image of two segments with its hash, which an ESP32's ROM would start. Half of it cannot be compressed. */
export function makeEspImage(chipId: number, segmentSize = 20_000, hasHash = true): Buffer {
  const header = Buffer.alloc(24)
  header[0] = 0xe9
  header[1] = 2
  header.writeUInt16LE(chipId, 12)
  header[23] = hasHash ? 1 : 0
  const parts = [header]
  let checksum = 0xef
  for (const data of [randomBytes(segmentSize), Buffer.alloc(segmentSize, 0xc0)]) {
    const segment = Buffer.alloc(8)
    segment.writeUInt32LE(0x3fc80000, 0)
    segment.writeUInt32LE(data.length, 4)
    parts.push(segment, data)
    for (const byte of data) checksum ^= byte
  }
  const body = Buffer.concat(parts)
  const image = Buffer.alloc((body.length | 15) + 1)
  body.copy(image)
  image[image.length - 1] = checksum
  return hasHash ? Buffer.concat([image, createHash("sha256").update(image).digest()]) : image
}
