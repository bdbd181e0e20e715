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
  scan: { packetsOut: 4, packetsIn: 2, payloadOut: 650, payloadIn: 112, kicks: 2, ms: 5 },
  initialise: { packetsOut: 10, packetsIn: 10, payloadOut: 284, payloadIn: 444, kicks: 0, ms: 240 },
}

/** The chip's part of a single call within the burst, in milliseconds by the model: the goal. */
export const CHIP_PART_LIMIT_MS = 6

/** A scan of 112 addresses: the first one after initialisation, and a later one, whatever else the board has. */
export const SCAN_LIMITS = {
  first: {
    packetsOut: 8,
    payloadOut: 1600,
    operations: 65_700,
    properties: 2890,
    names: 1545,
    allocations: 525,
    ms: 206,
  },
  again: {
    packetsOut: 4,
    payloadOut: 650,
    operations: 34_200,
    properties: 1015,
    names: 465,
    allocations: 231,
    ms: 105,
  },
} as const

/** For each register read, by how many are in a kick, whatever else the board has. Some 3 % above what is counted. */
export const CHIP_LIMITS: Readonly<
  Record<
    number,
    { operations: number; calls: number; allocations: number; properties: number; names: number; ms: number }
  >
> = {
  1: { operations: 2072, calls: 53.7, allocations: 39.1, properties: 178, names: 77.1, ms: 6.96 },
  8: { operations: 625, calls: 12.9, allocations: 7.6, properties: 37.6, names: 28.5, ms: 2.06 },
  32: { operations: 469, calls: 8.6, allocations: 4.2, properties: 22.6, names: 23.3, ms: 1.54 },
}

/** Bytes of bytecode. */
export const SIZE_LIMITS: Readonly<Record<string, number>> = {
  "bytecode, simulated build": 56_000,
  "bytecode, hardware build": 48_500,
}
