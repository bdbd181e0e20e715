// Rows about rings and the frames in them: K11 to K19 (docs/bridge.md "Rings", "Messages").

import { HEADER_SIZE, TYPE_BUS, TYPE_RESPONSE } from "../../../../../shared-protocol/src/messages/header.js"
import {
  EVENT_DEVICE,
  GET_DEVICE_INFO,
  GET_DEVICES,
  PING,
} from "../../../../../shared-protocol/src/messages/ids.js"
import { counted } from "../../../counted.js"
import { hex } from "../../../hex.js"
import * as layouts from "../../../node/bridge/layouts.js"
import * as frames from "../../frames.js"
import { blocked, expect } from "../../verdict.js"
import { type BridgeRow, modelAlways, modelMust } from "../bridge-row.js"
import type { Said } from "../kernel-conversation.js"
import type { ModelBench } from "../model-bench.js"

const rings = modelMust("Rings")
const messagesAlways = modelAlways("Messages")
const messages = modelMust("Messages")

interface Payload {
  readonly size: number
  isPaddingZero(bytes: Uint8Array, at?: number): boolean
}

/** The messages of the bridge's own that a model may send, and their payloads. */
const PAYLOADS: ReadonlyMap<number, Payload> = new Map<number, Payload>([
  [layouts.ERROR, layouts.ERROR_PAYLOAD],
  [layouts.MAP_ADD, layouts.MAP_ANSWER_PAYLOAD],
  [layouts.MAP_DEL, layouts.MAP_ANSWER_PAYLOAD],
  [layouts.TOPOLOGY_RESET, layouts.RESET_PAYLOAD],
  [layouts.TOPOLOGY_DEV_ADD, layouts.DEV_ADD_PAYLOAD],
  [layouts.TOPOLOGY_COMMIT, layouts.COMMIT_PAYLOAD],
  [layouts.MAP_RELEASED, layouts.RELEASED_PAYLOAD],
])
const isBus = ({ type }: Said) => (type & TYPE_BUS) !== 0

/** A request to the first device. */
const firstRequest = async (bench: ModelBench) => frames.getDeviceInfo(await bench.firstDevice())

export const RING_ROWS: readonly BridgeRow[] = [
  rings("K11", "Frames are taken in the order of the ring, each once, lap after lap.", async (bench) => {
    const request = await firstRequest(bench)
    const { conversation } = bench
    const asked: number[] = []
    for (let lap = 0; lap < 5; lap++) {
      const mark = bench.said.length
      for (let n = 0; n < 60; n++) {
        const frame = Uint8Array.from(request)
        asked.push(asked.length + 1)
        new DataView(frame.buffer).setUint16(4, asked.length, true)
        conversation.send(frame)
      }
      await conversation.waitUntil(() => bench.since(mark).filter((each) => !isBus(each)).length >= 60)
    }
    const tokens = bench.said
      .filter((each) => each.msgId === GET_DEVICE_INFO && !isBus(each))
      .map(({ token }) => token)
    const sorted = [...tokens].sort((a, b) => a - b)
    expect(
      sorted.join() === asked.join(),
      `${counted(asked.length, "request")} got ${counted(tokens.length, "answer")}.`,
    )
  }),
  rings("K12", "A full ring is not run over: no more than 256 frames are in it.", async (bench) => {
    const request = await firstRequest(bench)
    const { kernel, conversation } = bench
    kernel.isHoldingBack = true
    const { tx } = kernel
    if (!tx) blocked("The model is not attached.")
    for (let n = 0; n < 300; n++) {
      conversation.send(request)
      if (n % 50 === 49) await bench.quiet()
      const held = (tx.prod - tx.cons) >>> 0
      expect(held <= layouts.RING_ENTRIES, `${counted(held, "frame")} are in it.`)
    }
    kernel.isHoldingBack = false
    kernel.takeAll()
    await bench.sentinel()
    expect(kernel.fault === "", kernel.fault)
  }),
  rings(
    "K13",
    "The model kicks after it moved a cursor: when it sent, and when it made room.",
    async (bench) => {
      const request = await firstRequest(bench)
      const { kernel, conversation } = bench
      const before = kernel.kickCount
      conversation.send(request)
      await conversation.waitUntil(() => kernel.kickCount > before)
      expect(kernel.kickCount > before, "An answer is in the ring, and nobody is told.")
      // messages without an answer make room, too
      await bench.quiet()
      const then = kernel.kickCount
      conversation.send(conversation.bare(TYPE_BUS, PING, 4))
      await conversation.waitUntil(() => kernel.kickCount > then)
      expect(kernel.kickCount > then, "A slot was given back, and nobody is told.")
    },
  ),
  rings(
    "K14",
    "A kick that nobody takes, and a doorbell that is full, block no device model.",
    async (bench) => {
      const request = await firstRequest(bench)
      const { kernel, conversation } = bench
      kernel.fillKick()
      const mark = bench.said.length
      for (let n = 0; n < 3; n++) {
        conversation.send(request)
        await bench.quiet()
      }
      kernel.emptyKick()
      await conversation.waitUntil(() => bench.since(mark).length >= 3)
      expect(bench.since(mark).length >= 3, "It answers nothing while its kick cannot be counted.")
    },
  ),
  messagesAlways(
    "K15",
    "A frame is as long as its header says: at least 8 bytes, and no more than was agreed.",
    ({ said, kernel }) => {
      const most = Math.max(kernel.maxMessageSize, layouts.LEAST_MAX_MESSAGE_SIZE)
      for (const { msgId, size } of said)
        expect(size >= HEADER_SIZE && size <= most, `Message ${hex(msgId)} has ${counted(size, "byte")}.`)
    },
  ),
  messagesAlways(
    "K16",
    "Messages of the bridge's own have dev_num 0, events token 0, and bits 2 to 7 of type are 0.",
    ({ said }) => {
      for (const each of said.filter(isBus)) {
        const { type, msgId, devNum, token } = each
        expect(devNum === 0, `Message ${hex(msgId)} is of device ${devNum}.`)
        expect(
          (type & ~(TYPE_BUS | TYPE_RESPONSE)) === 0,
          `The type of message ${hex(msgId)} is ${hex(type)}.`,
        )
        if ((type & TYPE_RESPONSE) === 0) expect(token === 0, `Event ${hex(msgId)} has token ${token}.`)
      }
    },
  ),
  messagesAlways(
    "K17",
    "A payload of the bridge's own has exactly its size, and what is reserved in it is 0.",
    ({ said }) => {
      for (const { msgId, size, frame } of said.filter(isBus)) {
        const payload = PAYLOADS.get(msgId)
        if (!payload) continue
        expect(size === HEADER_SIZE + payload.size, `Message ${hex(msgId)} has ${counted(size, "byte")}.`)
        expect(
          payload.isPaddingZero(frame, HEADER_SIZE),
          `In message ${hex(msgId)} something reserved is not 0.`,
        )
      }
    },
  ),
  messagesAlways(
    "K18",
    "A model says nothing that only the kernel says, nor any bus message of the text.",
    ({ said }) => {
      for (const { msgId, type } of said.filter(isBus)) {
        const isResponse = (type & TYPE_RESPONSE) !== 0
        const isDue = PAYLOADS.has(msgId) && isResponse === ((msgId & 0x40) === 0)
        expect(isDue, `It sends message ${hex(msgId)} of type ${type}.`)
      }
    },
  ),
  messages(
    "K19",
    "Bus messages of the text, unknown ones and answers to nothing are dropped, without a word.",
    async (bench) => {
      await bench.ready()
      const { conversation } = bench
      await bench.quiet()
      const mark = bench.said.length
      for (const msgId of [GET_DEVICES, PING, EVENT_DEVICE, 0x99, 0xfe])
        conversation.send(conversation.bare(TYPE_BUS, msgId, 4))
      conversation.send(
        conversation.bare(TYPE_BUS | TYPE_RESPONSE, layouts.MAP_ADD, layouts.MAP_ANSWER_PAYLOAD.size),
      )
      conversation.send(conversation.bare(TYPE_RESPONSE, GET_DEVICE_INFO, 24))
      await bench.sentinel()
      expect(!bench.isGivenUp, "It gives the session up.")
      const more = bench.since(mark).slice(0, -1)
      expect(more.length === 0, `It answers ${hex(more[0]?.msgId ?? 0)}.`)
    },
  ),
]
