// From what the VM did to the time that an RP2040 takes for it: a price in cycles for each kind of work that
// counted-vm.ts counts. The prices were fitted once, on the counts of the program that was measured and on what a
// cycle-counting emulator measured of it on stock firmware (test/bench/chip-measurements.ts, which keeps those
// counts). They are not fitted to the present program: its figures are computed with them.

import type { VmCounts } from "./counted-vm.js"

const CYCLES_PER_MS = 125_000

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

/** Stock firmware runs from flash through a cache; an emulated cache of 50 cycles a miss made all so much dearer. */
const FLASH_CACHE = 1.2

/** The cycles that an RP2040 takes for what was counted. */
export function chipCycles(counts: VmCounts): number {
  let cycles = 0
  for (const [name, price] of Object.entries(PRICES)) cycles += counts[name as keyof VmCounts] * price
  return cycles
}

/** The milliseconds that an RP2040 takes for what was counted, at 125 MHz. */
export function chipMs(counts: VmCounts): number {
  return chipCycles(counts) / CYCLES_PER_MS
}

/** As `chipMs`, with the misses of a flash cache. */
export function cachedChipMs(counts: VmCounts): number {
  return chipMs(counts) * FLASH_CACHE
}
