// Rows about the system calls of a device model: K1 to K10 (docs/bridge.md "Attaching").

import { constants } from "node:os"
import { counted } from "../../../counted.js"
import * as layouts from "../../../node/bridge/layouts.js"
import { expect } from "../../verdict.js"
import { type BridgeRow, modelMust } from "../bridge-row.js"
import type { ModelBench } from "../model-bench.js"
import { HANDLE } from "../played-kernel.js"

const must = modelMust("Attaching")

/** Whether a text ends within its field, with nothing but zeros behind it. */
function isPadded(bytes: Uint8Array, name: "busName" | "busId"): boolean {
  const { offset, size } = layouts.RESOLVE.places.find((each) => each.name === name) ?? { offset: 0, size: 0 }
  const text = bytes.subarray(offset, offset + size)
  const end = text.indexOf(0)
  return end >= 0 && text.subarray(end).every((byte) => byte === 0)
}

async function attachArgument(bench: ModelBench) {
  await bench.attach()
  const { argument } = bench.needCall("ATTACH")
  return { argument, values: layouts.ATTACH.get(argument) }
}

export const ATTACHING_ROWS: readonly BridgeRow[] = [
  must(
    "K1",
    "RESOLVE_ENDPOINT names a bus and an endpoint, each with a NUL behind it and zeros from there on.",
    async (bench) => {
      await bench.attach()
      const { argument } = bench.needCall("RESOLVE")
      expect(layouts.RESOLVE.get(argument).busName !== "", "The bus has no name.")
      for (const name of ["busName", "busId"] as const)
        expect(isPadded(argument, name), `${name} is not padded with zeros.`)
    },
  ),
  must("K2", "RESOLVE_ENDPOINT has no flag but bit 0, and its reserved fields are 0.", async (bench) => {
    await bench.attach()
    const { argument } = bench.needCall("RESOLVE")
    const { flags } = layouts.RESOLVE.get(argument)
    expect((flags & ~layouts.RESOLVE_CREATE) === 0, `Its flags are ${flags}.`)
    expect(layouts.RESOLVE.isPaddingZero(argument), "A reserved field is not 0.")
  }),
  must("K3", "ATTACH names the handle that RESOLVE_ENDPOINT gave, after it.", async (bench) => {
    const { values } = await attachArgument(bench)
    expect(values.endpoint === HANDLE, `It names ${values.endpoint}, and the handle was ${HANDLE}.`)
    const order = bench.kernel.calls.map(({ name }) => name)
    expect(order.indexOf("RESOLVE") < order.indexOf("ATTACH"), "It attaches before it resolves.")
  }),
  must("K4", "ATTACH's flags, caps and reserved fields are 0.", async (bench) => {
    const { argument, values } = await attachArgument(bench)
    expect(values.flags === 0, `Its flags are ${values.flags}.`)
    expect(layouts.ATTACH.isPaddingZero(argument), "Its caps or a reserved field are not 0.")
  }),
  must("K5", "The largest message of a device model is at least 72 bytes: MAP_ADD fits.", async (bench) => {
    const { maxMessageSize } = (await attachArgument(bench)).values
    expect(maxMessageSize >= layouts.LEAST_MAX_MESSAGE_SIZE, `It is ${counted(maxMessageSize, "byte")}.`)
  }),
  must(
    "K6",
    "Both rings have 256 entries, each of the largest message rounded up to a multiple of 128 bytes.",
    async (bench) => {
      const { values } = await attachArgument(bench)
      const size = layouts.entrySizeFor(values.maxMessageSize)
      for (const [ring, entries, entrySize] of [
        ["tx", values.txEntries, values.txEntrySize],
        ["rx", values.rxEntries, values.rxEntrySize],
      ] as const)
        expect(
          entries === layouts.RING_ENTRIES && entrySize === size,
          `${ring} has ${entries} entries of ${counted(entrySize, "byte")}, where ${size} are due.`,
        )
    },
  ),
  must(
    "K7",
    "The rings lie in the file, with all their slots, and do not overlap; their headers say what ATTACH says, and that they are empty.",
    async (bench) => {
      const { values } = await attachArgument(bench)
      const rings = [
        { at: values.txOffset, bytes: values.txBytes, entrySize: values.txEntrySize },
        { at: values.rxOffset, bytes: values.rxBytes, entrySize: values.rxEntrySize },
      ]
      const [first, second] = [...rings].sort((a, b) => Number(a.at - b.at))
      for (const { bytes, entrySize } of rings)
        expect(
          bytes >= layouts.ringBytes(entrySize),
          `A ring of ${counted(bytes, "byte")} does not hold its slots.`,
        )
      if (first && second) expect(first.at + first.bytes <= second.at, "The rings overlap.")
      for (const [name, header] of Object.entries(bench.kernel.headersAtAttach))
        expect(
          header.entries === layouts.RING_ENTRIES &&
            header.entrySize === values.txEntrySize &&
            header.flags === 0 &&
            header.prod === header.cons,
          `The header of ${name} is ${JSON.stringify(header)}.`,
        )
    },
  ),
  must("K8", "A device model whose ATTACH is refused uses no ring and maps nothing.", async (bench) => {
    bench.kernel.refusals.set("ATTACH", constants.errno.EBUSY)
    await bench.tryAttach()
    await bench.quiet()
    expect(bench.calls("MMAP").length === 0, "It maps windows.")
    expect(bench.kernel.kickCount === 0, "It kicks.")
  }),
  must("K9", "A version that the device model does not speak ends the session.", async (bench) => {
    bench.kernel.caps = { ...bench.kernel.caps, version: layouts.BRIDGE_VERSION + 0x7000 }
    await bench.tryAttach()
    await bench.needGivenUp("an ATTACH that says version 28673")
    expect(bench.said.length === 0, `It sends ${counted(bench.said.length, "message")} all the same.`)
  }),
  must(
    "K10",
    "An endpoint that is offline at ATTACH is waited for: nothing is sent before ENDPOINT_ONLINE.",
    async (bench) => {
      const { kernel, conversation } = bench
      kernel.caps = { ...kernel.caps, flags: 0, epoch: 0n, maxMessageSize: 0, revision: 0 }
      await bench.attach()
      await bench.quiet()
      expect(bench.said.length === 0, `It sends ${counted(bench.said.length, "message")} before.`)
      expect(!bench.isGivenUp, "It does not wait.")
      conversation.online(1n, 264)
      await conversation.waitUntil(() => conversation.devices !== undefined)
      expect(conversation.devices !== undefined, "It publishes nothing when the endpoint is online.")
    },
  ),
]
