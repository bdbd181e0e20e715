// Many calls at once on one adapter: batched by themselves, in turn, and never more than the queue holds.

import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { PacketChannel } from "../../host/src/bus/packet-channel.js"
import { VirtualClock } from "../../host/src/clock.js"
import type { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { MAX_WAITING_CALLS, WaitingLine } from "../../host/src/driver/waiting-line.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { EVENT_AVAIL, EVENT_USED } from "../../shared-protocol/src/messages/ids.js"
import { MemoryLink } from "../support/memory-link.js"

/** A register read takes two chains of at most four descriptors, of 256. */
const READS_IN_FLIGHT = 32
const RAM = 0x54

let clock: VirtualClock
let channel: PacketChannel
let bus: OpenedBus
let i2c: I2cAdapter
/** EVENT_AVAIL and EVENT_USED messages so far. */
let kicks = 0
let answers = 0

beforeEach(async () => {
  clock = new VirtualClock(1000)
  channel = new PacketChannel(new MemoryLink(clock), { clock })
  bus = new OpenedBus(await clock.run(Bus.open(channel, { clock })))
  i2c = await clock.run(bus.i2c())
  kicks = 0
  answers = 0
  bus.bus.trace.onMessage.on((_, frame) => {
    if (frame[0] === 0 && frame[1] === EVENT_AVAIL) kicks++
    if (frame[0] === 0 && frame[1] === EVENT_USED) answers++
  })
})

afterEach(() => bus.close())

describe("calls made in one turn of the event loop", () => {
  it("are one kick and one EVENT_USED, though their callers know nothing of each other", async () => {
    const callers = Array.from({ length: 20 }, async (_, at) => {
      await Promise.resolve()
      return i2c.readByte(RAM, at % 19)
    })
    await clock.run(Promise.all(callers))
    expect({ kicks, answers }).toEqual({ kicks: 1, answers: 1 })
  })

  it("wait in the host when the queue is full, and go in as few kicks as it takes", async () => {
    const reads = Array.from({ length: 10 * READS_IN_FLIGHT }, (_, at) => i2c.readByte(RAM, at % 19))
    await clock.run(Promise.all(reads))
    expect(kicks).toBe(10)
  })

  it("are not taken further than the queue holds", async () => {
    let running = 0
    let most = 0
    const { mailbox } = channel
    const ring = i2c.device.queues[0]?.ring
    if (!ring) throw new Error("no queue")
    const offer = ring.offer.bind(ring)
    ring.offer = (head, writable) => {
      running++
      most = Math.max(most, running)
      offer(head, writable)
    }
    const take = ring.take.bind(ring)
    ring.take = () => {
      const head = take()
      if (head >= 0) running--
      return head
    }
    await clock.run(Promise.all(Array.from({ length: 500 }, () => i2c.readByte(RAM, 0))))
    expect(running).toBe(0)
    expect(most).toBe(2 * READS_IN_FLIGHT)
    expect(mailbox.hasPending()).toBe(false)
  })
})

describe("very many calls", () => {
  it("cost the same each: taking the next one moves none of those behind it", async () => {
    const count = 80_000
    let moved = 0
    const { prototype } = Array as unknown as { prototype: Record<string, unknown> }
    const movers = ["shift", "splice", "slice"].map((name) => {
      const own = prototype[name] as (...args: unknown[]) => unknown
      prototype[name] = function (this: unknown[], ...args: unknown[]) {
        moved += this.length
        return own.apply(this, args)
      }
      return { name, own }
    })
    const line = new WaitingLine<number>()
    for (let at = 0; at < count; at++) line.push(at)
    let isInOrder = true
    for (let at = 0; at < count; at++) isInOrder &&= line.shift() === at
    for (const { name, own } of movers) prototype[name] = own
    expect([isInOrder, line.length, line.shift()]).toEqual([true, 0, undefined])
    expect(moved).toBeLessThan(3 * count)
  })

  it("are let go as soon as none waits: old garbage costs a program with one call at a time the most", async () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const line = new WaitingLine<object>()
    const gone = Array.from({ length: 10 }, () => {
      line.push({})
      return new WeakRef(line.shift() as object)
    })
    await new Promise(setImmediate) // a WeakRef holds its object until the turn ends in which it was made
    collect()
    expect(gone.filter((call) => call.deref())).toEqual([])
  })

  it("are held up to a bound, beyond which a call is refused, and no other is lost", async () => {
    const probes = (count: number) =>
      i2c.submit(Array.from({ length: count }, () => ({ address: RAM, failNext: false })))
    const held = probes(MAX_WAITING_CALLS)
    expect(() => probes(1)).toThrow(
      expect.objectContaining({
        code: "QUEUE_FULL",
        message: "262144 calls wait for the I2C device; at most 262144 may.",
        hint: "Await some of them before making more.",
      }),
    )
    i2c.close()
    const outcomes = await Promise.allSettled(held)
    expect(outcomes.every(({ status }) => status === "rejected")).toBe(true)
    const reasons = outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason)
    expect(reasons.some(({ code, maybeExecuted }) => code !== "LINK_CLOSED" || maybeExecuted)).toBe(false)
  })
})

describe("callers", () => {
  it("are served in the order of their calls", async () => {
    const order: number[] = []
    const calls = Array.from({ length: 100 }, (_, at) => i2c.readByte(RAM, 0).then(() => order.push(at)))
    await clock.run(Promise.all(calls))
    expect(order).toEqual([...order].sort((a, b) => a - b))
  })

  it("get as many turns as their neighbours, whatever each asks for", async () => {
    const done = { short: 0, long: 0, scan: 0 }
    const endMs = clock.now() + 500
    const repeat = async (name: keyof typeof done, call: () => Promise<unknown>) => {
      while (clock.now() < endMs) {
        await call()
        done[name]++
      }
    }
    await clock.run(
      Promise.all([
        repeat("short", () => i2c.readByte(RAM, 0)),
        repeat("long", () => i2c.readBlock(0x50, 0, 256)),
        repeat("scan", () => Promise.all(Array.from({ length: 112 }, (_, at) => i2c.probe(8 + at)))),
      ]),
    )
    // a turn is a kick: the scan needs two or three of them, the others one
    expect(done.long).toBeGreaterThanOrEqual(done.scan)
    expect(done.short).toBeGreaterThanOrEqual(done.long / 2)
    expect(done.scan).toBeGreaterThanOrEqual(done.short / 4)
  })

  it("of short calls get through while others fill the queue again and again", async () => {
    let isOver = false
    const greedy = Array.from({ length: 200 }, async () => {
      while (!isOver) await i2c.readByte(RAM, 1)
    })
    await clock.advance(100)
    const startMs = clock.now()
    await clock.run(i2c.readByte(RAM, 2))
    const waitedMs = clock.now() - startMs
    isOver = true
    await clock.run(Promise.all(greedy))
    // 200 calls were before it: seven queues full, a round trip each
    expect(waitedMs).toBeLessThanOrEqual(8)
  })
})
