// A hostile device against the whole host: bus, transport and drivers. What it must do: end every call with an answer
// or one error of the right kind, in bounded time; throw out of no timer; leave none; and serve the next call when the
// device behaves.

import fc from "fast-check"
import { Bus } from "../../../host/src/bus/bus.js"
import type { ChannelParameters } from "../../../host/src/bus/channel.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { VirtioMsgError } from "../../../host/src/errors.js"
import { OpenedBus } from "../../../host/src/open-bus.js"
import * as p from "../../../shared-protocol/src/index.js"
import { seededRandom } from "../../faults/seeded-random.js"
import { plausibleFrame, u8, u16, u32 } from "../../shared-protocol/support/arbitraries.js"
import { DECODERS } from "../../shared-protocol/support/decoders.js"
import { deviceClasses, HABIT_NAMES, RING_LIE_NAMES } from "../habits.js"
import { AREA_SIZE } from "../hostile-driver.js"
import { type Deed, HostileLink, type Tampering } from "../hostile-link.js"
import { record } from "../records.js"
import { type FuzzTarget, plain } from "../target.js"

/** A call may take a whole HELLO, a request and a transfer, each to its limit, one after another. */
const CALL_LIMIT_MS = 20_000
const RIGHT_CODES: readonly string[] = [
  "BROKEN_QUEUE",
  "CONNECT_FAILED",
  "DEVICE_FAILED",
  "DEVICE_REMOVED",
  "DEVICE_RESTARTED",
  "NACK",
  "NOT_FOUND",
  "PROTOCOL",
  "TIMEOUT",
  "VERSION_MISMATCH",
  "INVALID_ARGUMENT", // what the device says of its configuration's size makes our question wrong
]
/** How often an honest device may be asked until it answers: what was broken is found and mended on the way. */
const HONEST_TRIES = 4
/** What the RAM at 0x54 begins with: "1234". */
const HONEST_BYTES = "49,50,51,52"
/** Longer than a packet is under way. */
const SETTLE_MS = 10
/** Where the used rings lie, more or less: the driver allocates from the area's beginning. */
const RING_BYTES = 0xa00

/** A message that the device says by itself, or that answers what nobody asked. */
const messageRecord = fc.constantFrom(...DECODERS).chain(({ type, msgId }) =>
  plausibleFrame(type, msgId).map((frame) => {
    const bytes = [...frame].slice(0, p.MAX_MESSAGE_SIZE)
    return [0, bytes.length, ...bytes]
  }),
)
/** Bytes in a used ring: flags, index, elements. */
const ringRecord = fc
  .tuple(
    fc.nat(RING_BYTES),
    fc.array(fc.oneof(u8, fc.constantFrom(0, 1, 0xff)), { minLength: 1, maxLength: 8, size: "max" }),
  )
  .map(([at, bytes]) => [0x80 | (at >> 8), at & 0xff, bytes.length, ...bytes])
const records = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: messageRecord },
      { weight: 3, arbitrary: ringRecord },
      { weight: 1, arbitrary: record },
    ),
    {
      minLength: 1,
      maxLength: 4,
      size: "max",
    },
  )
  .map((parts) => Uint8Array.from(parts.flat()))

/** What no honest device counts, and what is nearly right. */
const absurd = fc.oneof(
  fc.constantFrom(0, 1, 2, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  u32,
)
const tampering: fc.Arbitrary<Tampering> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: "lose" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("repeat" as const), times: fc.integer({ min: 2, max: 9 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("byte" as const), at: u16, value: u8 }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const), length: fc.nat(60) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("records" as const), bytes: records, isFront: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("replace" as const), bytes: records }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("habit" as const),
      name: fc.constantFrom(...HABIT_NAMES),
      value: absurd,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("ring" as const),
      lie: fc.constantFrom(...RING_LIE_NAMES),
      value: absurd,
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
)

export interface HostCase {
  /** Whether the device is hostile from HELLO on, or from when its drivers run. */
  readonly isEarly: boolean
  readonly deeds: readonly Deed[]
}

export const host: FuzzTarget<HostCase> = {
  name: "host",
  classes: deviceClasses,
  about: "a hostile device against bus, transport and drivers of the host",
  cases: fc.record({
    isEarly: fc.boolean(),
    deeds: fc.array(fc.record({ packet: fc.integer({ min: 1, max: 20 }), tampering }), {
      minLength: 1,
      maxLength: 5,
      size: "max",
    }),
  }),
  async run({ isEarly, deeds }) {
    const clock = new VirtualClock(1000)
    const link = new HostileLink(clock)
    if (isEarly) link.deeds = deeds
    const opening = Bus.open(link, { clock, random: seededRandom(1) })
    const opened = await clock.run(ending(opening), CALL_LIMIT_MS)
    if (opened instanceof VirtioMsgError) {
      if (!isEarly) throw new Error(`an honest device is not connected to: ${opened}`)
    } else {
      let bus = new OpenedBus(await opening)
      let refusal = await use(clock, link, bus, deeds)
      await bus.close()
      if (refusal && isLyingIn(bus.bus.hello)) {
        bus = new OpenedBus(
          await clock.run(Bus.open(link, { clock, random: seededRandom(2) }), CALL_LIMIT_MS),
        )
        refusal = await served(clock, bus)
        await bus.close()
      }
      if (refusal) throw new Error(`an honest device is not served: ${refusal}`)
    }
    await clock.advance(10)
    if (clock.pendingCount > 0) throw new Error(`${clock.pendingCount} timers are left`)
  },
  ...plain,
}

async function use(
  clock: VirtualClock,
  link: HostileLink,
  bus: OpenedBus,
  deeds: readonly Deed[],
): Promise<VirtioMsgError | undefined> {
  const i2c = bus.i2c()
  await clock.run(ending(i2c), CALL_LIMIT_MS)
  link.deeds = deeds
  const calls: Promise<unknown>[] = [
    read(bus),
    bus.ping(),
    bus.devices(),
    bus.rng().then((rng) => rng.read(20)),
    bus.gpio().then((gpio) => gpio.info()),
    bus.i2c().then((adapter) => adapter.readBlock(0x50, 0, 64)),
  ]
  await clock.run(Promise.all(calls.map(ending)), CALL_LIMIT_MS)
  link.behave()
  await clock.advance(SETTLE_MS) // what was sent before still arrives
  return served(clock, bus)
}

async function read(bus: OpenedBus): Promise<Uint8Array> {
  const adapter = await bus.i2c()
  return Uint8Array.from(await Promise.all([0, 1, 2, 3].map((at) => adapter.readByte(0x54, at))))
}

/** Asks an honest device until it answers, with what it has; the error of the last try if it does not. */
async function served(clock: VirtualClock, bus: OpenedBus): Promise<VirtioMsgError | undefined> {
  for (let tries = 1; ; tries++) {
    const outcome = await clock.run(ending(read(bus)), CALL_LIMIT_MS)
    if (!(outcome instanceof VirtioMsgError)) {
      if (String(outcome) !== HONEST_BYTES) throw new Error(`an honest device's bytes came as ${outcome}`)
      return undefined
    }
    if (tries === HONEST_TRIES) return outcome
  }
}

/**
 * Whether HELLO's window was not the device's. That is asked once an epoch, and cannot change in it: a window that is
 * too small for a queue is so until the bus is opened again, and each call says so. All other lies must be mended
 * without it.
 */
function isLyingIn({ driverAreaSize, deviceAreaSize }: ChannelParameters): boolean {
  return driverAreaSize !== AREA_SIZE || deviceAreaSize !== AREA_SIZE
}

/** What a call came to; throws when that is an error of another kind than ours. */
async function ending(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call
  } catch (error) {
    if (error instanceof VirtioMsgError && RIGHT_CODES.includes(error.code)) return error
    throw error
  }
}
