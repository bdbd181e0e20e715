// The places in a run where the driver writes a device's status, enables its queues, and notifies them, and where it
// begins to do so again.

import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { VQUEUE_ENABLE } from "../../../../shared-protocol/src/messages/vqueue.js"
import type { DriverRun } from "../driver/driver-runs.js"
import type { ScriptedDevice } from "../driver/scripted-device.js"
import { expect } from "../verdict.js"

/** The statuses that the driver writes to a device, and the places. */
export function statusWrites(run: DriverRun, device: ScriptedDevice): { status: number; at: number }[] {
  return run.places(device, ids.SET_DEVICE_STATUS).map((at) => ({ at, status: run.wordAt(at, 0) }))
}

/** The place where a status with this bit is written for the first time; -1 if never. */
export function firstWrite(run: DriverRun, device: ScriptedDevice, bit: number): number {
  return statusWrites(run, device).find(({ status }) => (status & bit) !== 0)?.at ?? -1
}

/** The places where queues are enabled. */
export function enablings(run: DriverRun, device: ScriptedDevice): number[] {
  return run.places(device, ids.SET_VQUEUE).filter((at) => (run.wordAt(at, 4) & 3) === VQUEUE_ENABLE)
}

/** Fails the row unless each queue that was enabled is asked about by GET_VQUEUE later. */
export function expectQueuesAskedAbout(run: DriverRun): void {
  for (const device of run.driven)
    for (const at of enablings(run, device)) {
      const index = run.wordAt(at, 0)
      const asked = run
        .places(device, ids.GET_VQUEUE)
        .some((later) => later > at && run.wordAt(later, 0) === index)
      expect(asked, `Queue ${index} of device ${device.devNum} was enabled and never asked about.`)
    }
}

/** `after`: a place in the transcript that it has to be behind. */
export function expectNoIo(run: DriverRun, device: ScriptedDevice, why: string, after = -1): void {
  expect(
    run.places(device, ids.EVENT_AVAIL).every((at) => at < after),
    `The driver sent EVENT_AVAIL, although ${why}.`,
  )
}

/** Where the driver resets the device to set it up again, behind what changed it; behind everything if it does not. */
export function secondReset(run: DriverRun, device: ScriptedDevice): number {
  const changedAt = run.bus.change?.at ?? Number.MAX_SAFE_INTEGER
  return (
    statusWrites(run, device).find(({ at, status }) => at > changedAt && status === 0)?.at ??
    Number.MAX_SAFE_INTEGER
  )
}
