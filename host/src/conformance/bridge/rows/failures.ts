// Rows about what goes wrong: K44 to K53 (docs/bridge.md "Failures").

import { HEADER_SIZE, TYPE_BUS, TYPE_RESPONSE } from "../../../../../shared-protocol/src/messages/header.js"
import { GET_CONFIG } from "../../../../../shared-protocol/src/messages/ids.js"
import { hex } from "../../../hex.js"
import * as layouts from "../../../node/bridge/layouts.js"
import * as frames from "../../frames.js"
import { expect } from "../../verdict.js"
import { type BridgeRow, modelMust } from "../bridge-row.js"
import type { ModelBench } from "../model-bench.js"

const must = modelMust("Failures")

/** A number that no device has. */
const ABSENT = 0x4321
const UNKNOWN_MESSAGE = 0x3f

/** A frame with a wrong msg_size. */
function sized(frame: Uint8Array, size: number): Uint8Array {
  new DataView(frame.buffer, frame.byteOffset).setUint16(6, size, true)
  return frame
}

/** Has the model run, does something that ends the session, and expects that end. */
const ending = (what: string, act: (bench: ModelBench) => void) => async (bench: ModelBench) => {
  await bench.ready()
  act(bench)
  await bench.needGivenUp(what)
}

export const FAILURE_ROWS: readonly BridgeRow[] = [
  must(
    "K44",
    "A request to a device that is not in the topology gets ERROR: its token, device, msg_id, and a negative errno.",
    async (bench) => {
      await bench.ready()
      const request = frames.getDeviceInfo(ABSENT)
      const answer = await bench.request(request, 0x1234)
      if (!answer) return expect(false, "It gets nothing.")
      expect((answer.type & TYPE_BUS) !== 0, `Device ${answer.devNum} answers.`)
      const { devNum, msgId, error } = layouts.ERROR_PAYLOAD.get(answer.frame, HEADER_SIZE)
      expect(
        devNum === ABSENT && msgId === request[1],
        `It is about message ${hex(msgId)} to device ${devNum}.`,
      )
      expect(error < 0 && error > -4096, `Its error is ${error}.`)
    },
  ),
  must(
    "K45",
    "A request that no device can answer ends all the same: with ERROR, in bounded time.",
    async (bench) => {
      const devNum = await bench.firstDevice()
      const { conversation } = bench
      const unknown = conversation.bare(0, UNKNOWN_MESSAGE, 8, devNum)
      expect(
        (await bench.request(unknown, 0x2001)) !== undefined,
        `Message ${hex(UNKNOWN_MESSAGE)} has no end.`,
      )
      const cut = conversation.bare(0, GET_CONFIG, 1, devNum)
      expect((await bench.request(cut, 0x2002)) !== undefined, "A GET_CONFIG of 9 bytes has no end.")
    },
  ),
  must("K46", "A request ends once: nothing follows its answer or ERROR.", async (bench) => {
    const devNum = await bench.firstDevice()
    for (const [n, to] of [devNum, ABSENT].entries()) {
      const token = 0x3001 + n
      await bench.request(frames.getDeviceInfo(to), token)
      await bench.quiet()
      const ends = bench.said.filter((each) => each.token === token && (each.type & TYPE_RESPONSE) !== 0)
      expect(ends.length === 1, `A request to device ${to} ends ${ends.length} times.`)
    }
  }),
  must("K47", "An event that makes no sense gets no ERROR.", async (bench) => {
    const [devNum = 0] = await bench.ready()
    const { conversation } = bench
    await bench.sentinel()
    const mark = bench.said.length
    for (const to of [devNum, ABSENT]) conversation.send(conversation.bare(0, 0x7e, 4, to))
    await bench.sentinel()
    await bench.quiet()
    const error = bench.since(mark).find(({ msgId }) => msgId === layouts.ERROR)
    expect(error === undefined, "It says ERROR.")
  }),
  must(
    "K48",
    "A message that is shorter than its header, or longer than was agreed, ends the session.",
    ending("a message of 7 bytes", ({ conversation }) =>
      conversation.send(sized(conversation.bare(0, 2, 0), 7)),
    ),
  ),
  must(
    "K49",
    "A message of the bridge's own whose payload has another size ends the session.",
    ending("a MAP_ADD without its last 8 bytes", ({ conversation }) =>
      conversation.send(conversation.bare(TYPE_BUS, layouts.MAP_ADD, layouts.MAP_ADD_PAYLOAD.size - 8)),
    ),
  ),
  must(
    "K50",
    "A prod of the kernel's that is more than 256 ahead ends the session.",
    ending("a prod that jumped", ({ kernel }) => {
      if (kernel.rx) kernel.rx.prod = kernel.rx.cons + layouts.RING_ENTRIES + 1
      kernel.signal()
    }),
  ),
  must(
    "K51",
    "A prod of the kernel's that runs backwards ends the session.",
    ending("a prod that ran backwards", ({ kernel }) => {
      if (kernel.rx) kernel.rx.prod = (kernel.rx.cons - 1) >>> 0
      kernel.signal()
    }),
  ),
  must("K52", "A cons of the kernel's beyond what was sent ends the session.", async (bench) => {
    const [devNum = 0] = await bench.ready()
    const { kernel, conversation } = bench
    if (kernel.tx) kernel.tx.cons = kernel.tx.prod + 5
    conversation.send(frames.getDeviceInfo(devNum))
    await bench.needGivenUp("a cons that jumped")
  }),
  must("K53", "A session that the kernel ended is over: the model lets go of it.", async (bench) => {
    await bench.ready()
    bench.kernel.end()
    await bench.needGivenUp("the kernel's end of the session")
  }),
]
