// Rows about windows of memory: K32 to K43 (docs/bridge.md "Windows").

import { constants } from "node:os"
import { HEADER_SIZE } from "../../../../../shared-protocol/src/messages/header.js"
import { counted } from "../../../counted.js"
import { hex } from "../../../hex.js"
import * as layouts from "../../../node/bridge/layouts.js"
import { blocked, expect } from "../../verdict.js"
import { type BridgeRow, modelAlways, modelMust, modelShould } from "../bridge-row.js"
import { WINDOW_ADDRESS } from "../kernel-channel.js"
import type { MapAdd } from "../kernel-conversation.js"
import type { ModelBench } from "../model-bench.js"
import { WINDOW_BYTES } from "../played-kernel.js"

const must = modelMust("Windows")
const should = modelShould("Windows")
const always = modelAlways("Windows")

const PAGE = 4096
const ADDRESS = 0x4_0000_0000n
const UNTOUCHED = 0xa5

/** Gives a window of one page. Blocks the row when the model refuses it. */
async function window(bench: ModelBench, at = 0, more: Partial<MapAdd> = {}) {
  const asked = bench.conversation.mapAdd(ADDRESS + BigInt(at), at, PAGE, more)
  const status = await bench.conversation.answerTo(asked)
  if (status !== 0) blocked(`The model answers MAP_ADD with ${status ?? "nothing"}.`)
  return asked
}

/** MAP_ADDs that are impossible. */
const WRONG: readonly (readonly [string, bigint, Partial<MapAdd>])[] = [
  ["a length beyond what may be mapped", ADDRESS, { length: BigInt(2 * PAGE) }],
  ["no length", ADDRESS, { length: 0n, mmapLength: 0n }],
  ["an address that wraps", 0xffff_ffff_ffff_f000n, { length: BigInt(PAGE) }],
  ["an address of half a page", ADDRESS + 8n, {}],
]

const isMapAdd = (frame: Uint8Array) =>
  frame[1] === layouts.MAP_ADD && frame.length === HEADER_SIZE + layouts.MAP_ADD_PAYLOAD.size

export const WINDOW_ROWS: readonly BridgeRow[] = [
  must("K32", "The answer to MAP_ADD has its token, epoch, seq and id.", async (bench) => {
    await bench.ready()
    const { token, values } = await window(bench)
    const answer = bench.answers(layouts.MAP_ADD).find((each) => each.token === token)
    const { epoch, seq, id } = layouts.MAP_ANSWER_PAYLOAD.get(
      answer?.frame ?? new Uint8Array(64),
      HEADER_SIZE,
    )
    const isSame = epoch === values.epoch && seq === values.seq && id === values.id
    expect(isSame, `It is of epoch ${epoch}, seq ${seq}, id ${id}.`)
  }),
  must("K33", "A window is mapped at its offset, no more than may be, before the answer.", async (bench) => {
    await bench.ready()
    const before = bench.said.length
    await window(bench, 3 * PAGE)
    const call = bench.needCall("MMAP")
    expect(call.offset === 3 * PAGE, `It maps from ${call.offset} on, and not from ${3 * PAGE}.`)
    expect((call.lengthBytes ?? 0) <= PAGE, `It maps ${counted(call.lengthBytes ?? 0, "byte")}.`)
    expect(call.takenCount <= before, "It answers before it maps.")
  }),
  must("K34", "Map requests are answered in their order, each once.", async (bench) => {
    await bench.ready()
    const { conversation } = bench
    await bench.quiet()
    const asked = []
    for (let n = 0; n < 8; n++) {
      const add = conversation.mapAdd(ADDRESS + BigInt(n * PAGE), n * PAGE, PAGE)
      asked.push(add, ...(n % 2 ? [conversation.mapDel(add.values)] : []))
    }
    await conversation.answerTo(asked.at(-1) ?? blocked("Nothing was asked."))
    const answers = bench.said.filter(({ type, msgId }) => type === 3 && msgId !== layouts.ERROR)
    expect(
      answers.map(({ token }) => token).join() === asked.map(({ token }) => token).join(),
      `Asked ${asked.map(({ token }) => token).join(", ")}, it answers ${answers.map(({ token }) => token).join(", ")}.`,
    )
  }),
  must(
    "K35",
    "A window that cannot be mapped is answered with a negative errno, and the session goes on.",
    async (bench) => {
      await bench.ready()
      const { conversation, kernel } = bench
      kernel.refusals.set("MMAP", constants.errno.ENODEV)
      const status = await conversation.addWindow(ADDRESS, 0, PAGE)
      kernel.refusals.clear()
      expect(status !== undefined && status < 0 && status > -4096, `It answers ${status ?? "nothing"}.`)
      await bench.sentinel()
    },
  ),
  must(
    "K36",
    "A MAP_ADD that makes no sense is refused with a negative errno, and maps nothing beyond what may be.",
    async (bench) => {
      await bench.ready()
      const { conversation } = bench
      for (const [what, address, more] of WRONG) {
        const calls = bench.calls("MMAP").length
        const status = await conversation.addWindow(address, 0, PAGE, more)
        expect(status !== undefined && status < 0, `It answers ${what} with ${status ?? "nothing"}.`)
        const mapped = bench.calls("MMAP").slice(calls)
        expect(
          mapped.every(({ lengthBytes = 0 }) => lengthBytes <= PAGE),
          `It maps ${what}.`,
        )
      }
    },
  ),
  should(
    "K37",
    "A window over another one is refused: which of them an address means is nobody's guess.",
    async (bench) => {
      await bench.ready()
      await window(bench)
      const status = await bench.conversation.addWindow(ADDRESS, PAGE, PAGE)
      expect(status !== undefined && status < 0, `It answers ${status ?? "nothing"}.`)
    },
  ),
  must(
    "K38",
    "MAP_DEL is answered when the window is unmapped, with its token, epoch, seq and id.",
    async (bench) => {
      await bench.ready()
      const { values } = await window(bench)
      const asked = bench.conversation.mapDel(values)
      const status = await bench.conversation.answerTo(asked)
      expect(status === 0, `It answers ${status ?? "nothing"}.`)
      const at = bench.said.findIndex(
        ({ msgId, token }) => msgId === layouts.MAP_DEL && token === asked.token,
      )
      const [unmapped] = bench.calls("MUNMAP")
      expect(unmapped !== undefined && unmapped.takenCount <= at, "It answers before it unmaps.")
      const answer = layouts.MAP_ANSWER_PAYLOAD.get(bench.said[at]?.frame ?? new Uint8Array(64), HEADER_SIZE)
      expect(
        answer.seq === values.seq && answer.id === values.id,
        `It is of seq ${answer.seq}, id ${answer.id}.`,
      )
    },
  ),
  must("K39", "MAP_DEL of a window that is not there is answered with a negative errno.", async (bench) => {
    await bench.ready()
    const { values } = await window(bench)
    const other = bench.conversation.mapDel({ ...values, id: values.id + 77n })
    const status = await bench.conversation.answerTo(other)
    expect(status !== undefined && status < 0, `It answers ${status ?? "nothing"}.`)
  }),
  must("K40", "An id may be used again, with another seq, once its window is gone.", async (bench) => {
    await bench.ready()
    const { values } = await window(bench)
    const gone = await bench.conversation.answerTo(bench.conversation.mapDel(values))
    if (gone !== 0) blocked(`It answers MAP_DEL with ${gone ?? "nothing"}.`)
    const again = await bench.conversation.addWindow(ADDRESS, PAGE, PAGE, { id: values.id })
    expect(again === 0, `It answers ${again ?? "nothing"}.`)
  }),
  must(
    "K41",
    "Nothing outside the windows is read or written, whatever a descriptor says.",
    async (bench) => {
      const device = await bench.device()
      const { queue } = await device.start()
      const { kernel, conversation } = bench
      // the file continues behind the window, and the bus has a gap there
      const behind = kernel.window.subarray(128 * 1024, WINDOW_BYTES - 64 * 1024)
      behind.fill(UNTOUCHED)
      const gap = WINDOW_ADDRESS + BigInt(128 * 1024)
      queue.writeDescriptor(0, gap, 64, 2, undefined)
      queue.writeDescriptor(1, WINDOW_ADDRESS + BigInt(64 * 1024 - 4), 64, 2, undefined)
      queue.writeDescriptor(2, 0xffff_ffff_ffff_fff0n, 64, 2, undefined)
      for (const head of [0, 1, 2]) queue.offer(head)
      queue.kick()
      await bench.sentinel()
      await conversation.waitUntil(() => false, 100)
      expect(
        behind.every((byte) => byte === UNTOUCHED),
        "It writes behind the window.",
      )
    },
  ),
  must("K42", "Once MAP_DEL is answered, nothing of the window is touched any more.", async (bench) => {
    const device = await bench.device()
    const { queue } = await device.start()
    await bench.runOne(device, queue)
    const { conversation, kernel } = bench
    const added = conversation.history.find(({ direction, frame }) => direction === "out" && isMapAdd(frame))
    const values = layouts.MAP_ADD_PAYLOAD.get(added?.frame ?? new Uint8Array(96), HEADER_SIZE)
    const status = await conversation.answerTo(conversation.mapDel(values))
    if (status !== 0) blocked(`It answers MAP_DEL with ${status ?? "nothing"}.`)
    queue.submit(device.needWorkload().request(2))
    const before = Uint8Array.from(kernel.window)
    await bench.sentinel()
    await bench.quiet()
    expect(
      before.every((byte, at) => byte === kernel.window[at]),
      "It goes on writing into it.",
    )
  }),
  always(
    "K43",
    "MAP_RELEASED names a window that was given without the wish to keep it.",
    ({ said, conversation }) => {
      const given = conversation.history
        .filter(({ direction, frame }) => direction === "out" && isMapAdd(frame))
        .map(({ frame }) => layouts.MAP_ADD_PAYLOAD.get(frame, HEADER_SIZE))
      for (const { msgId, frame } of said) {
        if (msgId !== layouts.MAP_RELEASED) continue
        const { seq, id } = layouts.RELEASED_PAYLOAD.get(frame, HEADER_SIZE)
        const window = given.find((each) => each.seq === seq && each.id === id)
        expect(
          window?.flags === 0,
          `It releases window ${hex(id)}, which ${window ? "is to be kept" : "was never given"}.`,
        )
      }
    },
  ),
]
