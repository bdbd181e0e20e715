// From what the VM did to the time that an RP2040 takes for it. Three prices, in cycles at 125 MHz, that reproduce
// what a cycle-counting emulator measured on stock firmware (chip-model.test.ts holds them against it):
//
//   an empty loop's iteration  2,600    a byte copied in a loop  4,800    Buffer.alloc(64)    26,000
//   a call, heap empty        28,000    with 40 KB held           9,500   with 48 KB held      5,800

import type { VmCounts } from "./counted-vm.js"

const CYCLES_PER_MS = 125_000
/** One operation; small constants between operations, which the counter does not see, are in it. */
const OPERATION_CYCLES = 370
/** An allocation without the filling, and a call's or a fiber's own work with it. */
const ALLOCATION_CYCLES = 700
/** The allocator fills what is left of the free block that it takes from, at every allocation. */
const FILL_CYCLES_PER_BYTE = 0.4065

/** The cycles that an RP2040 takes for what was counted. */
export function chipCycles({ operations, allocations, filledBytes }: VmCounts): number {
  return operations * OPERATION_CYCLES + allocations * ALLOCATION_CYCLES + filledBytes * FILL_CYCLES_PER_BYTE
}

/** The milliseconds that an RP2040 takes for what was counted. */
export function chipMs(counts: VmCounts): number {
  return chipCycles(counts) / CYCLES_PER_MS
}
