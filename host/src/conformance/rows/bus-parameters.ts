// Rows of the bus about its parameters and about what only its own specification can say
// (virtio-msg "Advertising Bus Parameters", "Message Size", "Revision Compatibility", "Error Handling").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import {
  HEADER_SIZE,
  MIN_MAX_MESSAGE_SIZE,
  TRANSPORT_REVISION,
} from "../../../../shared-protocol/src/messages/header.js"
import { TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION } from "../../../../shared-protocol/src/messages/hello.js"
import { GET_DEVICE_INFO, GET_SHM } from "../../../../shared-protocol/src/messages/ids.js"
import type { BusParameters } from "../../bus/channel.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import type { DeviceBench } from "../device-bench.js"
import { isTransport } from "../driver/driver-runs.js"
import * as frames from "../frames.js"
import { messageSize } from "../frames.js"
import { busMust, busRows, busShould, permission, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"

const advertising = busMust("Advertising Bus Parameters")
const advertisingRows = busRows("Advertising Bus Parameters")
const size = busMust("Message Size")
const sizeShould = busShould("Message Size")
const revision = busMust("Revision Compatibility")
const errors = busMust("Error Handling")

const RECOMMENDED_MAX_MESSAGE_SIZE = 264
/** The transport features that revision 1 defines. */
const KNOWN_TRANSPORT_FEATURES = TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION
/** Ids of transport messages: the first one that revision 1 does not define, and one for implementations. */
const UNKNOWN_MESSAGES = [0x0d, 0x80]

const describe = (parameters: BusParameters) =>
  `revision ${parameters.revision}, messages up to ${counted(parameters.maxMessageSize, "byte")}, ` +
  `transport features ${hex(parameters.transportFeatures)}`

const isCoreRequest = (frame: Uint8Array) =>
  isTransport(frame) && (frame[1] as number) >= GET_DEVICE_INFO && (frame[1] as number) <= GET_SHM

function isSame(a: BusParameters, b: BusParameters): boolean {
  return (
    a.revision === b.revision &&
    a.maxMessageSize === b.maxMessageSize &&
    a.transportFeatures === b.transportFeatures
  )
}

export const BUS_PARAMETER_ROWS: readonly Row[] = [
  advertising(
    "B5",
    "Revision, largest message and transport features are known before any transport message.",
    async (bench) => {
      const { parameters } = bench.port
      expect(
        Number.isInteger(parameters.revision) &&
          parameters.maxMessageSize >= HEADER_SIZE &&
          parameters.maxMessageSize <= 0xffff,
        `The bus says: ${describe(parameters)}.`,
      )
    },
  ),
  advertising(
    "B6",
    "Transport features are a set of their own, beside the devices' feature blocks.",
    async (bench) => {
      const before = bench.port.parameters.transportFeatures
      await bench.negotiate({ extra: [0xffffffff, 0xffffffff] })
      const asked = await bench.port.askParameters()
      if (!asked) skip("The bus has no message that asks for its parameters.")
      expect(
        asked.transportFeatures === before,
        `Transport features ${hex(before)} became ${hex(asked.transportFeatures)} when a device negotiated its own.`,
      )
    },
  ),
  advertising("B7", "Only transport features that both sides support are advertised.", async (bench) => {
    const unknown = (bench.port.parameters.transportFeatures & ~KNOWN_TRANSPORT_FEATURES) >>> 0
    expect(
      unknown === 0,
      `The bus advertises transport features ${hex(unknown)}, which revision 1 does not have.`,
    )
  }),
  advertising("B8", "The same limits hold for messages of the driver and of the device.", async (bench) => {
    const { maxMessageSize } = bench.port.parameters
    const blocks = Math.floor((maxMessageSize - 16) / 4)
    const big = await bench.conversation.askAll([
      frames.setDriverFeatures(bench.devNum, bench.info.numFeatureBlocks, new Array(blocks).fill(0)),
      frames.getDeviceFeatures(bench.devNum, 0, blocks),
    ])
    expect(
      big[0] !== undefined,
      `A request of ${counted(16 + 4 * blocks, "byte")}, within the limit, got no response.`,
    )
    expect(
      big[1] !== undefined,
      `A request for a response of ${counted(16 + 4 * blocks, "byte")}, within the limit, got none.`,
    )
  }),
  advertising("B9", "The parameters stay as they are while a device is active.", async (bench) => {
    const before = bench.port.parameters
    const asked = await bench.port.askParameters()
    if (!asked) skip("The bus has no message that asks for its parameters.")
    expect(isSame(before, asked), `First the bus said: ${describe(before)}; then: ${describe(asked)}.`)
  }),
  advertisingRows("B10", "On a change of parameters the transport is told and must validate them again.", {
    async driver(runs) {
      const run = await runs.runAfterGood("other-parameters")
      const { change, devices } = run.bus
      if (!change) skip("The driver made nothing available.")
      expect(!run.isKilled, `The bus ended for other parameters, and the driver hangs. ${run.how}`)
      const later = run.transcript.slice(change.at).filter(({ direction }) => direction === "in")
      expect(
        later.length > 0 || !run.isDone,
        "The bus ended for other parameters before a request was answered, and the driver says that it did its work.",
      )
      // one that is larger than the bus's limit is for D1 to judge
      const [limit, former] = [run.bus.parameters.maxMessageSize, change.before.maxMessageSize]
      for (const { frame } of later)
        expect(
          messageSize(frame) <= limit || messageSize(frame) > former,
          `A message of ${counted(messageSize(frame), "byte")} follows; the bus carries ${limit} now.`,
        )
      for (const { devNum } of devices) {
        const first = later.find(({ frame }) => isCoreRequest(frame) && getU16(frame, 2) === devNum)
        expect(
          first === undefined || first.frame[1] === GET_DEVICE_INFO,
          `The bus has other parameters, and device ${devNum} is sent message ${hex(first?.frame[1] ?? 0)} before it was validated anew.`,
        )
      }
    },
  }),
  size("B11", "The largest message is at least 52 bytes.", async (bench) => {
    const { maxMessageSize } = bench.port.parameters
    expect(
      maxMessageSize >= MIN_MAX_MESSAGE_SIZE,
      `The largest message is ${counted(maxMessageSize, "byte")}.`,
    )
  }),
  revision("B12", "A bus of revision N does what all revisions from 1 to N ask of it.", async (bench) => {
    const { revision } = bench.port.parameters
    expect(revision >= TRANSPORT_REVISION, `The bus advertises revision ${revision}; there is none below 1.`)
  }),
  revision(
    "B13",
    "A message of a revision or feature that the bus cannot carry is dropped, or an error is raised locally.",
    async (bench) => {
      const unknown = [0x80, 0xbf].map((msgId) => frames.rawFrame(0, msgId, bench.devNum, frames.words(0)))
      const answers = await bench.conversation.answersTo(unknown)
      expect(
        answers.length === 0,
        `Something answered a message that no revision defines (msg_id 0x80 and up).`,
      )
    },
  ),
  errors("B20", "A bus does not judge the msg_id of transport messages.", async (bench) => {
    const { request, onSent } = bench.port
    if (!request)
      skip(
        "The suite itself is the driver side of this bus; on the device's side bus and device both discard what they do not know.",
      )
    for (const msgId of UNKNOWN_MESSAGES) {
      let isCarried = false
      const off = onSent.on((frame) => {
        if (isTransport(frame) && frame[1] === msgId) isCarried = true
      })
      // the device discards it, so it is given up: another row judges that (B18)
      await request(frames.rawFrame(0, msgId, bench.devNum, frames.words(0))).catch(() => {})
      off()
      expect(isCarried, `The bus did not carry a transport message with msg_id ${hex(msgId)}.`)
    }
  }),
  sizeShould("B-S2", "The largest message is not more than 264 bytes.", async (bench) => {
    const { maxMessageSize } = bench.port.parameters
    expect(
      maxMessageSize <= RECOMMENDED_MAX_MESSAGE_SIZE,
      `The largest message is ${counted(maxMessageSize, "byte")}.`,
    )
  }),
  permission("B-M1", "bus", "Error Handling", "Events may be dropped: nobody waits for their completion."),
  permission("B-M2", "bus", "Ordering", "Several requests to one device may be under way at once."),
]

/** Whether SET_CONFIG needs the current generation. */
export function isStrict(bench: DeviceBench): boolean {
  return (bench.port.parameters.transportFeatures & TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION) !== 0
}
