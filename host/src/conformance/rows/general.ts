// Rows G1 to G6: what holds for driver, device and bus alike (virtio-msg "Common Message Format").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { decodeGetDevicesResponse } from "../../../../shared-protocol/src/messages/bus.js"
import { HEADER_SIZE, TYPE_BUS, TYPE_RESPONSE } from "../../../../shared-protocol/src/messages/header.js"
import { SET_VQUEUE } from "../../../../shared-protocol/src/messages/ids.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import { isEvent } from "../conversation.js"
import { word } from "../driver/driver-runs.js"
import * as frames from "../frames.js"
import { generalRows, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"
import { checkAdminRange } from "./device-info.js"
import { exercise } from "./exercise.js"

const format = generalRows("Common Message Format")
const setVqueue = generalRows("SET_VQUEUE")
const getDevices = generalRows("GET_DEVICES")
const deviceInfo = generalRows("GET_DEVICE_INFO")

export const GENERAL_ROWS: readonly Row[] = [
  format("G1", "An event has bit 0 of its type clear, and nobody sends a response with an event's msg_id.", {
    isPassive: true,
    async device(bench) {
      await exercise(bench)
      expectEvents(bench.conversation.since(0))
    },
    async driver(runs) {
      expectEvents(await runs.everyFrame())
    },
  }),
  format("G2", "Bus messages carry dev_num 0.", {
    isPassive: true,
    async device(bench) {
      await exercise(bench)
      expectBusNumbers(bench.conversation.since(0))
    },
    async driver(runs) {
      const sent = await runs.everyFrame()
      if (!sent.some(isBusMessage)) skip("The driver side sends no bus messages.")
      expectBusNumbers(sent)
    },
  }),
  format("G3", "Reserved bits of the header are sent as 0, and ignored by whoever receives them.", {
    async device(bench) {
      const status = await bench.getStatus()
      const request = frames.changed(frames.getDeviceStatus(bench.devNum), 0, 0xfc)
      const response = await bench.ask(request)
      expect(response !== undefined, "A request with reserved type bits set got no response.")
      expect(
        response?.[HEADER_SIZE] === status,
        "A request with reserved type bits set was answered otherwise.",
      )
    },
    async driver(runs) {
      const run = await runs.runAfterGood("reserved-bits")
      expect(run.isDone, `The driver did not accept responses with reserved type bits set: ${run.how}`)
    },
  }),
  setVqueue("G4", "SET_VQUEUE is sent with reserved 0 and flags[31:6] 0.", {
    isPassive: true,
    async driver(runs) {
      const settings = await runs.messages(SET_VQUEUE)
      if (settings.length === 0) skip("The driver sent no SET_VQUEUE.")
      for (const { frame } of settings) {
        const [flags, reserved] = [word(frame, 4), word(frame, 12)]
        expect(
          flags >>> 6 === 0 && reserved === 0,
          `SET_VQUEUE has flags ${hex(flags)} and reserved ${hex(reserved)}.`,
        )
      }
    },
  }),
  getDevices("G5", "The count of a GET_DEVICES response is not greater than that of the request.", {
    async device(bench) {
      for (const count of [0, 1, 7, 8, 9, 65535]) {
        const response = await bench.ask(frames.getDevices(0, count))
        if (!response) skip("The bus does not support GET_DEVICES.")
        const decoded = decodeGetDevicesResponse(response)
        if (decoded.ok)
          expect(
            decoded.value.count <= count,
            `Asked for ${counted(count, "slot")}, it answers ${decoded.value.count}.`,
          )
      }
    },
  }),
  deviceInfo("G6", "max_virtqueues counts administration virtqueues, too.", {
    async device(bench) {
      checkAdminRange(await bench.getInfo())
    },
  }),
]

function isBusMessage(frame: Uint8Array): boolean {
  return frame.length >= HEADER_SIZE && ((frame[0] as number) & TYPE_BUS) !== 0
}

function expectEvents(frames: readonly Uint8Array[]): void {
  for (const [type = 0] of frames.filter(isEvent))
    expect((type & TYPE_RESPONSE) === 0, `An event came with type ${hex(type)}.`)
}

function expectBusNumbers(sent: readonly Uint8Array[]): void {
  for (const frame of sent.filter(isBusMessage))
    expect(getU16(frame, 2) === 0, `A bus message has dev_num ${getU16(frame, 2)}.`)
}
