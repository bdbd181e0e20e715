// A hostile device against the driver's half of a virtqueue: the used ring's indexes, ids, lengths and flags are
// whatever it likes, at any moment. The driver must take each chain at most once, never one that is not out, never more
// bytes than it gave room for; and after one lie it must take nothing any more.

import fc from "fast-check"
import { NOTHING_USED, USED_BROKEN } from "../../../shared-protocol/src/ring/driver-ring.js"
import { u16, u32 } from "../../shared-protocol/support/arbitraries.js"
import { DEVICE_BUFFERS, DRIVER_BUFFERS, PLACE, RingPair } from "../../shared-protocol/support/ring-pair.js"
import { ClassCounts, type ClassPatterns } from "../classes.js"
import { commandsOf, type FuzzTarget } from "../target.js"

const SIZE = 8
/** Descriptors per chain: one to read, one to write. */
const PER_CHAIN = 2
const ROOM = 16

const REASONS: ClassPatterns = {
  "used.idx that jumps": /^used\.idx is ahead/,
  "a used id outside the queue": /is outside queue size/,
  "a used id that is no head, or came twice": /is not the head/,
  "a used length past the buffer": /exceeds its/,
  "a used id out of order": /is not among those next in order/,
}
const classes = new ClassCounts(Object.keys(REASONS))

type Step =
  | { readonly kind: "offer"; readonly chains: number }
  | { readonly kind: "complete"; readonly length: number }
  | { readonly kind: "lie"; readonly offset: number; readonly value: number }
  | { readonly kind: "element"; readonly slot: number; readonly id: number; readonly length: number }
  | { readonly kind: "index"; readonly value: number; readonly isAhead: boolean }
  | { readonly kind: "skip" }
  | { readonly kind: "take" }

interface Model {
  /** Heads that the device holds. */
  readonly out: Set<number>
  isBroken: boolean
}

class RingStep implements fc.Command<Model, RingPair> {
  readonly step: Step

  constructor(step: Step) {
    this.step = step
  }

  check(): boolean {
    return true
  }

  run(model: Model, pair: RingPair): void {
    const { step } = this
    if (step.kind === "offer") offer(model, pair, step.chains)
    else if (step.kind === "complete") complete(pair, step.length)
    else if (step.kind === "lie") pair.driverSees[PLACE.used + (step.offset % (6 + 8 * SIZE))] = step.value
    else if (step.kind === "skip") skip(model, pair)
    else if (step.kind === "element") {
      const at = PLACE.used + 4 + 8 * (step.slot % SIZE)
      new DataView(pair.driverSees.buffer).setUint32(at, step.id, true)
      new DataView(pair.driverSees.buffer).setUint32(at + 4, step.length, true)
    } else if (step.kind === "index") {
      const view = new DataView(pair.driverSees.buffer)
      const now = view.getUint16(PLACE.used + 2, true)
      view.setUint16(PLACE.used + 2, step.isAhead ? now + (step.value % 4) : step.value, true)
    }
    takeAll(model, pair)
  }

  toString(): string {
    return JSON.stringify(this.step)
  }
}

function offer(model: Model, pair: RingPair, chains: number): void {
  for (let at = 0; at < chains; at++) {
    const head = [0, 2, 4, 6].find((free) => !model.out.has(free))
    if (head === undefined) break
    const writable = pair.describe(
      [head, head + 1],
      [
        { offset: DRIVER_BUFFERS + ROOM * head, length: 8, isWritable: false },
        { offset: DEVICE_BUFFERS + ROOM * head, length: ROOM, isWritable: true },
      ],
    )
    pair.driver.offer(head, writable)
    model.out.add(head)
  }
  pair.driver.publish()
  pair.toDevice()
}

/** Gives the second of the chains back that are out, as if there were no order. */
function skip(model: Model, pair: RingPair): void {
  const [, second] = model.out
  if (second === undefined) return
  const view = new DataView(pair.driverSees.buffer)
  const now = view.getUint16(PLACE.used + 2, true)
  view.setUint32(PLACE.used + 4 + 8 * (now % SIZE), second, true)
  view.setUint32(PLACE.used + 8 + 8 * (now % SIZE), 0, true)
  view.setUint16(PLACE.used + 2, now + 1, true)
}

/** What an honest device does. */
function complete(pair: RingPair, length: number): void {
  for (let head = pair.device.pop(); head >= 0; head = pair.device.pop())
    pair.device.push(head, length % (ROOM + 1))
  pair.device.publish()
  pair.toDriver()
}

function takeAll(model: Model, pair: RingPair): void {
  for (let taken = 0; ; taken++) {
    if (taken > SIZE) throw new Error("it takes more chains than there are")
    const head = pair.driver.take()
    if (model.isBroken && head !== USED_BROKEN) throw new Error("a broken queue is in use again")
    if (head === USED_BROKEN) {
      if (model.isBroken) return
      model.isBroken = true
      classes.noteReason(pair.driver.brokenReason, REASONS)
      if (pair.driver.brokenReason === "") throw new Error("it is broken without a reason")
      return
    }
    if (head === NOTHING_USED) return
    if (!model.out.delete(head)) throw new Error(`chain ${head} came back, and was not out`)
    if (pair.driver.usedLength > ROOM) throw new Error(`${pair.driver.usedLength} bytes in a room of ${ROOM}`)
  }
}

const steps: fc.Arbitrary<RingStep>[] = [
  fc.record({ kind: fc.constant("offer" as const), chains: fc.integer({ min: 1, max: SIZE / PER_CHAIN }) }),
  fc.record({ kind: fc.constant("complete" as const), length: fc.nat(ROOM) }),
  fc.record({ kind: fc.constant("lie" as const), offset: fc.nat(6 + 8 * SIZE), value: fc.nat(255) }),
  fc.record({
    kind: fc.constant("element" as const),
    slot: fc.nat(SIZE),
    id: fc.oneof(fc.nat(SIZE), u32),
    length: fc.oneof(fc.nat(ROOM + 2), u32),
  }),
  fc.record({ kind: fc.constant("index" as const), value: u16, isAhead: fc.boolean() }),
  fc.record({ kind: fc.constant("skip" as const) }),
  fc.record({ kind: fc.constant("take" as const) }),
].map((arbitrary) => (arbitrary as fc.Arbitrary<Step>).map((step) => new RingStep(step)))

export interface RingCase {
  readonly hasInOrder: boolean
  readonly hasEventIdx: boolean
  readonly commands: Iterable<RingStep>
}

export const usedRing: FuzzTarget<RingCase> = {
  name: "used-ring",
  classes,
  about: "a device that lies in its used ring to the driver's half of a virtqueue",
  cases: fc.record({
    hasInOrder: fc.boolean(),
    hasEventIdx: fc.boolean(),
    commands: fc.commands(steps, { maxCommands: 14, size: "max" }) as fc.Arbitrary<Iterable<RingStep>>,
  }),
  run({ hasInOrder, hasEventIdx, commands }) {
    fc.modelRun(() => {
      const pair = new RingPair(SIZE, { hasInOrder, hasEventIdx })
      return { model: { out: new Set<number>(), isBroken: false }, real: pair }
    }, commands)
  },
  save: ({ commands, ...rest }) => ({ ...rest, steps: commandsOf(commands).map(({ step }) => step) }),
  load: (saved) => {
    const { steps: kept, ...rest } = saved as Omit<RingCase, "commands"> & { steps: Step[] }
    return { ...rest, commands: kept.map((step) => new RingStep(step)) }
  },
}
