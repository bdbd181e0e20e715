// The soak: very many calls over a link that fails by script, each checked. What it looks for: wrong data, a request
// that ran twice, a completion that never came, a call that failed.

import type { PacketChannel } from "../../host/src/bus/packet-channel.js"
import type { VirtualClock } from "../../host/src/clock.js"
import type { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { VirtioMsgError } from "../../host/src/errors.js"
import type { OpenedBus } from "../../host/src/open-bus.js"
import { PACKET_DATA } from "../../shared-protocol/src/mailbox/packet.js"
import type { Faults } from "../faults/faults.js"
import { NO_FAULTS } from "../faults/faults.js"
import type { FaultyStream } from "../faults/faulty-stream.js"
import {
  LEDGER_ADDRESS,
  type Ledger,
  LOOKUP_ADDRESS,
  ledgerByte,
  SUMS_ADDRESS,
  SUMS_SIZE,
} from "../faults/ledger.js"
import { seededRandom, wholeNumber } from "../faults/seeded-random.js"

export interface SoakOptions {
  readonly seed: number
  readonly requests: number
  readonly faults: Faults
  /** Calls that are made at once, at the most; 24 when absent. Fewer make more packets of as many calls. */
  readonly mostAtOnce?: number
  /** Called now and then with how many requests are done. */
  readonly onProgress?: (done: number) => void
}

/** What a soak runs on. */
export interface SoakRig {
  readonly clock: VirtualClock
  readonly stream: FaultyStream
  readonly channel: PacketChannel
  readonly bus: OpenedBus
  /** The book at the other end, where it can be reached directly. */
  readonly ledger: Ledger | undefined
  readonly panics: readonly number[]
  stop(): Promise<void>
}

export interface SoakResult {
  readonly seed: number
  readonly requests: number
  /** Calls that came back with other bytes, and entries that arrived with others. */
  readonly wrongData: number
  /** Requests that ran twice, in spite of one call. */
  readonly doubledExecutions: number
  /** Calls that said "done" without an entry, and calls that never ended. */
  readonly lostCompletions: number
  /** Calls that said "certainly not carried out" and were. */
  readonly falseDenials: number
  /** Calls that failed, by their code. */
  readonly failures: Record<string, number>
  readonly failedCalls: number
  readonly panics: number
  /** Bytes of heap at the end less those after the first tenth, both after a collection; 0 without --expose-gc. */
  readonly heapGrowth: number
  readonly virtualMs: number
  readonly packetsResent: number
  readonly framesLost: number
  readonly bitsFlipped: number
  /** How often sequence numbers came round from 255 to 0 in one epoch, towards the device and back. */
  readonly wraps: { readonly out: number; readonly in: number }
}

/** A call that takes longer is lost: every call must end within 3 s, and a batch waits for at most a few. */
const BATCH_LIMIT_MS = 60_000
const MAX_BATCH = 24
const MAX_PAYLOAD = 24
const PING_SHARE = 0.02
const LONG_SHARE = 0.02
const LONG_BYTES = 200

type Outcome = "right" | "wrong" | VirtioMsgError

export async function soak(rig: SoakRig, options: SoakOptions): Promise<SoakResult> {
  const { clock, bus } = rig
  const random = seededRandom(options.seed)
  const i2c = await clock.run(bus.i2c(), BATCH_LIMIT_MS)
  const failures: Record<string, number> = {}
  const denied: number[] = []
  const unsure = new Set<number>()
  let [done, wrong, lost, failed] = [0, 0, 0, 0]
  const startMs = clock.now()
  let heapAtStart = 0
  rig.stream.setFaults(options.faults)
  const wraps = countWraps(bus)

  while (done < options.requests) {
    const size = Math.min(wholeNumber(random, 1, options.mostAtOnce ?? MAX_BATCH), options.requests - done)
    const calls = Array.from({ length: size }, (_, at) => call(i2c, bus, done + at, random))
    const outcomes = await endOf(clock, calls)
    if (!outcomes) lost += size
    for (const [at, outcome] of (outcomes ?? []).entries()) {
      if (outcome === "wrong") wrong++
      if (!(outcome instanceof VirtioMsgError)) continue
      failed++
      failures[outcome.code] = (failures[outcome.code] ?? 0) + 1
      if (outcome.maybeExecuted) unsure.add(done + at)
      else denied.push(done + at)
    }
    const before = done
    done += size
    if (heapAtStart === 0 && done >= options.requests / 10) heapAtStart = heapBytes()
    if (options.onProgress && Math.floor(done / 10_000) > Math.floor(before / 10_000))
      options.onProgress(done)
  }

  rig.stream.setFaults(NO_FAULTS)
  const book = await readBook(rig, i2c, options.requests, denied, unsure)
  const heapGrowth = heapAtStart === 0 ? 0 : heapBytes() - heapAtStart
  const { mailbox } = rig.channel
  const { lost: framesLost, flippedBits: bitsFlipped } = rig.stream.wire.counts
  return {
    seed: options.seed,
    requests: done,
    wrongData: wrong + book.wrong,
    doubledExecutions: book.doubled,
    lostCompletions: lost + book.missing,
    falseDenials: book.falseDenials,
    failures,
    failedCalls: failed,
    panics: rig.panics.length,
    heapGrowth,
    virtualMs: clock.now() - startMs,
    packetsResent: mailbox.resentCount,
    framesLost,
    bitsFlipped,
    wraps,
  }
}

/** Counts from now on. */
function countWraps(bus: OpenedBus): { out: number; in: number } {
  const wraps = { out: 0, in: 0 }
  const last = { out: 0, in: 0 }
  bus.bus.trace.onPacket.on((direction, packet) => {
    const [flags = 0, , , sequence = 0] = packet
    // what is sent again, or comes late, is behind
    if ((flags & PACKET_DATA) === 0 || ((sequence - last[direction]) & 0xff) >= 0x80) return
    if (sequence < last[direction]) wraps[direction]++
    last[direction] = sequence
  })
  return wraps
}

/** A call with number `id`: a ping now and then, else a transfer that the ledger enters. */
async function call(i2c: I2cAdapter, bus: OpenedBus, id: number, random: () => number): Promise<Outcome> {
  const kind = random()
  const isLong = random() < LONG_SHARE
  const payload = isLong ? LONG_BYTES : Math.floor(random() ** 3 * MAX_PAYLOAD)
  const readLength = random() < 0.3 ? 0 : isLong ? LONG_BYTES : wholeNumber(random, 1, MAX_PAYLOAD)
  const write = Array.from({ length: 4 + payload }, (_, at) =>
    at < 4 ? (id >> (8 * at)) & 0xff : ledgerByte(id, at),
  )
  try {
    if (kind < PING_SHARE) await bus.ping()
    const messages = readLength > 0 ? [{ write }, { read: readLength }] : [{ write }]
    const [data] = await i2c.transfer(LEDGER_ADDRESS, messages)
    const isRight = (data ?? new Uint8Array(0)).every((byte, at) => byte === ledgerByte(id, 100 + at))
    return isRight && (data?.length ?? 0) === readLength ? "right" : "wrong"
  } catch (error) {
    if (error instanceof VirtioMsgError) return error
    throw error
  }
}

/** What all calls came to; undefined when one does not end. */
async function endOf(clock: VirtualClock, calls: Promise<Outcome>[]): Promise<Outcome[] | undefined> {
  try {
    return await clock.run(Promise.all(calls), BATCH_LIMIT_MS)
  } catch (error) {
    if (error instanceof Error && /has not settled/.test(error.message)) return undefined
    throw error
  }
}

/** Compares the book with what the calls said. */
async function readBook(
  rig: SoakRig,
  i2c: I2cAdapter,
  requests: number,
  denied: readonly number[],
  unsure: ReadonlySet<number>,
) {
  const { clock, ledger } = rig
  const sums = (await clock.run(i2c.transfer(SUMS_ADDRESS, [{ read: SUMS_SIZE }])))[0] as Uint8Array
  const [entries = 0, doubled = 0, wrong = 0] = new Uint32Array(sums.slice().buffer)
  const hasEntry = async (id: number) => {
    if (ledger) return ledger.hasEntry(id)
    const write = [id & 0xff, (id >> 8) & 0xff, (id >> 16) & 0xff, (id >> 24) & 0xff]
    const found = await clock.run(i2c.transfer(LOOKUP_ADDRESS, [{ write }, { read: 1 }]))
    return found[0]?.[0] === 1
  }
  let falseDenials = 0
  for (const id of denied) if (await hasEntry(id)) falseDenials++
  let unsureEntries = 0
  for (const id of unsure) if (await hasEntry(id)) unsureEntries++
  // each call that was neither denied nor unsure said "done": each of them must be in the book
  const promised = requests - denied.length - unsure.size
  const missing = Math.max(0, promised - (entries - doubled - falseDenials - unsureEntries))
  return { wrong, doubled, missing, falseDenials }
}

function heapBytes(): number {
  const collect = (globalThis as { gc?: () => void }).gc
  if (!collect) return 0
  collect()
  return process.memoryUsage().heapUsed
}
