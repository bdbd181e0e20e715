// Rows of the bus about its parameters and about what only its own specification can say
// (virtio-msg "Advertising Bus Parameters", "Message Size", "Revision Compatibility", "Runtime Notifications").

import { TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION } from "../../../../shared-protocol/src/device/bus-responder.js"
import {
  HEADER_SIZE,
  MIN_MAX_MESSAGE_SIZE,
  TRANSPORT_REVISION,
} from "../../../../shared-protocol/src/messages/header.js"
import type { DeviceBench } from "../device-bench.js"
import type { BusParameters } from "../device-port.js"
import * as frames from "../frames.js"
import { expect, hex, type Row, skip } from "../row.js"

const ADVERTISING = "Advertising Bus Parameters"
const RECOMMENDED_MAX_MESSAGE_SIZE = 264
/** The transport features that revision 1 defines. */
const KNOWN_TRANSPORT_FEATURES = TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION
/** VIRTIO_F_NOTIFICATION_DATA, bit 38. */
const FEATURE_NOTIFICATION_DATA_BLOCK1 = 1 << 6

const describe = (parameters: BusParameters) =>
  `revision ${parameters.revision}, messages up to ${parameters.maxMessageSize} bytes, ` +
  `transport features ${hex(parameters.transportFeatures)}`

function isSame(a: BusParameters, b: BusParameters): boolean {
  return (
    a.revision === b.revision &&
    a.maxMessageSize === b.maxMessageSize &&
    a.transportFeatures === b.transportFeatures
  )
}

function row(id: string, section: string, requirement: string, rest: Partial<Row>): Row {
  return { id, side: "bus", level: "MUST", section, requirement, ...rest }
}

export const BUS_PARAMETER_ROWS: readonly Row[] = [
  row(
    "B5",
    ADVERTISING,
    "Revision, largest message and transport features are known before any transport message.",
    {
      async device(bench) {
        const { parameters } = bench.port
        expect(
          Number.isInteger(parameters.revision) &&
            parameters.maxMessageSize >= HEADER_SIZE &&
            parameters.maxMessageSize <= 0xffff,
          `The bus says: ${describe(parameters)}.`,
        )
      },
    },
  ),
  row("B6", ADVERTISING, "Transport features are a set of their own, beside the devices' feature blocks.", {
    async device(bench) {
      const before = bench.port.parameters.transportFeatures
      await bench.negotiate({ extra: [0xffffffff, 0xffffffff] })
      const asked = await bench.port.askParameters()
      if (!asked) skip("The bus has no message that asks for its parameters.")
      expect(
        asked.transportFeatures === before,
        `Transport features ${hex(before)} became ${hex(asked.transportFeatures)} when a device negotiated its own.`,
      )
    },
  }),
  row("B7", ADVERTISING, "Only transport features that both sides support are advertised.", {
    async device(bench) {
      const unknown = (bench.port.parameters.transportFeatures & ~KNOWN_TRANSPORT_FEATURES) >>> 0
      expect(
        unknown === 0,
        `The bus advertises transport features ${hex(unknown)}, which revision 1 does not have.`,
      )
    },
  }),
  row("B8", ADVERTISING, "The same limits hold for messages of the driver and of the device.", {
    async device(bench) {
      const { maxMessageSize } = bench.port.parameters
      const blocks = Math.floor((maxMessageSize - 16) / 4)
      const big = await bench.conversation.askAll([
        frames.setDriverFeatures(bench.devNum, bench.info.numFeatureBlocks, new Array(blocks).fill(0)),
        frames.getDeviceFeatures(bench.devNum, 0, blocks),
      ])
      expect(
        big[0] !== undefined,
        `A request of ${16 + 4 * blocks} bytes, within the limit, got no response.`,
      )
      expect(
        big[1] !== undefined,
        `A request for a response of ${16 + 4 * blocks} bytes, within the limit, got none.`,
      )
    },
  }),
  row("B9", ADVERTISING, "The parameters stay as they are while a device is active.", {
    async device(bench) {
      const before = bench.port.parameters
      const asked = await bench.port.askParameters()
      if (!asked) skip("The bus has no message that asks for its parameters.")
      expect(isSame(before, asked), `First the bus said: ${describe(before)}; then: ${describe(asked)}.`)
    },
  }),
  row("B10", ADVERTISING, "On a change of parameters the transport is told and must validate them again.", {
    reason:
      "A bus changes its parameters of its own accord; no message makes it. A change without notice fails B9.",
  }),
  row("B11", "Message Size", "The largest message is at least 52 bytes.", {
    async device(bench) {
      const { maxMessageSize } = bench.port.parameters
      expect(maxMessageSize >= MIN_MAX_MESSAGE_SIZE, `The largest message is ${maxMessageSize} bytes.`)
    },
  }),
  row("B12", "Revision Compatibility", "A bus of revision N does what all revisions from 1 to N ask of it.", {
    async device(bench) {
      const { revision } = bench.port.parameters
      expect(
        revision >= TRANSPORT_REVISION,
        `The bus advertises revision ${revision}; there is none below 1.`,
      )
    },
  }),
  row(
    "B13",
    "Revision Compatibility",
    "A message of a revision or feature that the bus cannot carry is dropped, or an error is raised locally.",
    {
      async device(bench) {
        const unknown = [0x80, 0xbf].map((msgId) => frames.rawFrame(0, msgId, bench.devNum, frames.words(0)))
        const answers = await bench.conversation.answersTo(unknown)
        expect(
          answers.length === 0,
          `Something answered a message that no revision defines (msg_id 0x80 and up).`,
        )
      },
    },
  ),
  row("B20", "Error Handling", "A bus does not judge the msg_id of transport messages.", {
    reason:
      "Bus and device both discard what they do not know, without a word: outside, nobody can tell who did.",
  }),
  row(
    "B35",
    "Runtime Notifications",
    "The bus's specification says whether events are forwarded or synthesised.",
    {
      reason: "A duty of the bus's specification, not of its messages. Ours: docs/bus.md, item 11.",
    },
  ),
  row("B36", "Runtime Notifications", "The bus's specification describes its out-of-band signals.", {
    reason: "A duty of the bus's specification, not of its messages. Ours: docs/bus.md, item 12.",
  }),
  row(
    "B38",
    "Runtime Notifications",
    "With out-of-band signals the receiving side forwards or synthesises one event, never both.",
    {
      reason: "Out-of-band signals do not cross the link; an event too many fails B37.",
    },
  ),
  row(
    "B39",
    "Runtime Notifications",
    "An out-of-band signal is a hint to wake up, not another notification.",
    {
      reason: "Out-of-band signals do not cross the link; an event too many fails B37.",
    },
  ),
  row("B40", "Runtime Notifications", "With polling only, no EVENT_AVAIL or EVENT_USED shows.", {
    reason:
      "No message says that polling was selected: a bus without events cannot be told from one that loses them.",
  }),
  row(
    "B42",
    "EVENT_AVAIL",
    "A bus that cannot carry next_offset keeps NOTIFICATION_DATA from being negotiated.",
    {
      async device(bench) {
        if (!(await bench.offers(1, FEATURE_NOTIFICATION_DATA_BLOCK1)))
          skip("The device does not offer VIRTIO_F_NOTIFICATION_DATA.")
        const { queue, workload } = await bench.start({ extra: [0, FEATURE_NOTIFICATION_DATA_BLOCK1] })
        const chain = queue.describe(workload.request(0))
        queue.offer(chain.head)
        queue.publish()
        bench.conversation.post(frames.eventAvail(bench.devNum, queue.index, queue.availIdx))
        expect(
          await queue.completed(1),
          "NOTIFICATION_DATA was negotiated, but next_offset does not reach the device.",
        )
      },
    },
  ),
  {
    id: "B-S2",
    side: "bus",
    level: "SHOULD",
    section: "Message Size",
    requirement: "The largest message is not more than 264 bytes.",
    async device(bench) {
      const { maxMessageSize } = bench.port.parameters
      expect(
        maxMessageSize <= RECOMMENDED_MAX_MESSAGE_SIZE,
        `The largest message is ${maxMessageSize} bytes.`,
      )
    },
  },
  {
    id: "B-M1",
    side: "bus",
    level: "MAY",
    section: "Error Handling",
    requirement: "Events may be dropped: nobody waits for their completion.",
    reason: "A permission: there is nothing that could be violated.",
  },
  {
    id: "B-M2",
    side: "bus",
    level: "MAY",
    section: "Ordering",
    requirement: "Several requests to one device may be under way at once.",
    reason: "A permission: there is nothing that could be violated.",
  },
]

/** Whether SET_CONFIG needs the current generation. */
export function isStrict(bench: DeviceBench): boolean {
  return (bench.port.parameters.transportFeatures & TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION) !== 0
}
