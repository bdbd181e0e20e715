// Files for boards that were damaged on their way, or made to do harm: an image of an ESP32 with a few wrong bits is never
// taken, and a UF2 file that is taken writes each page of the flash once.

import fc from "fast-check"
import { whyNoEspImage } from "../../../host/src/flash/esp-image.js"
import { boardOfImage } from "../../../host/src/flash/image-board.js"
import { whyNoUf2 } from "../../../host/src/flash/uf2.js"
import { makeEspImage, makeUf2 } from "../../support/firmware-files.js"
import { type FuzzTarget, plain } from "../target.js"

const CHIP = 5
/** The bit of an image that says that its hash is there. */
const HASH_FLAG = 8 * 23
const RP2040 = 0xe48bff56
const PAGE = 256
const FLASH = { from: 0x10000000, to: 0x11000000 }

const bits = fc.array(fc.nat(), { minLength: 1, maxLength: 3 })
const words = fc.array(
  fc.tuple(
    fc.nat(),
    fc.constantFrom(8, 12, 16, 20, 24, 28),
    fc.oneof(
      fc.nat(0xffff_ffff),
      fc.nat(1000),
      fc.nat(300).map((n) => FLASH.from + n),
    ),
  ),
  { maxLength: 6 },
)

export interface EspImageCase {
  readonly segmentBytes: number
  /** Which bits are wrong, counted from anywhere. */
  readonly bits: readonly number[]
  /** Any bytes behind the beginning of an image instead. */
  readonly tail: Uint8Array | null
}

export const espImage: FuzzTarget<EspImageCase> = {
  name: "esp-image",
  about: "images for an ESP32 with one to three wrong bits, or with any bytes behind their beginning",
  cases: fc.record({
    segmentBytes: fc.nat(2000),
    bits,
    tail: fc.option(fc.uint8Array({ maxLength: 200, size: "max" }), { freq: 4 }),
  }),
  run({ segmentBytes, bits, tail }) {
    const image = makeEspImage(CHIP, segmentBytes)
    if (tail) {
      const file = Buffer.concat([image.subarray(0, 24), tail])
      if (whyNoEspImage(file, CHIP) === "") throw new Error("any bytes are taken for an image")
      boardOfImage(file)
      return
    }
    const damaged = Buffer.from(image)
    const changed = new Set(bits.map((bit) => bit % (8 * image.length)))
    // an image that says that it has no hash, and differs from the one that had it, has only its checksum
    if (changed.has(HASH_FLAG) && changed.size > 1) return
    for (const bit of changed) damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
    if (whyNoEspImage(damaged, CHIP) === "") throw new Error("a damaged image is taken")
    boardOfImage(damaged)
  },
  ...plain,
}

export interface Uf2Case {
  readonly blocks: number
  /** Words of block headers that are others: block, place, value. */
  readonly words: readonly (readonly [number, number, number])[]
  /** Bytes that are cut off. */
  readonly cut: number
}

export const uf2: FuzzTarget<Uf2Case> = {
  name: "uf2",
  about: "UF2 files with other words in their blocks' headers",
  cases: fc.record({
    blocks: fc.integer({ min: 1, max: 12 }),
    words,
    cut: fc.oneof(fc.constant(0), fc.nat(1000)),
  }),
  run({ blocks, words, cut }) {
    const whole = makeUf2(blocks)
    for (const [block, at, value] of words) whole.writeUInt32LE(value, 512 * (block % blocks) + at)
    const file = whole.subarray(0, Math.max(0, whole.length - cut))
    boardOfImage(file)
    if (whyNoUf2(file, RP2040) !== "") return
    const pages = new Set<number>()
    for (let at = 0; at < file.length; at += 512) {
      const [address, size] = [file.readUInt32LE(at + 12), file.readUInt32LE(at + 16)]
      if (address % PAGE !== 0 || size !== PAGE || address < FLASH.from || address >= FLASH.to)
        throw new Error(`${size} bytes at 0x${address.toString(16)} are taken`)
      pages.add(address)
    }
    if (pages.size !== file.length / 512) throw new Error("a page is written twice")
  },
  ...plain,
}
