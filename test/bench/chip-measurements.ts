// What an emulator measured of the firmware on an RP2040 (stock Pico firmware, emulated cycle by cycle, not silicon;
// I2C at 400 kHz), and what the VM counted of the very same program (of version 0.1.0, November 2026) for the same work.
// The counts are kept, not the program: they are what the prices of host/src/vm/chip-model.ts were fitted on, and stay
// what they are when the program gets faster.

import type { VmCounts } from "../../host/src/vm/counted-vm.js"

export interface Measurement {
  readonly title: string
  /** Of the emulator, and with a flash cache emulated as well, where that was measured. */
  readonly ms: number
  readonly cachedMs?: number
  /** What is no computing, and so has no price in the model: the I2C bus at 400 kHz, the packets on USB. */
  readonly besideMs: number
  /** Of a read, a scan or a block, a mean of many. */
  readonly counts: VmCounts
}

/** A packet to the board and one back, by USB, with the waits for the host's polls. */
const USB_MS = 0.25

export const MEASUREMENTS: readonly Measurement[] = [
  {
    title: "simulated chips, I2C alone: a single read in the burst",
    ms: 9.4,
    besideMs: USB_MS,
    counts: {
      operations: 2073.9,
      calls: 48.0,
      fibers: 1.0,
      allocations: 38,
      collections: 0.17,
      scanned: 38.95,
      properties: 242.0,
      lookups: 303.0,
      names: 669.0,
      filledBytes: 51611,
    },
  },
  {
    title: "simulated chips, I2C alone: a read, one at a time",
    ms: 10.5,
    besideMs: 0,
    counts: {
      operations: 2363.08,
      calls: 63.55,
      fibers: 1.79,
      allocations: 47.32,
      collections: 0.21,
      scanned: 46.67,
      properties: 269.77,
      lookups: 339.2,
      names: 817.21,
      filledBytes: 56419,
    },
  },
  {
    title: "simulated chips, I2C alone: a read, 8 at a time",
    ms: 4.1,
    besideMs: 0,
    counts: {
      operations: 994.7,
      calls: 18.38,
      fibers: 0.21,
      allocations: 12.84,
      collections: 0.06,
      scanned: 14.25,
      properties: 99.7,
      lookups: 131.14,
      names: 269.73,
      filledBytes: 24826,
    },
  },
  {
    title: "simulated chips, I2C alone: a read, 32 at a time",
    ms: 3.5,
    besideMs: 0,
    counts: {
      operations: 845.38,
      calls: 13.58,
      fibers: 0.04,
      allocations: 9.18,
      collections: 0.05,
      scanned: 11.35,
      properties: 81.46,
      lookups: 108.87,
      names: 211.06,
      filledBytes: 27146,
    },
  },
  {
    title: "simulated chips, I2C alone: scan of 112 addresses",
    ms: 385,
    besideMs: 0,
    counts: {
      operations: 100314.6,
      calls: 1017.85,
      fibers: 6.4,
      allocations: 763.7,
      collections: 3.9,
      scanned: 881.1,
      properties: 6674.9,
      lookups: 8522.25,
      names: 22239.6,
      filledBytes: 2096517,
    },
  },
  {
    title: "simulated chips, I2C alone: EEPROM, 256 bytes",
    ms: 15.5,
    besideMs: 0,
    counts: {
      operations: 2811.79,
      calls: 85.87,
      fibers: 2.56,
      allocations: 64.48,
      collections: 0.31,
      scanned: 68.77,
      properties: 332.83,
      lookups: 415.58,
      names: 1048.08,
      filledBytes: 74682,
    },
  },
  {
    title: "hardware build: a single read in the burst",
    ms: 9.2,
    cachedMs: 11.2,
    besideMs: 0.12 + USB_MS,
    counts: {
      operations: 2009.0,
      calls: 49.0,
      fibers: 1.0,
      allocations: 40,
      collections: 0.12,
      scanned: 41.28,
      properties: 232.0,
      lookups: 292.0,
      names: 656.0,
      filledBytes: 42641,
    },
  },
  {
    title: "hardware build: a read, one at a time",
    ms: 10.4,
    cachedMs: 13.0,
    besideMs: 0.12,
    counts: {
      operations: 2292.28,
      calls: 64.15,
      fibers: 1.79,
      allocations: 49.32,
      collections: 0.2,
      scanned: 66.72,
      properties: 259.38,
      lookups: 327.02,
      names: 813.09,
      filledBytes: 48488,
    },
  },
  {
    title: "hardware build: a read, 8 at a time",
    ms: 3.9,
    cachedMs: 4.6,
    besideMs: 0.12,
    counts: {
      operations: 887.15,
      calls: 19.34,
      fibers: 0.21,
      allocations: 14.84,
      collections: 0.07,
      scanned: 22.15,
      properties: 84.4,
      lookups: 114.76,
      names: 236.77,
      filledBytes: 12416,
    },
  },
  {
    title: "hardware build: a read, 32 at a time",
    ms: 3.1,
    cachedMs: 3.7,
    besideMs: 0.12,
    counts: {
      operations: 733.89,
      calls: 14.57,
      fibers: 0.04,
      allocations: 11.18,
      collections: 0.05,
      scanned: 15.85,
      properties: 65.64,
      lookups: 92.03,
      names: 175.08,
      filledBytes: 10659,
    },
  },
  {
    title: "hardware build: scan of 112 addresses",
    ms: 469,
    cachedMs: 535,
    besideMs: 3.36,
    counts: {
      operations: 103330.95,
      calls: 1971.4,
      fibers: 6.55,
      allocations: 1893.45,
      collections: 7.05,
      scanned: 2417.35,
      properties: 5709.9,
      lookups: 8864.6,
      names: 20915.8,
      filledBytes: 2256443,
    },
  },
  {
    title: "hardware build: EEPROM, 256 bytes",
    ms: 21.1,
    cachedMs: 23.8,
    besideMs: 5.835,
    counts: {
      operations: 2771.09,
      calls: 87.09,
      fibers: 2.56,
      allocations: 66.48,
      collections: 0.33,
      scanned: 108.71,
      properties: 324.05,
      lookups: 405.24,
      names: 1054.76,
      filledBytes: 53716,
    },
  },
]
