// The cost model against what was measured on stock RP2040 firmware, cycle by cycle, in an emulator: the same
// bytecode runs here in the counted VM.

import { beforeAll, describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import { chipCycles, chipMs } from "../../host/src/vm/chip-model.js"
import { CountingEngine, difference, type VmCounts } from "../../host/src/vm/counted-vm.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { compileFirmware } from "../support/compile-firmware.js"
import { MEASUREMENTS } from "./chip-measurements.js"

/** Stock firmware runs from flash through a cache; an emulated cache of 50 cycles a miss made all so much dearer. */
const FLASH_CACHE = 1.2

/** As often as main-cost.ts does each thing. */
const TIMES = 100

/** Cycles for each time: what the emulator measured. */
const MEASURED: readonly (readonly [step: string, cycles: number])[] = [
  ["loop", 2600],
  ["call", 28_000],
  ["alloc", 26_000],
  ["copy", 4800],
  ["call with 40 KB held", 9500],
  ["call with 48 KB held", 5800],
]

describe("the prices against the program that was measured", () => {
  it.each(MEASUREMENTS)("are within 10 %% of $ms ms: $title", ({ ms, besideMs, counts }) => {
    expect(Math.abs((chipMs(counts) + besideMs) / ms - 1)).toBeLessThan(0.1)
  })

  const cached = MEASUREMENTS.filter(({ cachedMs }) => cachedMs !== undefined)
  it.each(cached)(
    "are within 10 %% of $cachedMs ms with a flash cache: $title",
    ({ cachedMs, besideMs, counts }) => {
      expect(Math.abs((chipMs(counts) * FLASH_CACHE + besideMs) / (cachedMs as number) - 1)).toBeLessThan(0.1)
    },
  )
})

describe("the prices of single steps", () => {
  const steps = new Map<string, VmCounts>()
  beforeAll(async () => {
    const clock = new VirtualClock(1000)
    const engine = new CountingEngine()
    const machine = new VirtualMachine({
      program: compileFirmware("main-cost"),
      clock,
      loadRuntime: engine.loadRuntime,
    })
    let last = engine.read()
    machine.onLog.on((line) => {
      const now = engine.read()
      const name = /step (.+)$/.exec(line)?.[1]
      if (name) steps.set(name, difference(last, now))
      last = now
    })
    await machine.start()
    await clock.advance(3000)
    machine.stop()
  })

  it.each(MEASURED)("is within 10 %% of the measured cycles: %s", (step, cycles) => {
    const held = /with .*/.exec(step)?.[0] ?? ""
    const cyclesOf = (name: string) => chipCycles(steps.get(`${name} ${held}`.trim()) as VmCounts)
    // a loop's iterations are in the steps that loop, and a step costs something by itself
    const own = /^(call|alloc)/.test(step) ? cyclesOf("loop") : cyclesOf("nothing")
    const each = (cyclesOf(step.split(" ")[0] as string) - own) / TIMES
    expect(Math.abs(each / cycles - 1)).toBeLessThan(0.1)
  })

  it("counts calls, allocations and operations exactly", () => {
    const loop = steps.get("loop") as VmCounts
    const call = steps.get("call") as VmCounts
    const allocation = steps.get("alloc") as VmCounts
    expect(call.calls - loop.calls).toBe(TIMES)
    expect(call.allocations - loop.allocations).toBe(TIMES) // its activation record
    expect(call.operations - loop.operations).toBe(4 * TIMES)
    expect(allocation.allocations - loop.allocations).toBe(TIMES)
  })
})
