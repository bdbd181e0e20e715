// A hostile vhost-user front end, and a hostile guest behind it: messages in any order with any payload and descriptors,
// and anything in the rings. At most its connection ends; the next front end is served.

import fc from "fast-check"
import type { GuestChain, VhostUserDevice } from "../../../host/src/node/vhost-user/device.js"
import { loadLibc } from "../../../host/src/node/vhost-user/libc.js"
import { encodeNumber, encodeVringState, REQUEST } from "../../../host/src/node/vhost-user/messages.js"
import { FrontEnd, memoryTable, until } from "../../linux/front-end.js"
import { MEMORY_LENGTH } from "../../linux/guest-ring.js"
import { cleanUp, cleanUpAll, newBackend, newPath } from "../../linux/vhost-user-rig.js"
import { type FuzzTarget, plain } from "../target.js"

/** From its first ring to behind its last one. */
const RINGS = { from: 0x1000, length: 0x8000 }
const FILES = ["memory", "kick", "call", "error"] as const

type Step =
  | {
      readonly kind: "message"
      readonly request: number
      readonly flags: number
      readonly payload: Uint8Array
      readonly files: readonly number[]
    }
  | { readonly kind: "poke"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "kick" }
  | { readonly kind: "raw"; readonly bytes: Uint8Array }

export interface FrontEndCase {
  /** The queue runs before the first step. */
  readonly isStarted: boolean
  readonly steps: readonly Step[]
}

const number64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  fc.constantFrom(0n, 1n, 4096n, 1n << 53n, 1n << 60n, BigInt(MEMORY_LENGTH)),
)
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 60, size: "max" }),
  number64.map((value) => encodeNumber(value)),
  fc
    .tuple(fc.nat(3), fc.oneof(fc.nat(2000), fc.nat(0xffff_ffff)))
    .map(([index, value]) => encodeVringState({ index, value })),
  fc
    .array(
      fc.record({ gpa: number64, size: number64, uva: number64, offset: number64 }, { requiredKeys: [] }),
      { maxLength: 9 },
    )
    .map((regions) =>
      memoryTable(
        regions.map((region) =>
          Object.fromEntries(Object.entries(region).filter(([, value]) => value !== undefined)),
        ),
      ),
    ),
)
const message = fc
  .record({
    request: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...Object.values(REQUEST)) }, fc.nat(60)),
    flags: fc.constantFrom(1, 1, 1, 9, 0, 2, 5),
    payload,
    files: fc.array(fc.nat(FILES.length - 1), { maxLength: 3 }),
  })
  .map((fields): Step => ({ kind: "message", ...fields, payload: Uint8Array.from(fields.payload) }))
const poke = fc
  .record({ at: fc.nat(RINGS.length), bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }) })
  .map((fields): Step => ({ kind: "poke", ...fields }))
const step = fc.oneof(
  { weight: 4, arbitrary: message },
  { weight: 3, arbitrary: poke },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: "kick" }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes): Step => ({ kind: "raw", bytes })) },
)

/** Completes what it gets at once: a queue that is stopped does not wait. */
class PromptDevice implements VhostUserDevice {
  readonly name = "prompt"
  readonly queueCount = 1
  readonly features = 1n
  readonly maxReadableLength = 256
  readonly config = Uint8Array.of(1, 2, 3, 4)
  handle(_queueIndex: number, chains: readonly GuestChain[]): void {
    for (const chain of chains) chain.complete(new Uint8Array(Math.min(chain.writableLength, 64)))
  }
  reset(): void {}
}

export const vhostUser: FuzzTarget<FrontEndCase> = {
  name: "vhost-user",
  about: "messages, descriptors and rings of a hostile front end to the backend of a Linux guest",
  cases: fc.record({ isStarted: fc.boolean(), steps: fc.array(step, { maxLength: 12 }) }),
  async run({ isStarted, steps }) {
    const libc = await loadLibc().catch(() => undefined)
    if (!libc) return // no Linux, or no koffi: nobody can be attacked so
    const path = newPath()
    const listener = libc.listen(path)
    cleanUp.push(() => libc.close(listener))
    try {
      await newBackend(path, { device: new PromptDevice() })
      const hostile = await FrontEnd.accept(listener)
      const files = [hostile.memoryFile, hostile.kick, hostile.call, hostile.error]
      try {
        if (isStarted) await hostile.startQueue()
        for (const each of steps) {
          if (each.kind === "message")
            hostile.send(
              each.request,
              each.payload,
              each.files.map((at) => files[at] as number),
              each.flags,
            )
          else if (each.kind === "raw") hostile.sendRaw(each.bytes)
          else if (each.kind === "kick") hostile.libc.signal(hostile.kick)
          else hostile.ring.bytes.set(each.bytes, RINGS.from + each.at)
          await new Promise((resolve) => setImmediate(resolve))
        }
      } finally {
        hostile.close()
      }
      const next = await FrontEnd.accept(listener)
      try {
        await next.startQueue()
        const { head } = next.ring.add([{ out: [1] }, { room: 3 }])
        next.libc.signal(next.kick)
        const used = await until(() => {
          const taken = next.ring.takeUsed()
          return taken.length > 0 && taken
        })
        if (used[0]?.head !== head || used[0].length !== 3) throw new Error("the next guest is not served")
      } finally {
        next.close()
      }
    } finally {
      cleanUpAll()
    }
  },
  ...plain,
}
