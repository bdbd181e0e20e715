// That no stream of the simulated firmware starves I2C, as bytecode in the VM, under the throttle.

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { ConsoleShell } from "../../host/src/driver/console-shell.js"
import { SimulatedFirmware } from "../support/simulated-firmware.js"

let firmware: SimulatedFirmware

beforeEach(async () => {
  firmware = await SimulatedFirmware.boot()
})

afterEach(async () => {
  expect(firmware.panics).toEqual([])
  await firmware.stop()
})

function openShell(): Promise<ConsoleShell> {
  return firmware.run(firmware.board.shell())
}

describe("fairness under the throttle", () => {
  /** The virtual milliseconds of register reads, one after another. */
  async function latencies(count: number): Promise<number[]> {
    const i2c = await firmware.run(firmware.board.i2c())
    const took: number[] = []
    for (let at = 0; at < count; at++) {
      const before = firmware.clock.now()
      await firmware.run(i2c.readByte(0x54, 14))
      took.push(firmware.clock.now() - before)
    }
    return took
  }

  const worst = (values: number[]) => Math.max(...values)

  it("I2C is served within three packets' time during a console flood, an entropy stream and a GPIO storm", async () => {
    const quiet = await latencies(50)
    const port = await firmware.run(firmware.board.console())
    await firmware.run(port.write(new TextEncoder().encode("flood 100000\n")))
    let consoleBytes = 0
    const drain = (async () => {
      for await (const bytes of port) consoleBytes += bytes.length
    })()
    const rng = await firmware.run(firmware.board.rng())
    let randomBytes = 0
    const pour = (async () => {
      for await (const bytes of rng.stream(1_000_000)) randomBytes += bytes.length
    })()
    const chip = await firmware.run(firmware.board.gpio())
    const watch = await firmware.run(chip.watch(["CLOCK"]))
    let edges = 0
    const follow = (async () => {
      for await (const _ of watch) edges++
    })()
    for (const stream of [drain, pour, follow]) stream.catch(() => {})
    const before = firmware.clock.now()
    const loaded = await latencies(150)
    const seconds = (firmware.clock.now() - before) / 1000
    console.info(
      `I2C register reads: ${worst(quiet).toFixed(0)} ms at worst when quiet, ${worst(loaded).toFixed(0)} ms under load ` +
        `(${(150 / seconds).toFixed(0)}/s), beside ${(consoleBytes / seconds).toFixed(0)} B/s of console, ` +
        `${(randomBytes / seconds).toFixed(0)} B/s of entropy and ${edges} edges in ${seconds.toFixed(1)} s`,
    )
    expect(worst(loaded)).toBeLessThan(worst(quiet) + 3 * 20)
    expect(consoleBytes / seconds).toBeGreaterThan(1000)
    expect(randomBytes / seconds).toBeGreaterThan(1000)
    expect(edges).toBeGreaterThan(seconds)
  })

  it("a GPIO storm on every line does not hold I2C up, and I2C does not hold GPIO up", async () => {
    const quiet = await latencies(50)
    const shell = await openShell()
    for (const line of [5, 6]) await firmware.run(shell.run(`pattern ${line} 01 10`))
    const chip = await firmware.run(firmware.board.gpio())
    const watch = await firmware.run(chip.watch([5, 6], { edges: "rising" }))
    let edges = 0
    const follow = (async () => {
      for await (const _ of watch) edges++
    })()
    follow.catch(() => {})
    const before = firmware.clock.now()
    const loaded = await latencies(100)
    const seconds = (firmware.clock.now() - before) / 1000
    console.info(
      `${(edges / seconds).toFixed(0)} edges/s beside ${(100 / seconds).toFixed(0)} register reads/s`,
    )
    expect(worst(loaded)).toBeLessThan(worst(quiet) + 2 * 20)
    expect(edges / seconds).toBeGreaterThan(20)
  })
})
