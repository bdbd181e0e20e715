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

/**
 * Makes, for a section of the text, what makes its rows: those of one side and level, which are checked against `peer`,
 * unless `rest` says otherwise.
 */
function rowsOf<Peer extends "device" | "driver">(
  side: Side,
  level: Level,
  peer: Peer,
  all: Partial<Row> = {},
) {
  return (section: string) =>
    (id: string, requirement: string, check: NonNullable<Row[Peer]>, rest: Partial<Row> = {}): Row => ({
      ...{ id, side, level, section, requirement, [peer]: check },
      ...all,
      ...rest,
    })
}

// "Always" is a MUST that is judged by the messages of the whole run. What the bus does shows from the driver's side.
export const busMust = rowsOf("bus", "MUST", "device")
export const busAlways = rowsOf("bus", "MUST", "device", { isPassive: true })
export const busShould = rowsOf("bus", "SHOULD", "device")
export const deviceMust = rowsOf("device", "MUST", "device")
export const deviceAlways = rowsOf("device", "MUST", "device", { isPassive: true })
export const deviceShould = rowsOf("device", "SHOULD", "device")
export const driverMust = rowsOf("driver", "MUST", "driver")
export const driverAlways = rowsOf("driver", "MUST", "driver", { isPassive: true })
export const driverShould = rowsOf("driver", "SHOULD", "driver")

/** Rows with more than one check, or with another peer than the makers above have; `checks` are these. */
function rowsWithChecks(side: Side) {
  return (section: string) =>
    (id: string, requirement: string, checks: Partial<Row>): Row => ({
      ...{ id, side, level: "MUST", section, requirement },
      ...checks,
    })
}
export const busRows = rowsWithChecks("bus")
export const generalRows = rowsWithChecks("general")

/** What a side may do, and need not. */
export function permission(id: string, side: Side, section: string, requirement: string): Row {
  const reason = "A permission: there is nothing that could be violated."
  return { id, side, level: "MAY", section, requirement, reason }
}

/** Makes the rows of one device type, which are a MUST unless `rest` says otherwise. */
export function mustOfType(section: string, deviceId: number): ReturnType<typeof deviceMust> {
  const make = deviceMust(section)
  return (id, requirement, check, rest = {}) => make(id, requirement, check, { deviceId, ...rest })
}
