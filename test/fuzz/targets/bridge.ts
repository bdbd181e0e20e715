// A hostile kernel behind /dev/virtio-msg-bridge: frames of any kind, cursors that jump, epochs, windows, doorbells that are
// full, and anything in the memory that the model sees. At most its session ends, with a sentence; nothing outside the
// windows is written, nor anything once the session is over.

import fc from "fast-check"
import { Bus } from "../../../host/src/bus/bus.js"
import { openPlayedNode } from "../../../host/src/conformance/bridge/in-process-node.js"
import { PlayedKernel } from "../../../host/src/conformance/bridge/played-kernel.js"
import { VirtioMsgError } from "../../../host/src/errors.js"
import { BridgeBus } from "../../../host/src/node/bridge/bridge-bus.js"
import { BridgeSession } from "../../../host/src/node/bridge/bridge-session.js"
import * as layouts from "../../../host/src/node/bridge/layouts.js"
import { makeNativeChannel } from "../../../host/src/node/plain-board.js"
import { loadLibc } from "../../../host/src/node/vhost-user/libc.js"
import { ClassCounts, type ClassPatterns } from "../classes.js"
import type { FuzzTarget } from "../target.js"

const PAGE = 4096
/** The windows that are offered lie below this in the file. */
const OFFERED = 16 * PAGE
const ADDRESS = 0x2_0000_0000n
const UNTOUCHED = 0x5a

const ENDS: ClassPatterns = {
  "a message of a size that cannot be": /sent a message of \d+ byte/,
  "a payload of a size that cannot be": /sent a message 0x/,
  "a cursor of the model's own ring": /The tx ring/,
  "a cursor of the kernel's ring": /The rx ring/,
  "an epoch that has not begun": /message of epoch/,
  "an epoch that cannot be": /began epoch/,
  "the kernel's end": /ended the session/,
}
const classes = new ClassCounts([...Object.keys(ENDS), "goes on", "a window is mapped"])

type Step =
  | { readonly kind: "frame"; readonly bytes: Uint8Array }
  | { readonly kind: "map"; readonly page: number; readonly pages: number; readonly more: Partial<MapFields> }
  | {
      readonly kind: "cursor"
      readonly ring: "tx" | "rx"
      readonly which: "prod" | "cons"
      readonly by: number
    }
  | { readonly kind: "memory"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "slots"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "kick" | "full" | "end" | "refuse" | "wait" }

interface MapFields {
  readonly epoch: bigint
  readonly address: bigint
  readonly length: bigint
  readonly mmapOffset: bigint
  readonly flags: number
}

export interface BridgeCase {
  readonly steps: readonly Step[]
}

const number64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  fc.constantFrom(0n, 1n, 2n, 4096n, 0xfffn, 1n << 53n, ADDRESS, 0xffff_ffff_ffff_f000n),
)
const small = fc.nat(255)
const msgId = fc.oneof(
  { weight: 3, arbitrary: fc.nat(0x14) },
  { weight: 1, arbitrary: fc.constantFrom(0x41, 0x42) },
  fc.constantFrom(0x88, 0x89, 0x8a, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5),
  small,
)
/** A header, mostly with its true size, and any payload: its first eight bytes are often the epoch. */
const frame = fc
  .record({
    type: fc.oneof(fc.constantFrom(0, 2), small),
    msgId,
    devNum: fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(0xffff)),
    token: fc.nat(0xffff),
    epoch: fc.option(fc.constantFrom(0n, 1n, 2n, 3n), { freq: 3 }),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 70 }),
      fc.constantFrom(16, 32, 48, 64).chain((size) => fc.uint8Array({ minLength: size, maxLength: size })),
    ),
    size: fc.oneof({ weight: 20, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(0xffff) }),
  })
  .map(({ type, msgId, devNum, token, epoch, payload, size }): Step => {
    const bytes = new Uint8Array(8 + payload.length)
    const view = new DataView(bytes.buffer)
    bytes[0] = type
    bytes[1] = msgId
    bytes.set(payload, 8)
    view.setUint16(2, devNum, true)
    view.setUint16(4, token, true)
    view.setUint16(6, size ?? bytes.length, true)
    if (epoch !== null && payload.length >= 8) view.setBigUint64(8, epoch, true)
    return { kind: "frame", bytes }
  })
const map = fc
  .record({
    page: fc.nat(12),
    pages: fc.integer({ min: 1, max: 4 }),
    more: fc.oneof(
      fc.constant({}),
      fc.record(
        { epoch: number64, address: number64, length: number64, mmapOffset: number64, flags: fc.nat(3) },
        { requiredKeys: [] },
      ),
    ),
  })
  .map((fields): Step => ({ kind: "map", ...fields }))
const epochs = fc.oneof(
  fc
    .record({
      epoch: fc.bigInt({ min: 0n, max: 4n }),
      maxMessageSize: fc.constantFrom(264, 264, 264, 72, 51, 0),
    })
    .map((values): Step => {
      const online = { ...values, busName: "loopback" }
      return {
        kind: "frame",
        bytes: layouts.bridgeFrame(layouts.ENDPOINT_ONLINE, layouts.ONLINE_PAYLOAD, online),
      }
    }),
  fc.bigInt({ min: 0n, max: 2n }).map((epoch): Step => {
    const offline = { epoch, reason: 2 }
    return {
      kind: "frame",
      bytes: layouts.bridgeFrame(layouts.ENDPOINT_OFFLINE, layouts.OFFLINE_PAYLOAD, offline),
    }
  }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: epochs },
  { weight: 6, arbitrary: frame },
  { weight: 3, arbitrary: map },
  {
    weight: 1,
    arbitrary: fc
      .record({
        ring: fc.constantFrom<"tx" | "rx">("tx", "rx"),
        which: fc.constantFrom<"prod" | "cons">("prod", "cons"),
        by: fc.oneof(fc.integer({ min: -2, max: 2 }), fc.constantFrom(255, 256, 257, 0x7fffffff)),
      })
      .map((fields): Step => ({ kind: "cursor", ...fields })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ at: fc.nat(OFFERED - 64), bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }) })
      .map((fields): Step => ({ kind: "memory", ...fields })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ at: fc.nat(2000), bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }) })
      .map((fields): Step => ({ kind: "slots", ...fields })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>(
      { kind: "kick" },
      { kind: "full" },
      { kind: "refuse" },
      { kind: "wait" },
    ),
  },
  // rarer: everything ends with it
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "end" }) },
)

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** The ring that the suite keeps for the kernel is as hostile as its cursors were made. */
function send(kernel: PlayedKernel, frame: Uint8Array): void {
  try {
    kernel.send(frame)
  } catch (error) {
    if (!(error instanceof VirtioMsgError)) throw error
  }
}

/** Does one thing that a kernel can do. */
function act(kernel: PlayedKernel, each: Step, count: number): void {
  switch (each.kind) {
    case "frame":
      send(kernel, each.bytes.subarray(0, 384))
      break
    case "map": {
      const { page, pages, more } = each
      const length = BigInt(pages * PAGE)
      const values = {
        epoch: 1n,
        address: ADDRESS + BigInt(page * PAGE),
        length,
        mmapOffset: BigInt(page * PAGE),
        flags: 1,
        ...more,
      }
      const frame = layouts.bridgeFrame(layouts.MAP_ADD, layouts.MAP_ADD_PAYLOAD, {
        ...values,
        seq: BigInt(count),
        id: BigInt(count),
        mmapLength: length,
      })
      send(kernel, frame)
      break
    }
    case "cursor": {
      const ring = kernel[each.ring]
      if (ring) ring[each.which] = (ring[each.which] + each.by) >>> 0
      kernel.signal()
      break
    }
    case "memory":
      kernel.window.set(each.bytes, each.at)
      break
    case "slots":
      for (const [i, byte] of each.bytes.entries()) {
        const slot = kernel.rx?.slot(Math.floor((each.at + i) / 384))
        if (slot) slot[(each.at + i) % 384] = byte
      }
      break
    case "full":
      kernel.isHoldingBack = true
      break
    case "refuse":
      kernel.refusals.set("MMAP", 12)
      break
    case "end":
      kernel.end()
      break
    default:
      kernel.signal()
  }
}

function judge(kernel: PlayedKernel, session: BridgeSession, ends: readonly VirtioMsgError[]): void {
  if (session.window.count > 0) classes.note("a window is mapped")
  const [end] = ends
  if (end) classes.noteReason(end.message, ENDS)
  else classes.note("goes on")
  if (ends.length > 1) throw new Error(`the session ended ${ends.length} times`)
  if (end && (!(end instanceof VirtioMsgError) || end.hint === undefined))
    throw new Error(`no sentence: ${end}`)
  if (end && kernel.isAttached) throw new Error("it ended, and is still attached")
  const outside = kernel.window.subarray(OFFERED, OFFERED + 16 * PAGE)
  if (!outside.every((byte) => byte === UNTOUCHED))
    throw new Error("something outside the windows was written")
}

export const bridge: FuzzTarget<BridgeCase> = {
  name: "bridge",
  about: "rings, windows and messages of a hostile kernel to our device model on /dev/virtio-msg-bridge",
  cases: fc.record({ steps: fc.array(step, { minLength: 1, maxLength: 14 }) }),
  classes,
  async run({ steps }) {
    const isThere = await loadLibc().then(
      () => true,
      () => false,
    )
    if (!isThere) return // no Linux, or no koffi: nobody can be attacked so
    const kernel = await PlayedKernel.make()
    kernel.window.fill(UNTOUCHED, OFFERED, OFFERED + 16 * PAGE)
    const board = await Bus.open(makeNativeChannel())
    const session = new BridgeSession(await openPlayedNode(kernel), {
      address: { busName: "loopback", busId: "" },
      maxMessageSize: 264,
    })
    const ends: VirtioMsgError[] = []
    session.onEnd.on((error) => ends.push(error))
    const model = new BridgeBus(board, session)
    let isQuiet = true
    try {
      await turn()
      for (const [count, each] of steps.entries()) {
        act(kernel, each, count)
        await turn()
        await turn()
      }
      for (let n = 0; n < 3; n++) await turn()
      judge(kernel, session, ends)
    } finally {
      await model.close()
      const after = Uint8Array.from(kernel.window.subarray(0, OFFERED))
      await turn()
      isQuiet = after.every((byte, at) => byte === kernel.window[at])
      kernel.close()
      await board.close()
    }
    if (!isQuiet) throw new Error("memory was written once the session was over")
  },
  save: ({ steps }) => ({ steps: steps.map(saveBigints) }),
  load: (saved) => ({ steps: ((saved as { steps: unknown[] }).steps ?? []).map(loadBigints) as Step[] }),
}

/** JSON has no bigints: they are texts there. */
function saveBigints(each: Step): unknown {
  if (each.kind !== "map") return each
  const more = Object.entries(each.more).map(([name, value]) => [name, String(value)])
  return { ...each, more: Object.fromEntries(more) }
}

function loadBigints(saved: unknown): Step {
  const each = saved as Step
  if (each.kind !== "map") return each
  const more = Object.entries(each.more).map(([name, value]) => [
    name,
    name === "flags" ? Number(value) : BigInt(value),
  ])
  return { ...each, more: Object.fromEntries(more) }
}
