// Rows of the device about what it is and what it must know: V2 to V4, V36 to V43
// (virtio-msg "Core Messages", "GET_DEVICE_INFO", "Revision Compatibility").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import type { DeviceInfo } from "../../../../shared-protocol/src/messages/device-info.js"
import { HEADER_SIZE, TRANSPORT_REVISION } from "../../../../shared-protocol/src/messages/header.js"
import { counted } from "../../counted.js"
import { hex, hexBytes } from "../../hex.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { deviceMust, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"

const MOST_VIRTQUEUES = 65536
const NIL_UUID = "0".repeat(32)

/** Each request of the core, and the size of its response. */
function coreRequests(bench: DeviceBench): [name: string, request: Uint8Array, responseBytes: number][] {
  const { devNum } = bench
  const configBytes = Math.min(4, bench.info.configSize)
  return [
    ["GET_DEVICE_INFO", frames.getDeviceInfo(devNum), 52],
    ["GET_DEVICE_FEATURES", frames.getDeviceFeatures(devNum, 0, 2), 24],
    ["SET_DRIVER_FEATURES", frames.setDriverFeatures(devNum, 0, [0]), 8],
    ["GET_CONFIG", frames.getConfig(devNum, 0, configBytes), 20 + configBytes],
    ["GET_DEVICE_STATUS", frames.getDeviceStatus(devNum), 12],
    ["SET_DEVICE_STATUS", frames.setDeviceStatus(devNum, 0), 12],
    ["GET_VQUEUE", frames.getVqueue(devNum, 0), 48],
    ["RESET_VQUEUE", frames.resetVqueue(devNum, 0), 8],
    ["GET_SHM", frames.getShm(devNum, 0), 32],
  ]
}

/** G6, V40, V42: administration virtqueues lie among the others. Skips where there are none. */
export function checkAdminRange(info: DeviceInfo): void {
  if (info.adminVqCount === 0) skip("The device has no administration virtqueue.")
  expect(
    info.adminVqStart + info.adminVqCount <= info.maxVirtqueues,
    `Administration virtqueues ${info.adminVqStart} to ${info.adminVqStart + info.adminVqCount - 1} do not lie among ` +
      `${info.maxVirtqueues}.`,
  )
}

const limits = deviceMust("Respecting Bus Limits")
const revision = deviceMust("Revision Compatibility")
const core = deviceMust("Core Messages")
const deviceInfo = deviceMust("GET_DEVICE_INFO")

export const DEVICE_INFO_ROWS: readonly Row[] = [
  limits("V2", "The device asks for nothing beyond the revision that its bus reports.", async (bench) => {
    await bench.negotiate()
    const answers = await bench.conversation.answersTo([
      frames.rawFrame(0, 0x0d, bench.devNum, frames.words(0)),
    ])
    expect(answers.length === 0, "A message that revision 1 does not have (0x0d) was answered.")
  }),
  revision("V3", "A device of revision N does what all revisions from 1 to N ask of it.", async (bench) => {
    const { revision } = bench.port.parameters
    expect(revision >= TRANSPORT_REVISION, `Its bus reports revision ${revision}; there is none below 1.`)
    await bench.negotiate()
  }),
  revision("V4", "A request of an unsupported revision or feature is ignored.", async (bench) => {
    const unknown = [0x00, 0x01, 0x0e, 0x1f, 0x3f].map((id) =>
      frames.rawFrame(0, id, bench.devNum, frames.words(0)),
    )
    const answers = await bench.conversation.answersTo(unknown)
    expect(answers.length === 0, `${answers.length} of ${unknown.length} unknown requests were answered.`)
  }),
  core("V36", "The device knows all eleven requests, GET_SHM among them.", async (bench) => {
    await bench.reset()
    for (const [name, request, responseBytes] of coreRequests(bench)) {
      const response = await bench.ask(request)
      expect(response !== undefined, `No response to ${name}.`)
      if (response)
        expect(
          getU16(response, 6) === responseBytes,
          `${name} is answered by ${counted(getU16(response, 6), "byte")}, not ${responseBytes}.`,
        )
    }
    // writes nothing: this gets an answer whether or not there is a configuration space
    const write = await bench.ask(frames.setConfig(bench.devNum, 0, 0, new Uint8Array(0)))
    expect(write !== undefined, "No response to SET_CONFIG.")
    // operation 0 on a queue that does not exist: nothing to do, and still a response
    const zero = { low: 0, high: 0 }
    const setting = {
      index: bench.info.maxVirtqueues,
      flags: 0x3c,
      size: 0,
      reserved: 0,
      desc: zero,
      driver: zero,
      device: zero,
    }
    const set = await bench.setVqueue(setting)
    expect(set !== undefined, "No response to SET_VQUEUE.")
    if (set)
      expect(
        getU16(set, 6) === HEADER_SIZE,
        `SET_VQUEUE is answered by ${counted(getU16(set, 6), "byte")}, not ${HEADER_SIZE}.`,
      )
  }),
  deviceInfo("V37", "GET_DEVICE_INFO is answered at any status, with the same values.", async (bench) => {
    const at = async () => {
      const response = await bench.ask(frames.getDeviceInfo(bench.devNum))
      return response ? hexBytes(response.subarray(HEADER_SIZE)) : "no response"
    }
    await bench.reset()
    const inactive = await at()
    expect(inactive !== "no response", "No response to GET_DEVICE_INFO while the device is inactive.")
    await bench.negotiate()
    const negotiated = await at()
    expect(negotiated === inactive, "GET_DEVICE_INFO says something else after feature negotiation.")
    await bench.reset()
    expect((await at()) === inactive, "GET_DEVICE_INFO says something else after a reset.")
  }),
  deviceInfo("V38", "num_feature_blocks covers every bit that is offered.", async (bench) => {
    const first = bench.info.numFeatureBlocks
    for (const [at, bits] of (await bench.getFeatures(first, 8)).entries())
      expect(
        bits === 0,
        `Block ${first + at} has bits ${hex(bits)}, but there are ${counted(first, "block")}.`,
      )
    expect(first >= 2, `${first} feature blocks do not hold VIRTIO_F_VERSION_1 (bit 32).`)
  }),
  deviceInfo("V39", "max_virtqueues is at most 65536.", async (bench) => {
    const { maxVirtqueues } = await bench.getInfo()
    expect(maxVirtqueues <= MOST_VIRTQUEUES, `max_virtqueues is ${maxVirtqueues}.`)
  }),
  deviceInfo("V40", "max_virtqueues counts administration virtqueues, too.", async (bench) =>
    checkAdminRange(await bench.getInfo()),
  ),
  deviceInfo("V41", "Without administration virtqueues admin_vq_start is 0.", async (bench) => {
    const info = await bench.getInfo()
    if (info.adminVqCount > 0) skip("The device has administration virtqueues.")
    expect(info.adminVqStart === 0, `admin_vq_start is ${info.adminVqStart}, admin_vq_count 0.`)
  }),
  deviceInfo("V42", "The range of administration virtqueues ends within max_virtqueues.", async (bench) =>
    checkAdminRange(await bench.getInfo()),
  ),
  deviceInfo(
    "V43",
    "A device without a UUID reports the nil UUID; one with a UUID should have version 4.",
    async (bench) => {
      const { uuid } = await bench.getInfo()
      const text = hexBytes(uuid as Uint8Array)
      const hasVersion4 = text[12] === "4" && /[89ab]/.test(text[16] ?? "")
      expect(text === NIL_UUID || hasVersion4, `The UUID is ${text}: neither nil nor version 4.`)
    },
  ),
]
