// What a hostile driver does, one action at a time, as fast-check commands: they can be made smaller, and kept.

import fc from "fast-check"
import * as p from "../../shared-protocol/src/index.js"
import { plausibleFrame, u8, u16, u32 } from "../shared-protocol/support/arbitraries.js"
import { DECODERS } from "../shared-protocol/support/decoders.js"
import { noteSetting } from "./driver-classes.js"
import {
  DEVICE_BUFFERS,
  DRIVER_BUFFERS,
  frameOf,
  type HostileDriver,
  type RawDescriptor,
} from "./hostile-driver.js"
import { record } from "./records.js"
import { type SpoiltChain, spoiltChain } from "./spoilt-chains.js"
import { commandsOf } from "./target.js"

type Action =
  | {
      readonly kind: "initialise"
      readonly dev: number
      readonly isLarge: boolean
      /** Absent in cases that were kept before it could be chosen: true. */
      readonly hasIndirect?: boolean
    }
  | { readonly kind: "message"; readonly frames: readonly Uint8Array[] }
  | { readonly kind: "status"; readonly dev: number; readonly value: number }
  | { readonly kind: "queue"; readonly dev: number; readonly setting: p.VqueueSetting }
  | { readonly kind: "reset-queue"; readonly dev: number; readonly queue: number }
  | {
      readonly kind: "chain"
      readonly dev: number
      readonly queue: number
      readonly first: number
      readonly descriptors: readonly RawDescriptor[]
    }
  | {
      readonly kind: "available"
      readonly dev: number
      readonly queue: number
      readonly entries: readonly number[]
      readonly ahead: number
    }
  | ({
      readonly kind: "request"
      readonly dev: number
      readonly queue: number
      readonly hasIndirect: boolean
    } & SpoiltChain)
  | { readonly kind: "bytes"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "kick"; readonly dev: number; readonly queue: number }
  | { readonly kind: "packet"; readonly bytes: Uint8Array; readonly isOurs: boolean }
  | { readonly kind: "silence" }
  | { readonly kind: "connect" }

/** What the driver knows of where it stands: only an initialised device has rings to break. */
interface Model {
  readonly live: Set<number>
}

export class HostileAction implements fc.AsyncCommand<Model, HostileDriver> {
  readonly action: Action

  constructor(action: Action) {
    this.action = action
  }

  check(model: Model): boolean {
    const { action } = this
    if (action.kind === "kick" || action.kind === "chain" || action.kind === "available")
      return model.live.has(action.dev)
    return true
  }

  async run(model: Model, driver: HostileDriver): Promise<void> {
    const { action } = this
    // a ring that is broken already would hide what is wrong with this one
    if (action.kind === "request") await driver.initialise(action.dev, false, action.hasIndirect)
    await perform(action, driver)
    if (action.kind === "initialise" || action.kind === "request") model.live.add(action.dev)
    if (action.kind === "connect") model.live.clear()
    if (driver.failure !== "") throw new Error(driver.failure)
  }

  toString(): string {
    return JSON.stringify(this.action)
  }
}

async function perform(action: Action, driver: HostileDriver): Promise<void> {
  switch (action.kind) {
    case "initialise":
      return driver.initialise(action.dev, action.isLarge, action.hasIndirect)
    case "message":
      return driver.exchange(...action.frames)
    case "status":
      return driver.exchange(
        frameOf((frame) => p.encodeSetDeviceStatusRequest(frame, action.dev, action.value)),
      )
    case "queue":
      noteSetting(action.setting)
      return driver.exchange(frameOf((frame) => p.encodeSetVqueueRequest(frame, action.dev, action.setting)))
    case "reset-queue":
      return driver.exchange(frameOf((frame) => p.encodeResetVqueueRequest(frame, action.dev, action.queue)))
    case "chain":
      for (const [at, descriptor] of action.descriptors.entries())
        driver.describe(action.dev, action.queue, action.first + at, descriptor)
      return
    case "request":
      for (const [at, descriptor] of action.descriptors.entries())
        driver.describe(action.dev, action.queue, action.first + at, descriptor)
      driver.available(action.dev, action.queue, [action.head], action.ahead)
      return driver.kick(action.dev, action.queue)
    case "available":
      driver.available(action.dev, action.queue, action.entries, action.ahead)
      return driver.kick(action.dev, action.queue)
    case "bytes":
      return driver.write(action.offset, action.bytes)
    case "kick":
      return driver.kick(action.dev, action.queue)
    case "packet":
      return driver.raw(action.bytes, action.isOurs)
    case "silence":
      driver.silence()
      return
    case "connect":
      return driver.connect()
  }
}

const dev = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: u16 },
)
const queue = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: u16 },
)
/** A device and a queue that there are: I2C's above all. */
const liveDev = fc.constantFrom(0, 0, 0, 0, 1, 2, 3)
const liveQueue = fc.constantFrom(0, 0, 0, 1)
const offset = fc.oneof(
  fc.constantFrom(0, DRIVER_BUFFERS, DRIVER_BUFFERS + 8, DEVICE_BUFFERS, 8191, 8192, 0x7fff, 0xffff),
  fc.nat(8191),
  u32,
)
/** The area in the upper half, mostly. */
const high = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0x10000) },
  { weight: 6, arbitrary: fc.constant(0x20000) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0x30000, 0x10001, 0x8001_0000, 0xffff_ffff) },
  { weight: 1, arbitrary: u32 },
)
const length = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1, 1, 2, 8, 8, 16) },
  { weight: 2, arbitrary: fc.nat(300) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 4096, 4097, 8192, 0xffff, 0x10000, 0x7fff_ffff, 0xffff_fff0, 0xffff_ffff),
  },
)
const flags = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(0, 1, 2, 3) },
  { weight: 2, arbitrary: fc.constantFrom(4, 5, 6, 7) },
  { weight: 1, arbitrary: u16 },
)
const next = fc.oneof({ weight: 8, arbitrary: fc.nat(15) }, { weight: 1, arbitrary: u16 })
const descriptor: fc.Arbitrary<RawDescriptor> = fc.record({ low: offset, high, length, flags, next })

/** A chain as a driver would make it, to be spoilt by others: header, buffer, status. */
const likelyChain = fc
  .record({ first: fc.constantFrom(0, 0, 0, 3, 6, 9, 12), isRead: fc.boolean(), length, at: fc.nat(0x7ff) })
  .map(({ first, isRead, length: bytes, at }) => ({
    first,
    descriptors: [
      { low: DRIVER_BUFFERS + at, high: 0x10000, length: 8, flags: 1, next: first + 1 },
      isRead
        ? { low: DEVICE_BUFFERS + at, high: 0x20000, length: bytes, flags: 3, next: first + 2 }
        : { low: DRIVER_BUFFERS + at + 8, high: 0x10000, length: bytes, flags: 1, next: first + 2 },
      { low: DEVICE_BUFFERS + at, high: 0x20000, length: 1, flags: 2, next: 0 },
    ],
  }))
/** One chain of many descriptors, and one that runs in circles. */
const longChain = fc
  .record({ count: fc.constantFrom(16, 255, 256), isLoop: fc.boolean(), isWritable: fc.boolean() })
  .map(({ count, isLoop, isWritable }) => ({
    first: 0,
    descriptors: Array.from({ length: count }, (_, at) => ({
      low: isWritable && at > 0 ? DEVICE_BUFFERS : DRIVER_BUFFERS,
      high: isWritable && at > 0 ? 0x20000 : 0x10000,
      length: at === 0 ? 8 : 1,
      flags:
        (at < count - 1 || isLoop ? 1 : 0) |
        (isWritable && at > 0 ? 2 : 0) |
        (at === count - 1 && !isLoop ? 2 : 0),
      next: (at + 1) % count,
    })),
  }))
const randomChain = fc.record({
  first: fc.nat(255),
  descriptors: fc.array(descriptor, { minLength: 1, maxLength: 5, size: "max" }),
})

/** An I2C header, mostly: an address that a chip has, flags. */
const header = fc
  .tuple(
    fc.constantFrom(0x48, 0x50, 0x54, 0x56, 0x76, 0x11, 0x7f),
    fc.nat(3),
    fc.uint8Array({ maxLength: 40, size: "max" }),
  )
  .map(([address, bits, rest]) => Uint8Array.of(address << 1, 0, 0, 0, bits, 0, 0, 0, ...rest))

const address = fc.record({ low: offset, high })
const setting: fc.Arbitrary<p.VqueueSetting> = fc.record({
  index: queue,
  flags: fc.oneof(fc.nat(63), u32),
  size: fc.oneof(fc.constantFrom(0, 1, 2, 3, 7, 8, 16, 255, 256, 257, 512, 32768, 65536), u32),
  reserved: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: u32 }),
  desc: address,
  driver: address,
  device: address,
})

const message = fc.oneof(
  fc.constantFrom(...DECODERS).chain(({ type, msgId }) => plausibleFrame(type & ~p.TYPE_RESPONSE, msgId)),
  fc
    .tuple(u8, u8, dev, fc.uint8Array({ maxLength: 60, size: "max" }))
    .map(([type, msgId, number, rest]) =>
      Uint8Array.of(type, msgId, number & 0xff, number >> 8, 1, 0, 8 + rest.length, 0, ...rest),
    ),
  // as dear as they come, and as many as a packet holds
  fc.constantFrom(
    Uint8Array.of(2, p.GET_DEVICES, 0, 0, 1, 0, 12, 0, 0, 0, 0xff, 0xff),
    Uint8Array.of(0, p.GET_DEVICE_INFO, 0, 0, 1, 0, 8, 0),
    Uint8Array.of(0, p.GET_DEVICE_FEATURES, 0, 0, 1, 0, 16, 0, 0, 0, 0, 0, 53, 0, 0, 0),
  ),
)

const actions = [
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("initialise" as const),
      dev: liveDev,
      isLarge: fc.boolean(),
      hasIndirect: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(message, fc.constantFrom(1, 1, 2, 23)).map(([frame, count]) => ({
      kind: "message" as const,
      frames: Array.from({ length: count }, () => Uint8Array.from(frame)),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("status" as const), dev, value: fc.oneof(fc.nat(255), u32) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("queue" as const), dev, setting }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset-queue" as const), dev, queue }) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(liveDev, liveQueue, fc.oneof(likelyChain, randomChain, longChain))
      .map(([device, at, chain]) => ({ kind: "chain" as const, dev: device, queue: at, ...chain })),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("available" as const),
      dev: liveDev,
      queue: liveQueue,
      entries: fc.oneof(
        fc.array(next, { maxLength: 16, size: "max" }),
        fc
          .tuple(fc.nat(15), fc.constantFrom(16, 256))
          .map(([head, count]) => new Array<number>(count).fill(head)),
      ),
      ahead: fc.oneof(fc.nat(16), fc.constantFrom(16, 256, 256, 257, 0x7fff, 0xffff)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(liveDev, liveQueue, fc.boolean(), spoiltChain)
      .map(([device, at, hasIndirect, chain]) => ({
        kind: "request" as const,
        dev: device,
        queue: at,
        hasIndirect,
        ...chain,
      })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("bytes" as const),
      offset: fc.oneof(
        fc.nat(0x7ff).map((at) => DRIVER_BUFFERS + at),
        fc.nat(8191),
      ),
      bytes: fc.oneof(header, fc.uint8Array({ maxLength: 40, size: "max" })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("kick" as const), dev: liveDev, queue }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("packet" as const),
      bytes: fc
        .array(record, { maxLength: 6, size: "max" })
        .map((records) => Uint8Array.from([1, 1, 0, 0, 0, ...records.flat()]).slice(0, p.MAX_PACKET_SIZE)),
      isOurs: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "silence" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "connect" as const }) },
]

/** Sequences of actions. */
export const hostileSequences = fc.commands(
  actions.flatMap(({ weight, arbitrary }) =>
    Array.from({ length: weight }, () =>
      (arbitrary as fc.Arbitrary<Action>).map((action) => new HostileAction(action)),
    ),
  ),
  { maxCommands: 16, size: "max" },
) as fc.Arbitrary<Iterable<HostileAction>>

/** Performs a sequence from a new epoch on, then asks whether an honest driver is served. */
export async function runHostile(driver: HostileDriver, sequence: Iterable<HostileAction>): Promise<void> {
  await driver.connect()
  await fc.asyncModelRun(() => ({ model: { live: new Set<number>() }, real: driver }), sequence)
  const problem = await driver.checkAlive()
  if (problem !== "") throw new Error(problem)
}

export function saveSequence(sequence: Iterable<HostileAction>): unknown {
  return commandsOf(sequence).map(({ action }) => action)
}

export function loadSequence(saved: unknown): HostileAction[] {
  return (saved as Action[]).map((action) => new HostileAction(action))
}
