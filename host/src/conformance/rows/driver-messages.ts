// Rows of the driver about its messages as such, and about messages that it cannot use or that do not come: D1 to D4,
// D10 to D18, D34 (virtio-msg "Respecting Bus Limits", "Revision Compatibility", "Error Handling", "Endianness", "Common
// Header", "Core Messages").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE, TYPE_RESPONSE } from "../../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import { type DriverRun, isTransport, word } from "../driver/driver-runs.js"
import { messageSize } from "../frames.js"
import { driverAlways, driverMust, type Row } from "../row.js"
import { expect } from "../verdict.js"
import { expectNoIo, statusWrites } from "./driver-writes.js"

const limitsAlways = driverAlways("Respecting Bus Limits")
const endiannessAlways = driverAlways("Endianness")
const header = driverMust("Common Header")
const headerAlways = driverAlways("Common Header")
const core = driverMust("Core Messages")
const revision = driverMust("Revision Compatibility")
const errors = driverMust("Error Handling")

/** Bytes of each message of a driver; those with blocks or data are longer. */
const EXACT_SIZES: Readonly<Record<number, number>> = {
  [ids.GET_DEVICE_INFO]: 8,
  [ids.GET_DEVICE_FEATURES]: 16,
  [ids.GET_CONFIG]: 16,
  [ids.GET_DEVICE_STATUS]: 8,
  [ids.SET_DEVICE_STATUS]: 12,
  [ids.GET_VQUEUE]: 12,
  [ids.SET_VQUEUE]: 48,
  [ids.RESET_VQUEUE]: 12,
  [ids.GET_SHM]: 12,
  [ids.EVENT_AVAIL]: 16,
}

export const DRIVER_MESSAGE_ROWS: readonly Row[] = [
  limitsAlways("D1", "No message is larger than the bus allows.", async (runs) => {
    await runs.run("small-messages")
    for (const run of await runs.all())
      for (const [at, { direction, frame }] of run.transcript.entries())
        expect(
          direction === "out" || messageSize(frame) <= run.bus.maxMessageSizeAt(at),
          `Message ${hex(frame[1] ?? 0)} has ${counted(messageSize(frame), "byte")}; the bus carries ${run.bus.maxMessageSizeAt(at)}.`,
        )
  }),
  endiannessAlways("D13", "Numbers are little-endian.", async (runs) => {
    for (const { frame } of await runs.messages(ids.SET_DEVICE_STATUS))
      expect(word(frame, 0) <= 0xff, `Status ${hex(word(frame, 0))} looks big-endian.`)
    for (const { frame } of await runs.messages(ids.GET_VQUEUE))
      expect(word(frame, 0) <= 0xffff, `Queue index ${hex(word(frame, 0))} looks big-endian.`)
    for (const { frame } of await runs.messages(ids.SET_VQUEUE))
      expect(word(frame, 8) <= 0x8000, `Queue size ${hex(word(frame, 8))} looks big-endian.`)
  }),
  headerAlways("D14", "type bits 2 to 7 are sent as 0, and reserved on receipt.", async (runs) => {
    for (const frame of await runs.everyFrame())
      expect((frame[0] as number) >> 2 === 0, `Message ${hex(frame[1] ?? 0)} has type ${hex(frame[0] ?? 0)}.`)
  }),
  headerAlways("D15", "msg_size counts header and payload, and nothing else.", async (runs) => {
    for (const frame of await runs.everyFrame()) {
      const size = frame.length >= HEADER_SIZE ? getU16(frame, 6) : -1
      expect(
        size >= HEADER_SIZE && size <= frame.length,
        `Message ${hex(frame[1] ?? 0)} has msg_size ${size} in ${counted(frame.length, "byte")}.`,
      )
      if (!isTransport(frame)) continue
      const needed =
        frame[1] === ids.SET_DRIVER_FEATURES
          ? 16 + 4 * word(frame, 4)
          : frame[1] === ids.SET_CONFIG
            ? 20 + word(frame, 8)
            : EXACT_SIZES[frame[1] as number]
      expect(
        needed === undefined || size === needed,
        `Message ${hex(frame[1] ?? 0)} has msg_size ${size}; its fields take ${needed}.`,
      )
    }
  }),
  headerAlways("D16", "dev_num is the number of the device that is meant.", async (runs) => {
    for (const run of await runs.all()) {
      const numbers = run.bus.devices.map(({ devNum }) => devNum)
      for (const frame of run.sent.filter(isTransport))
        expect(
          numbers.includes(getU16(frame, 2)),
          `Message ${hex(frame[1] ?? 0)} goes to device ${getU16(frame, 2)}; there are ${numbers.join(" and ")}.`,
        )
    }
  }),
  headerAlways("D17", "Padding that the driver adds is 0.", async (runs) => {
    for (const frame of await runs.everyFrame()) {
      if (frame.length < HEADER_SIZE) continue
      const extra = frame.subarray(Math.max(HEADER_SIZE, getU16(frame, 6)))
      expect(
        extra.every((byte) => byte === 0),
        `Message ${hex(frame[1] ?? 0)} is followed by bytes that are not 0.`,
      )
    }
  }),
  header("D18", "The token means nothing to the driver.", async (runs) => {
    const run = await runs.runAfterGood("strange-tokens")
    expect(run.isDone, `Events with tokens, which mean nothing, kept the driver from its work. ${run.how}`)
  }),
  core(
    "D34",
    "The driver sends and understands the ten messages up to RESET_VQUEUE, where it needs them.",
    async (runs) => {
      const run = await runs.good()
      const needed = [
        ids.GET_DEVICE_INFO,
        ids.GET_DEVICE_FEATURES,
        ids.SET_DRIVER_FEATURES,
        ids.SET_DEVICE_STATUS,
        ids.GET_VQUEUE,
        ids.SET_VQUEUE,
      ]
      for (const device of run.driven)
        for (const id of needed)
          expect(
            run.messages(device, id).length > 0,
            `Device ${device.devNum} was never sent message ${hex(id)}.`,
          )
    },
  ),
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
