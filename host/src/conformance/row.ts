// A row of the conformance table: one requirement of the specification, in our own words, and how it is checked.

import type { DeviceBench } from "./device-bench.js"
import type { DriverRuns } from "./driver/driver-runs.js"

/** Who has to obey the requirement. A device model has to obey the bridge's interface (docs/bridge.md). */
export type Side = "general" | "bus" | "device" | "driver" | "device model"

/** MUST stands for MUST NOT, too, and so on. */
export type Level = "MUST" | "SHOULD" | "MAY"

export interface RowText {
  /**
   * G, B, V and D: the transport; R: split virtqueues; K: the bridge; the letters of the device types: device-suites.ts.
   */
  readonly id: string
  readonly side: Side
  readonly level: Level
  /** The section of the text that the row is from. */
  readonly section: string
  /** In our own words. */
  readonly requirement: string
}

/** A check returns when the peer does what it should, and throws a `Verdict` otherwise (verdict.ts). */
export interface Row extends RowText {
  /** Against a device and its side of the bus. Runs once for each device. Rows of side "bus" run only once. */
  readonly device?: (bench: DeviceBench) => Promise<void>
  /** Against a driver and its side of the bus. */
  readonly driver?: (runs: DriverRuns) => Promise<void>
  /** The check judges the messages of the whole run, so it runs last. */
  readonly isPassive?: boolean
  /** Only for devices of this type. */
  readonly deviceId?: number
  /** Why no test from outside can see it. Only without a check. */
  readonly reason?: string
}

/** Makes rows of one side. Each is a MUST and is checked against `peer`, unless `rest` says otherwise. */
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

/** Makes the rows of one device type, which are a MUST unless `rest` says otherwise. */
export function mustOfType(section: string, deviceId: number) {
  return (
    id: string,
    requirement: string,
    check: (bench: DeviceBench) => Promise<void>,
    rest: Partial<Row> = {},
  ): Row => deviceMust(id, section, requirement, check, { deviceId, ...rest })
}
