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

/** Of a single call within the burst: with 0.2 ms of I2C bus and a USB round trip of a frame it is done within 8. */
export const CHIP_PART_LIMIT_MS = 6.8

/** For each register read, by how many are in a kick, whatever else the board has. */
export const CHIP_LIMITS: Readonly<
  Record<number, { operations: number; calls: number; allocations: number; ms: number }>
> = {
  1: { operations: 2450, calls: 64.2, allocations: 48, ms: 7.8 },
  8: { operations: 1020, calls: 18.7, allocations: 13.1, ms: 3.2 },
  32: { operations: 855, calls: 13.8, allocations: 9.4, ms: 2.7 },
}

/** Bytes of bytecode. */
export const SIZE_LIMITS: Readonly<Record<string, number>> = {
  "bytecode, simulated build": 65_536,
  "bytecode, hardware build": 65_536,
}
