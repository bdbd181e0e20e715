// Rows about devices and epochs: K20 to K31 (docs/bridge.md "Topology", "Epochs").

import { HEADER_SIZE, TYPE_BUS } from "../../../../../shared-protocol/src/messages/header.js"
import { counted } from "../../../counted.js"
import { hex } from "../../../hex.js"
import * as layouts from "../../../node/bridge/layouts.js"
import * as frames from "../../frames.js"
import { blocked, expect, fail } from "../../verdict.js"
import { type BridgeRow, modelAlways, modelMust, modelShould } from "../bridge-row.js"
import { isAnswer, type Said } from "../kernel-conversation.js"
import type { ModelBench } from "../model-bench.js"

const topology = modelMust("Topology")
const topologyAlways = modelAlways("Topology")
const epochs = modelMust("Epochs")
const epochsAlways = modelAlways("Epochs")
const epochsShould = modelShould("Epochs")

const { TOPOLOGY_RESET, TOPOLOGY_DEV_ADD, TOPOLOGY_COMMIT } = layouts
const PAGE = 4096
/** A window of a row's own. */
const ADDRESS = 0x4_0000_0000n

const isTopology = ({ type, msgId }: Said) =>
  (type & TYPE_BUS) !== 0 && [TOPOLOGY_RESET, TOPOLOGY_DEV_ADD, TOPOLOGY_COMMIT].includes(msgId)
/** The epoch in a message of the bridge, if this kind of message has one. */
const epochOf = ({ frame }: Said) => layouts.RESET_PAYLOAD.get(frame, HEADER_SIZE).epoch

/** The messages of one topology have to be these, in this order. */
function judgeTopology(said: readonly Said[], epoch: bigint): void {
  const parts = said.filter(isTopology)
  const ids = parts.map(({ msgId }) => msgId)
  const isInOrder =
    ids[0] === TOPOLOGY_RESET &&
    ids.at(-1) === TOPOLOGY_COMMIT &&
    ids.slice(1, -1).every((msgId) => msgId === TOPOLOGY_DEV_ADD)
  expect(isInOrder, `It says ${ids.map((msgId) => hex(msgId)).join(", ")}.`)
  const stale = parts.find((each) => epochOf(each) !== epoch)
  expect(stale === undefined, () => `It says so of epoch ${stale && epochOf(stale)}, and this is ${epoch}.`)
}

async function nextTopology(bench: ModelBench): Promise<void> {
  const { conversation } = bench
  await conversation.waitUntil(() => conversation.devices !== undefined || bench.isGivenUp)
}

export const TOPOLOGY_ROWS: readonly BridgeRow[] = [
  topology(
    "K20",
    "A topology is RESET, one DEV_ADD for each device, and COMMIT, all of this epoch.",
    async (bench) => {
      await bench.ready()
      judgeTopology(bench.said, bench.conversation.epoch)
    },
  ),
  topology("K21", "COMMIT says how many devices were added, and none was added twice.", async (bench) => {
    const devices = await bench.ready()
    const commit = bench.said.find(({ msgId }) => msgId === TOPOLOGY_COMMIT)
    const { count } = layouts.COMMIT_PAYLOAD.get(commit?.frame ?? new Uint8Array(64), HEADER_SIZE)
    expect(count === devices.length, `It says ${count}, of ${counted(devices.length, "device")}.`)
    expect(new Set(devices).size === devices.length, `Its devices are ${devices.join(", ")}.`)
  }),
  topology("K22", "No transport message comes before the topology.", async (bench) => {
    await bench.ready()
    const [first] = bench.said
    expect(first !== undefined && isTopology(first), `Message ${hex(first?.msgId ?? 0)} comes first.`)
  }),
  topology("K23", "Each device that is published answers GET_DEVICE_INFO.", async (bench) => {
    const devices = await bench.ready()
    if (devices.length === 0) blocked("The model publishes no device.")
    for (const [n, devNum] of devices.entries()) {
      const answer = await bench.request(frames.getDeviceInfo(devNum), n + 1)
      expect(answer !== undefined && (answer.type & TYPE_BUS) === 0, `Device ${devNum} does not answer.`)
    }
  }),
  topologyAlways("K24", "Transport messages come only from devices of the topology.", ({ said }) => {
    let devices = new Set<number>()
    for (const each of said) {
      const { type, msgId, devNum, frame } = each
      if (msgId === TOPOLOGY_RESET && isTopology(each)) devices = new Set()
      else if (msgId === TOPOLOGY_DEV_ADD && isTopology(each))
        devices.add(layouts.DEV_ADD_PAYLOAD.get(frame, HEADER_SIZE).devNum)
      else if ((type & TYPE_BUS) === 0) expect(devices.has(devNum), `Device ${devNum} is not in it.`)
    }
  }),
  epochs(
    "K25",
    "ENDPOINT_OFFLINE keeps the session: the model stays attached and says nothing.",
    async (bench) => {
      const [devNum = 0] = await bench.ready()
      const { conversation } = bench
      await bench.sentinel()
      conversation.offline()
      const mark = bench.said.length
      conversation.send(frames.getDeviceInfo(devNum))
      conversation.mapAdd(ADDRESS, 0, PAGE)
      await bench.quiet()
      expect(!bench.isGivenUp, "It gives the session up.")
      const [said] = bench.since(mark)
      expect(said === undefined, () => `It says ${hex(said?.msgId ?? 0)} while it is offline.`)
    },
  ),
  epochs("K26", "A new epoch gets a topology of its own, whole.", async (bench) => {
    const devices = await bench.ready()
    const { conversation } = bench
    for (let n = 0; n < 3; n++) {
      const mark = bench.said.length
      conversation.offline()
      conversation.online(conversation.epoch + BigInt(n + 1))
      await nextTopology(bench)
      expect(
        conversation.devices?.join() === devices.join(),
        `In epoch ${conversation.epoch} it publishes ${conversation.devices ?? "nothing"}.`,
      )
      judgeTopology(bench.since(mark), conversation.epoch)
    }
  }),
  epochs("K27", "A new epoch's devices work, with windows of its own.", async (bench) => {
    const device = await bench.device()
    const { queue } = await device.start()
    await bench.runOne(device, queue)
    await device.port.reconnect().catch((error) => fail(error.message))
    const again = await device.start()
    await bench.runOne(device, again.queue)
  }),
  epochs(
    "K28",
    "A message of an older epoch is ignored: no window of it is mapped, nothing is answered.",
    async (bench) => {
      await bench.ready()
      const { conversation } = bench
      conversation.offline()
      conversation.online(conversation.epoch + 1n)
      await nextTopology(bench)
      const [mark, maps] = [bench.said.length, bench.calls("MMAP").length]
      conversation.mapAdd(ADDRESS, 0, PAGE, { epoch: conversation.epoch - 1n })
      conversation.offline(layouts.OFFLINE_REMOVED, conversation.epoch - 1n)
      await bench.sentinel()
      expect(!bench.isGivenUp, "It gives the session up.")
      expect(bench.since(mark).length === 1, `It says ${counted(bench.since(mark).length - 1, "message")}.`)
      expect(bench.calls("MMAP").length === maps + 1, "It maps the window.")
    },
  ),
  epochs("K29", "A message of an epoch that has not begun ends the session.", async (bench) => {
    await bench.ready()
    const { conversation } = bench
    const maps = bench.calls("MMAP").length
    conversation.mapAdd(ADDRESS, 0, PAGE, { epoch: conversation.epoch + 3n })
    await bench.needGivenUp("a MAP_ADD of a future epoch")
    expect(bench.calls("MMAP").length === maps, "It maps the window first.")
  }),
  epochsAlways("K30", "What a model says of an epoch is of the one that lasts.", ({ said }) => {
    for (const each of said) {
      const hasEpoch = isTopology(each) || each.msgId === layouts.MAP_RELEASED || isMapAnswer(each)
      if (!hasEpoch || each.frame.length < HEADER_SIZE + 8) continue
      expect(
        epochOf(each) <= each.epoch,
        `Message ${hex(each.msgId)} is of epoch ${epochOf(each)}, and this is ${each.epoch}.`,
      )
    }
  }),
  epochsShould("K31", "The windows of an epoch that is over are unmapped.", async (bench) => {
    await bench.ready()
    const { conversation } = bench
    if ((await conversation.addWindow(ADDRESS, 0, PAGE)) !== 0) blocked("The model maps no window.")
    conversation.offline()
    const isUnmapped = await conversation.waitUntil(() => bench.calls("MUNMAP").length > 0)
    expect(isUnmapped, "The window stays mapped.")
  }),
]

function isMapAnswer(each: Said): boolean {
  return isAnswer(each) && (each.msgId === layouts.MAP_ADD || each.msgId === layouts.MAP_DEL)
}
