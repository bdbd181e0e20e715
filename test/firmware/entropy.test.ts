// The random bytes of the simulated firmware, as bytecode in the VM: statistics that find a broken source, and what
// the conditioning makes of a weak one.

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { SimulatedFirmware } from "../support/simulated-firmware.js"

let firmware: SimulatedFirmware

beforeEach(async () => {
  firmware = await SimulatedFirmware.boot()
})

afterEach(async () => {
  expect(firmware.panics).toEqual([])
  await firmware.stop()
})

/** Bits, bytes, neighbours and repetitions; six standard deviations each. */
function expectRandom(bytes: Uint8Array): void {
  const bits = bytes.length * 8
  const ones = bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0)
  // six standard deviations: a sound source fails this once in 500 million runs
  expect(Math.abs(ones - bits / 2)).toBeLessThan(6 * Math.sqrt(bits / 4))
  const counts = new Array<number>(256).fill(0)
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1
  const expected = bytes.length / 256
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  expect(Math.abs(chiSquare - 255)).toBeLessThan(6 * Math.sqrt(2 * 255))
  const mean = bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length
  let product = 0
  for (let at = 1; at < bytes.length; at++)
    product += ((bytes[at] ?? 0) - mean) * ((bytes[at - 1] ?? 0) - mean)
  const variance = (256 ** 2 - 1) / 12
  expect(Math.abs(product / (variance * Math.sqrt(bytes.length)))).toBeLessThan(6)
  const blocks = new Set<string>()
  for (let at = 0; at < bytes.length; at += 16) blocks.add(bytes.subarray(at, at + 16).toString())
  expect(blocks.size).toBe(bytes.length / 16)
}

describe("entropy", () => {
  it("looks random: bits, bytes, runs and neighbours of 20,000 bytes, and never the same twice", async () => {
    const rng = await firmware.run(firmware.board.rng())
    const bytes = await firmware.run(rng.read(20_000))
    expectRandom(bytes)
  })

  it("is what the machine's randomness makes of it, not a row that every boot repeats", async () => {
    const first = await firmware.run((await firmware.run(firmware.board.rng())).read(32))
    await firmware.stop()
    firmware = await SimulatedFirmware.boot()
    expect(await firmware.run((await firmware.run(firmware.board.rng())).read(32))).not.toEqual(first)
  })

  it("hides a source that says always the same, and never repeats itself", async () => {
    await firmware.stop()
    firmware = await SimulatedFirmware.boot(undefined, (length) => new Uint8Array(length))
    expectRandom(await firmware.run((await firmware.run(firmware.board.rng())).read(20_000)))
  })

  it("makes one good moment of its source last: what was random once stays in what comes later", async () => {
    const later: string[] = []
    for (const seed of [1, 2, 1]) {
      await firmware.stop()
      let isGood = true
      firmware = await SimulatedFirmware.boot(undefined, (length) =>
        new Uint8Array(length).fill(isGood ? seed : 0),
      )
      const rng = await firmware.run(firmware.board.rng())
      await firmware.run(rng.read(32))
      isGood = false
      later.push((await firmware.run(rng.read(64))).toString())
    }
    expect(later[1]).not.toBe(later[0])
    expect(later[2]).toBe(later[0]) // nothing else made the difference
  })
})
