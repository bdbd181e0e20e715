// The most that each count of the benchmark may be. They are gates: whoever makes the link dearer sees a test
// fail, and whoever makes it cheaper lowers them. Times are never among them.

import type { Traffic } from "./simulated-board.js"

type TrafficLimit = Pick<Traffic, "packetsOut" | "packetsIn" | "payloadOut" | "payloadIn" | "kicks"> & {
  /** Virtual milliseconds after a rest. */
  readonly ms: number
}

/** By workload. */
export const TRAFFIC_LIMITS: Readonly<Record<string, TrafficLimit>> = {
  read: { packetsOut: 1, packetsIn: 1, payloadOut: 31, payloadIn: 28, kicks: 1, ms: 1 },
  "batch-8": { packetsOut: 1, packetsIn: 1, payloadOut: 39, payloadIn: 43, kicks: 1, ms: 1 },
  "batch-32": { packetsOut: 1, packetsIn: 1, payloadOut: 63, payloadIn: 91, kicks: 1, ms: 1 },
  eeprom: { packetsOut: 1, packetsIn: 2, payloadOut: 27, payloadIn: 290, kicks: 1, ms: 1 },
  scan: { packetsOut: 6, packetsIn: 2, payloadOut: 1160, payloadIn: 112, kicks: 2, ms: 5 },
  initialise: { packetsOut: 10, packetsIn: 10, payloadOut: 284, payloadIn: 444, kicks: 0, ms: 240 },
}

/** The chip's part of a single call within the burst, in milliseconds by the model. */
export const CHIP_PART_LIMIT_MS = 7.9

/** For each register read, by how many are in a kick, whatever else the board has. */
export const CHIP_LIMITS: Readonly<
  Record<
    number,
    { operations: number; calls: number; allocations: number; properties: number; names: number; ms: number }
  >
> = {
  1: { operations: 2400, calls: 64.2, allocations: 48, properties: 265, names: 310, ms: 9 },
  8: { operations: 930, calls: 18, allocations: 12.5, properties: 84, names: 64, ms: 3.2 },
  32: { operations: 745, calls: 13, allocations: 8.5, properties: 64, names: 37, ms: 2.6 },
}

/** Bytes of bytecode. */
export const SIZE_LIMITS: Readonly<Record<string, number>> = {
  "bytecode, simulated build": 65_536,
  "bytecode, hardware build": 65_536,
}
