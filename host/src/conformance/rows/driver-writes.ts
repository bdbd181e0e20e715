// Where in a run the driver writes a device's status, enables its queues, and notifies them.

import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { VQUEUE_ENABLE } from "../../../../shared-protocol/src/messages/vqueue.js"
import type { DriverRun } from "../driver/driver-runs.js"
import { word } from "../driver/driver-runs.js"
import type { ScriptedDevice } from "../driver/scripted-device.js"
import { expect } from "../verdict.js"

/** The statuses that the driver writes to a device, and where. */
export function statusWrites(run: DriverRun, device: ScriptedDevice): { status: number; at: number }[] {
  return run
    .places(device, ids.SET_DEVICE_STATUS)
    .map((at) => ({ at, status: word(run.transcript[at]?.frame ?? new Uint8Array(0), 0) }))
}

/** Where a status with this bit is written for the first time; -1 if never. */
export function firstWrite(run: DriverRun, device: ScriptedDevice, bit: number): number {
  return statusWrites(run, device).find(({ status }) => (status & bit) !== 0)?.at ?? -1
}

/** Where queues are enabled. */
export function enablings(run: DriverRun, device: ScriptedDevice): number[] {
  return run
    .places(device, ids.SET_VQUEUE)
    .filter((at) => (word(run.transcript[at]?.frame ?? new Uint8Array(0), 4) & 3) === VQUEUE_ENABLE)
}

export function expectNoIo(run: DriverRun, device: ScriptedDevice, why: string): void {
  expect(run.places(device, ids.EVENT_AVAIL).length === 0, `The driver sent EVENT_AVAIL, although ${why}.`)
}
