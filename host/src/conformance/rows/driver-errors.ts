// Rows of the driver about revisions, messages that it cannot use, and answers that do not come: D2 to D4, D10 to D12
// (virtio-msg "Respecting Bus Limits", "Revision Compatibility", "Error Handling").

import { TYPE_RESPONSE } from "../../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { hex } from "../../hex.js"
import { type DriverRun, isTransport } from "../driver/driver-runs.js"
import { driverAlways, driverMust, type Row } from "../row.js"
import { expect } from "../verdict.js"
import { expectNoIo, statusWrites } from "./driver-writes.js"

const limitsAlways = driverAlways("Respecting Bus Limits")
const revision = driverMust("Revision Compatibility")
const errors = driverMust("Error Handling")

export const DRIVER_ERROR_ROWS: readonly Row[] = [
  limitsAlways(
    "D2",
    "The driver relies on nothing of a later revision than its bus reports.",
    async (runs) => {
      for (const frame of await runs.everyFrame()) {
        const [, msgId = 0] = frame
        expect(
          !isTransport(frame) || (msgId >= 0x02 && msgId <= 0x0c) || msgId === ids.EVENT_AVAIL,
          `The driver sent message ${hex(msgId)}, which revision 1 does not have.`,
        )
      }
    },
  ),
  revision("D3", "A driver of revision N does what all revisions from 1 to N ask of it.", async (runs) => {
    const run = await runs.run("plain")
    expect(
      run.isDone && run.hasWorked,
      `On a correct bus of revision 1 the driver does not do its work. ${run.how}`,
    )
  }),
  revision(
    "D4",
    "What an unsupported revision or feature brings is ignored, and not half understood.",
    async (runs) => {
      const run = await runs.runAfterGood("garbage")
      expect(run.isDone, `Events that revision 1 does not have kept the driver from its work. ${run.how}`)
    },
  ),
  errors("D10", "Malformed and unsupported messages are discarded without a word.", async (runs) => {
    const plain = await runs.good()
    const run = await runs.run("garbage")
    for (const frame of run.sent)
      expect(
        ((frame[0] as number) & TYPE_RESPONSE) === 0,
        "The driver answered a message that it should discard.",
      )
    expect(run.isDone, `Malformed messages kept the driver from its work. ${run.how}`)
    // Linux may write one twice: a driver that begins early, and the core that does so for it
    const statusWritten = (each: DriverRun) =>
      statusWrites(each, each.bus.i2c)
        .map(({ status }) => status)
        .filter((status, at, all) => at === 0 || status !== all[at - 1])
        .join()
    const [met, otherwise] = [statusWritten(run), statusWritten(plain)]
    expect(
      met === otherwise,
      `Malformed messages made the driver go another way: the status goes ${met}, and ${otherwise} without them.`,
    )
  }),
  errors("D11", "Waiting is bounded, also for the end of a reset.", async (runs) => {
    for (const name of ["silent", "endless-reset"]) {
      const run = await runs.run(name)
      expect(!run.isKilled, `${run.bus.scenario.what} ${run.how}`)
    }
  }),
  errors(
    "D12",
    "A request that stays without a response has failed; the driver recovers by reset and status.",
    async (runs) => {
      const run = await runs.runAfterGood("silent-later")
      expect(
        !run.isKilled && !run.isDone,
        `A request stayed unanswered, and the driver ${run.isDone ? "succeeded" : "waited"}. ${run.how}`,
      )
      expectNoIo(run, run.bus.i2c, "its SET_VQUEUE was never answered")
    },
  ),
]
