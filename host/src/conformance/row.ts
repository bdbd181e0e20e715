// A row of the conformance table: one requirement of the specification, in our own words, and how it is checked.

import type { DeviceBench } from "./device-bench.js"
import type { DriverRuns } from "./driver/driver-runs.js"

/** Whom the specification obliges. */
export type Side = "general" | "bus" | "device" | "driver"

/** MUST stands for MUST NOT, too, and so on. */
export type Level = "MUST" | "SHOULD" | "MAY"

export interface RowText {
  /** G, B, V and D: the transport; R: split virtqueues; I, P, E, C, T: virtio-i2c, -gpio, -rng, -console, -rtc. */
  readonly id: string
  readonly side: Side
  readonly level: Level
  /** The section of the text that the row is from. */
  readonly section: string
  /** In our own words. */
  readonly requirement: string
}

/**
 * A check returns when the peer does what it should, and throws a `Verdict` otherwise (verdict.ts).
 */
export interface Row extends RowText {
  /** Against a device and its side of the bus. Runs once for each device, those of side "bus" only once. */
  readonly device?: (bench: DeviceBench) => Promise<void>
  /** Against a driver and its side of the bus. */
  readonly driver?: (runs: DriverRuns) => Promise<void>
  /** The check judges the messages of the whole run, so it comes last. */
  readonly isPassive?: boolean
  /** Only for devices of this type. */
  readonly deviceId?: number
  /** Why nothing outside can observe it; only without a check. */
  readonly reason?: string
}

/** Makes the rows of one side that are a MUST and are checked against `peer`; `rest` says what is different. */
function mustOf<Peer extends "device" | "driver">(side: Side, peer: Peer) {
  return (
    id: string,
    section: string,
    requirement: string,
    check: NonNullable<Row[Peer]>,
    rest: Partial<Row> = {},
  ): Row => ({ id, side, level: "MUST", section, requirement, [peer]: check, ...rest })
}

/** A MUST of the bus, as it shows from the driver's side. */
export const busMust = mustOf("bus", "device")
export const deviceMust = mustOf("device", "device")
export const driverMust = mustOf("driver", "driver")
