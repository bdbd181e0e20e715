// The most that each count of the benchmark may be. They are gates: whoever makes the link dearer sees a test
// fail, and whoever makes it cheaper lowers them. Times are never among them.

import type { Traffic } from "./simulated-board.js"

type TrafficLimit = Pick<Traffic, "packetsOut" | "packetsIn" | "payloadOut" | "payloadIn" | "kicks"> & {
  /** Virtual milliseconds after a rest. */
  readonly ms: number
}

/** By workload. */
export const TRAFFIC_LIMITS: Readonly<Record<string, TrafficLimit>> = {
  read: { packetsOut: 1, packetsIn: 1, payloadOut: 32, payloadIn: 29, kicks: 1, ms: 1 },
  "batch-8": { packetsOut: 1, packetsIn: 1, payloadOut: 53, payloadIn: 57, kicks: 1, ms: 1 },
  "batch-32": { packetsOut: 1, packetsIn: 1, payloadOut: 125, payloadIn: 153, kicks: 1, ms: 1 },
  eeprom: { packetsOut: 1, packetsIn: 2, payloadOut: 28, payloadIn: 291, kicks: 1, ms: 1 },
  scan: { packetsOut: 4, packetsIn: 2, payloadOut: 934, payloadIn: 112, kicks: 2, ms: 5 },
  initialise: { packetsOut: 13, packetsIn: 13, payloadOut: 299, payloadIn: 459, kicks: 0, ms: 280 },
}

/** For each register read, by how many are in a kick. */
export const CHIP_LIMITS: Readonly<
  Record<number, { operations: number; calls: number; allocations: number; ms: number }>
> = {
  1: { operations: 2560, calls: 67, allocations: 51, ms: 8.1 },
  8: { operations: 1310, calls: 22.5, allocations: 15.3, ms: 4.1 },
  32: { operations: 1170, calls: 17.8, allocations: 11.5, ms: 3.7 },
}

/** Bytes of bytecode. */
export const SIZE_LIMITS: Readonly<Record<string, number>> = {
  "bytecode, simulated build": 40_000,
  "bytecode, hardware build": 40_000,
}
