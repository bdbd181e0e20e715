// Files for boards are taken apart before a byte is written: kind, chip, length, checksum.

import { describe, expect, it } from "vitest"
import { whyNoEspImage } from "../../../host/src/flash/esp-image.js"
import { boardOfImage } from "../../../host/src/flash/image-board.js"
import { whyNoUf2 } from "../../../host/src/flash/uf2.js"
import { boardSettings, makeEspImage, makeUf2 } from "../../support/firmware-files.js"
import { fc } from "../../support/seeded-fast-check.js"

const RP2040_FAMILY = 0xe48bff56

/** `file` with a word changed. */
function changed(file: Buffer, at: number, word: number): Buffer {
  const copy = Buffer.from(file)
  copy.writeUInt32LE(word, at)
  return copy
}

describe("a UF2 file", () => {
  const file = makeUf2(40)

  it("for the chip is taken", () => {
    expect(whyNoUf2(file, RP2040_FAMILY)).toBe("")
  })

  it.each([
    ["another kind of file", makeEspImage(5), "It is no UF2 file."],
    ["nothing", Buffer.alloc(0), "It is no UF2 file."],
    ["a Pico 2's", makeUf2(3, 0xe48bff59), "It is for the RP2350, not for the RP2040."],
    ["an unknown chip's", makeUf2(3, 0x1234), "It is for chip family 0x1234, not for the RP2040."],
    ["nobody's", changed(file, 8, 0), "It is for no chip family in particular, not for the RP2040."],
    [
      "one that ends in a block",
      file.subarray(0, 1000),
      "It is cut off: 1000 bytes are no whole blocks of 512.",
    ],
    [
      "one that ends early",
      file.subarray(0, 512 * 39),
      "It is cut off: it should have 40 blocks, and has 39.",
    ],
    ["one with a damaged end of a block", changed(file, 508, 0), "Block 0 is damaged."],
    ["one with blocks out of order", changed(file, 512 + 20, 7), "Block 1 is numbered 7."],
    ["one for RAM", changed(file, 12, 0x20000000), "Block 0 is for address 0x20000000, where no flash is."],
    [
      "one with two blocks for a place",
      changed(file, 512 + 12, 0x10000000),
      "Block 1 writes address 0x10000000 once more.",
    ],
    ["one with a payload too long", changed(file, 16, 500), "Block 0 has 500 bytes, and not 256."],
    [
      "one with a payload that reaches into the next",
      changed(file, 16, 476),
      "Block 0 has 476 bytes, and not 256.",
    ],
    ["one with a payload too short", changed(file, 512 + 16, 255), "Block 1 has 255 bytes, and not 256."],
    [
      "one with a block between two pages",
      changed(file, 512 + 12, 0x10000180),
      "Block 1 is for address 0x10000180, where no page of 256 bytes begins.",
    ],
    ["one with a block that is a comment", changed(file, 8, 0x2001), "Block 0 is not for flash."],
  ])("is refused: %s", (_name, bad, reason) => {
    expect(whyNoUf2(bad, RP2040_FAMILY)).toBe(reason)
  })
})

describe("an ESP32's image", () => {
  const image = makeEspImage(5, 300)

  it("for the chip is taken, with what may follow it", () => {
    expect(whyNoEspImage(image, 5)).toBe("")
    expect(whyNoEspImage(Buffer.concat([image, Buffer.alloc(100, 0xff)]), 5)).toBe("")
  })

  it.each([
    ["another kind of file", makeUf2(1), "It is no firmware image of an ESP32."],
    ["another chip's", makeEspImage(9, 20), "It is for the ESP32-S3, not for the ESP32-C3."],
    ["an unknown chip's", makeEspImage(99, 20), "It is for the chip with id 99, not for the ESP32-C3."],
    ["one that is cut off", image.subarray(0, 400), "It is cut off."],
    ["one that lacks its checksum", image.subarray(0, image.length - 33), "It is cut off."],
    ["one that lacks its hash", image.subarray(0, image.length - 1), "It is cut off."],
  ])("is refused: %s", (_name, bad, reason) => {
    expect(whyNoEspImage(bad, 5)).toBe(reason)
  })

  it("is refused when one to three bits of it changed, wherever they are", () => {
    const bit = fc.integer({ min: 0, max: 8 * image.length - 1 })
    fc.assert(
      fc.property(fc.uniqueArray(bit, { minLength: 1, maxLength: 3 }), (bits) => {
        fc.pre(!bits.includes(8 * 23) || bits.length === 1) // without its hash it has only the checksum
        const damaged = Buffer.from(image)
        for (const at of bits) damaged[at >> 3] = (damaged[at >> 3] ?? 0) ^ (1 << (at & 7))
        expect(whyNoEspImage(damaged, 5)).not.toBe("")
      }),
      { numRuns: 1000 },
    )
  })

  it("is refused when the bit that says that its hash is there changed", () => {
    const damaged = Buffer.from(image)
    damaged[23] = 0
    expect(whyNoEspImage(damaged, 5)).toBe("It is damaged: its SHA-256 is wrong.")
    damaged[23] = 3
    expect(whyNoEspImage(damaged, 5)).toMatch(/neither that a hash follows nor that none does/)
  })

  it("without a hash is taken when it says so, and refused when any byte of its segments changed", () => {
    const plain = makeEspImage(5, 300, false)
    expect(whyNoEspImage(plain, 5)).toBe("")
    fc.assert(
      fc.property(fc.integer({ min: 32, max: 331 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(plain)
        damaged[at] = (damaged[at] ?? 0) ^ flip
        expect(whyNoEspImage(damaged, 5)).toBe("It is damaged: its checksum is wrong.")
      }),
    )
  })

  it.each([0, 0x1000])(
    "for all of the flash from 0x%s on is refused when a program in it is damaged",
    (offset) => {
      const flash = Buffer.alloc(0x20000, 0xff)
      image.copy(flash, offset)
      // a program that is there, and a place for another
      for (const [entry, type, at] of [
        [0, 1, 0x9000],
        [1, 0, 0x10000],
        [2, 0, 0x180000],
      ] as const) {
        flash.writeUInt16LE(0x50aa, 0x8000 + 32 * entry)
        flash.writeUInt8(type, 0x8000 + 32 * entry + 2)
        flash.writeUInt32LE(at, 0x8000 + 32 * entry + 4)
      }
      makeEspImage(5, 500).copy(flash, 0x10000)
      const file = flash.subarray(offset)
      expect(whyNoEspImage(file, 5, offset)).toBe("")
      const damaged = Buffer.from(file)
      damaged[0x10000 - offset + 18] = 7
      expect(whyNoEspImage(damaged, 5, offset)).toBe(
        "The program at 0x10000: It is damaged: its SHA-256 is wrong.",
      )
    },
  )

  it("never makes the reader throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(255), (tail, count) => {
        const file = Buffer.concat([Buffer.alloc(24), tail])
        file[0] = 0xe9
        file[1] = count
        file[12] = 5
        whyNoEspImage(file, 5)
        whyNoUf2(file, RP2040_FAMILY)
      }),
    )
  })
})

describe("the board that an image is for", () => {
  const settings = boardSettings("Raspberry Pi Pico W", 0x3a513204)
  const magicAlone = Buffer.concat([settings.subarray(0, 8), Buffer.alloc(100)])

  it("is read over the blocks of a UF2 file, in whatever order they are", () => {
    const file = makeUf2(3, RP2040_FAMILY, settings)
    const said = { name: "Raspberry Pi Pico W", productId: 0x3a513204 }
    expect(boardOfImage(file)).toEqual(said)
    const blocks = [1024, 0, 512].map((at) => file.subarray(at, at + 512))
    expect(boardOfImage(Buffer.concat(blocks))).toEqual(said)
  })

  it("is read from an ESP32's image, behind what only looks like it", () => {
    const file = Buffer.concat([makeEspImage(5, 64), magicAlone, settings])
    expect(boardOfImage(file)).toEqual({ name: "Raspberry Pi Pico W", productId: 0x3a513204 })
  })

  it("is nothing where none is named", () => {
    expect(boardOfImage(makeUf2(3))).toBeUndefined()
    expect(boardOfImage(Buffer.concat([makeEspImage(5, 64), magicAlone]))).toBeUndefined()
    expect(boardOfImage(makeUf2(1, RP2040_FAMILY, settings))).toBeUndefined() // cut off
    expect(boardOfImage(new Uint8Array(0))).toBeUndefined()
  })

  it("cannot be made to throw the reader off", () => {
    fc.assert(
      fc.property(fc.nat(settings.length - 1), fc.nat(255), (at, byte) => {
        const damaged = settings.slice()
        damaged[at] = byte
        boardOfImage(damaged)
      }),
    )
  })
})
