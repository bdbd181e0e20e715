// A row of the conformance table: one requirement of the specification, in our own words, and how it is checked.

import type { DeviceBench } from "./device-bench.js"
import type { DriverRuns } from "./driver/driver-runs.js"

/** Whom the specification obliges. */
export type Side = "general" | "bus" | "device" | "driver"

/** MUST stands for MUST NOT, too, and so on. */
export type Level = "MUST" | "SHOULD" | "MAY"

export interface RowText {
  /** G, B, V and D: the transport; R: split virtqueues; I, P, E, C: virtio-i2c, -gpio, -rng, -console. */
  readonly id: string
  readonly side: Side
  readonly level: Level
  /** The section of the text that the row is from. */
  readonly section: string
  /** In our own words. */
  readonly requirement: string
}

/**
 * A check returns when the peer does what it should, and throws a `Verdict` otherwise: see fail, skip and blocked.
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

export type Status = "pass" | "fail" | "blocked" | "skipped" | "not observable"

/** How a check ends that does not pass. */
export class Verdict extends Error {
  readonly status: Exclude<Status, "pass" | "not observable">

  constructor(status: Exclude<Status, "pass" | "not observable">, message: string) {
    super(message)
    this.status = status
  }
}

/** The row is violated. */
export function fail(what: string): never {
  throw new Verdict("fail", what)
}

/** The row says nothing about this peer: it lacks what the row is about. */
export function skip(why: string): never {
  throw new Verdict("skipped", why)
}

/** The row cannot be judged, because something before it went wrong, which another row reports. */
export function blocked(why: string): never {
  throw new Verdict("blocked", why)
}

/** Fails the row unless `isRight`. */
export function expect(isRight: boolean, what: string | (() => string)): void {
  if (!isRight) fail(typeof what === "string" ? what : what())
}

/** A number as the specification writes it. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`
}
