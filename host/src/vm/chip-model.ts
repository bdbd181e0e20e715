// The time that an RP2040 takes for what the VM did: a price in cycles for each kind of work that counted-vm.ts
// counts. The prices were fitted once, to the counts of one program and to what a cycle-counting emulator measured of
// it on stock firmware (test/bench/chip-measurements.ts keeps those counts). The figures of the present program are
// computed with these prices.

import type { VmCounts } from "./counted-vm.js"

const CYCLES_PER_MS = 125_000
const ESP32_C3_CYCLES_PER_MS = 160_000

export const MCU_NAMES = ["rp2040", "esp32c3"] as const
export type McuName = (typeof MCU_NAMES)[number]

/**
 * Cycles of each. What is counted together cannot be told apart by fitting: each property read looks through names, and
 * the price of a read was set by hand, that of a name then fitted. The allocator fills what is left of the free block
 * that it takes from, at every allocation; a collection's cost is mostly in what is filled after it.
 */
const PRICES: Readonly<Partial<Record<keyof VmCounts, number>>> = {
  operations: 358,
  properties: 150,
  names: 573,
  allocations: 1149,
  collections: 5262,
  filledBytes: 0.374,
}

/** The cycles that an RP2040 takes for these counts. */
export function chipCycles(counts: VmCounts): number {
  let cycles = 0
  for (const [name, price] of Object.entries(PRICES)) cycles += counts[name as keyof VmCounts] * price
  return cycles
}

/** The milliseconds that an RP2040 takes for these counts, at 125 MHz. */
export function chipMs(counts: VmCounts): number {
  return chipCycles(counts) / CYCLES_PER_MS
}

/** A microcontroller whose speed a simulated board can have. */
export interface Mcu {
  readonly name: string
  /** Where its prices are from, in words. */
  readonly basis: string
  /** The milliseconds that it takes for these counts. */
  computingMs(counts: VmCounts): number
}

/**
 * By the name that users write. An ESP32-C3 was never measured, nor is anything published of the interpreter on it: it is
 * taken to need as many cycles as an RP2040, at its 160 MHz. Its core does more in a cycle, and its flash cache misses.
 */
export const MCUS: Readonly<Record<McuName, Mcu>> = {
  rp2040: {
    name: "RP2040",
    basis: "fitted on measurements of stock firmware in an emulator, not silicon",
    computingMs: chipMs,
  },
  esp32c3: {
    name: "ESP32-C3",
    basis: "computed from an RP2040's cycles at 160 MHz, not measured",
    computingMs: (counts) => chipCycles(counts) / ESP32_C3_CYCLES_PER_MS,
  },
}
