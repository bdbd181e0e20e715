// The virtio-i2c device (virtio 1.4 5.16, device id 34) for a guest. It checks the guest's requests and forwards the
// good ones to another bus. It completes every request in bounded time, because Linux waits for ever.
//
//   a request:  header (8 bytes, device-readable), the bytes to write (readable) or room for the bytes to read
//               (writable) unless there are none, and a status (1 byte, writable)
//   header:     addr le16@0 (7-bit address << 1), padding le16@2, flags le32@4 (bit 0 FAIL_NEXT, bit 1 M_RD)

import {
  I2C_FEATURE_ZERO_LENGTH_REQUEST,
  I2C_FLAG_FAIL_NEXT,
  I2C_FLAG_M_RD,
  I2C_HEADER_SIZE,
  I2C_STATUS_ERROR,
  I2C_STATUS_OK,
} from "../../../../shared-protocol/src/device-types/i2c.js"
import { type Clock, systemClock, type Timer } from "../../clock.js"
import type { I2cOutcome, I2cRequest } from "../../driver/i2c-adapter.js"
import type { VirtioMsgError } from "../../errors.js"
import type { GuestChain, VhostUserDevice } from "./device.js"

export interface ForwardedOutcome extends I2cOutcome {
  /** Why the request was refused before it was sent to the board. It is impossible. */
  readonly refused?: VirtioMsgError
}

/** Where requests go. */
export interface I2cForwarder {
  /**
   * Takes requests, in order, and returns a promise for each, in order. A promise also resolves when the chip did not
   * acknowledge. It rejects when nobody knows the outcome.
   */
  submit(requests: readonly I2cRequest[]): Promise<ForwardedOutcome>[]
}

export interface VirtioI2cOptions {
  readonly clock?: Clock
  /** A request that the forwarder has not answered by then fails. 2000 when absent. */
  readonly timeoutMs?: number
}

const DEFAULT_TIMEOUT_MS = 2000
/** How long a group may lack its end. A driver offers whole groups, but not in one step. */
const GROUP_GRACE_MS = 10
/** As much as Linux's struct i2c_msg can say. */
const MAX_LENGTH = 0xffff
const NO_DATA = new Uint8Array(0)
const STATUS_OK = Uint8Array.of(I2C_STATUS_OK)
const STATUS_ERROR = Uint8Array.of(I2C_STATUS_ERROR)
const FAILED: I2cOutcome = { ok: false }

interface Entry {
  readonly chain: GuestChain
  /** Undefined when the chain is no virtio-i2c request that may be forwarded. */
  readonly request: I2cRequest | undefined
  readonly failNext: boolean
}

/** Requests that fail together: all but the last one have FAIL_NEXT. */
interface Group {
  readonly entries: readonly Entry[]
  /** The requests that were forwarded, which are the first ones of the group, and their outcomes. */
  readonly requests: readonly I2cRequest[]
  readonly outcomes: (I2cOutcome | undefined)[]
  /** How many outcomes have not come yet. */
  missing: number
  /** Whether a request has failed. Final once the group is completed. */
  hasFailed: boolean
  isCompleted: boolean
}

export class VirtioI2cDevice implements VhostUserDevice {
  readonly name = "virtio-i2c"
  readonly queueCount = 1
  readonly features = BigInt(I2C_FEATURE_ZERO_LENGTH_REQUEST)
  readonly maxReadableLength = I2C_HEADER_SIZE + MAX_LENGTH

  /** How many requests timed out, or failed in the forwarder. A chip that does not acknowledge is not counted. */
  lostCount = 0
  /** How many were refused without being forwarded. */
  malformedCount = 0

  readonly #forwarder: I2cForwarder
  readonly #clock: Clock
  readonly #timeoutMs: number
  /** Entries not yet forwarded, oldest first. */
  #held: Entry[] = []
  #graceTimer: Timer | undefined
  /** Groups that the forwarder has, oldest first. They are completed in this order, which is the order on the bus. */
  #inFlight: Group[] = []
  /** The group that was forwarded without its end, until the end has come. */
  #open: Group | undefined
  /** Changes at a reset. Outcomes of earlier requests are dropped. */
  #era = 0

  constructor(forwarder: I2cForwarder, options: VirtioI2cOptions = {}) {
    this.#forwarder = forwarder
    this.#clock = options.clock ?? systemClock
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  }

  handle(_queueIndex: number, chains: readonly GuestChain[]): void {
    for (const chain of chains) this.#held.push(parse(chain))
    this.#forwardWhole()
  }

  reset(): void {
    this.#era++
    this.#graceTimer?.cancel()
    this.#graceTimer = undefined
    this.#held = []
    this.#inFlight = []
    this.#open = undefined
  }

  /**
   * Forwards the groups that are complete. A kick may come while a driver is between two chains of a group. Then the
   * rest waits, because as one packet the group is one bus transaction.
   */
  #forwardWhole(): void {
    if (this.#open && !this.#open.isCompleted) return
    const wholeCount = this.#held.findLastIndex((entry) => !entry.failNext) + 1
    if (wholeCount > 0) this.#forward(this.#held.splice(0, wholeCount))
    if (this.#held.length === 0) {
      this.#graceTimer?.cancel()
      this.#graceTimer = undefined
      return
    }
    this.#graceTimer ??= this.#clock.schedule(GROUP_GRACE_MS, () => {
      this.#graceTimer = undefined
      if (this.#held.length > 0 && (!this.#open || this.#open.isCompleted))
        this.#forward(this.#held.splice(0))
    })
  }

  /** Forwards entries. Only the last group may lack its end. */
  #forward(entries: readonly Entry[]): void {
    const groups: Group[] = []
    let start = 0
    entries.forEach((entry, at) => {
      if (entry.failNext && at < entries.length - 1) return
      // the first group may be the rest of one that was forwarded before, and that failed
      const hasFailed = groups.length === 0 && (this.#open?.hasFailed ?? false)
      groups.push(newGroup(entries.slice(start, at + 1), hasFailed))
      start = at + 1
    })
    this.#open = entries.at(-1)?.failNext ? groups.at(-1) : undefined
    this.#inFlight.push(...groups)
    const requests = groups.flatMap((group) => group.requests)
    if (requests.length > 0) this.#submit(groups, requests)
    this.#completeInOrder()
  }

  #submit(groups: readonly Group[], requests: readonly I2cRequest[]): void {
    const era = this.#era
    let missing = requests.length
    const settle = (group: Group, at: number, outcome: I2cOutcome | undefined) => {
      if (era !== this.#era || group.outcomes[at]) return
      if (!outcome) this.lostCount++
      group.outcomes[at] = outcome ?? FAILED
      group.missing--
      if (--missing === 0) timer.cancel()
      if (group.missing === 0) this.#completeInOrder()
    }
    const timer = this.#clock.schedule(this.#timeoutMs, () => {
      for (const group of groups) for (const at of group.requests.keys()) settle(group, at, undefined)
    })
    const promises = this.#trySubmit(requests)
    let next = 0
    for (const group of groups)
      for (const at of group.requests.keys())
        (promises[next++] ?? Promise.reject(new Error("no promise"))).then(
          (outcome) => settle(group, at, outcome),
          () => settle(group, at, undefined),
        )
  }

  #trySubmit(requests: readonly I2cRequest[]): Promise<I2cOutcome>[] {
    try {
      return this.#forwarder.submit(requests)
    } catch {
      return []
    }
  }

  #completeInOrder(): void {
    for (let group = this.#inFlight[0]; group?.missing === 0; group = this.#inFlight[0]) {
      this.#inFlight.shift()
      this.#complete(group)
    }
    if (this.#held.length > 0) this.#forwardWhole()
  }

  /**
   * The last one first. Linux looks at the first one, and at the next one only when that succeeded: it frees all of
   * a transfer as soon as one has failed, though the device may be about to write to those behind it.
   */
  #complete(group: Group): void {
    const outcomes = group.entries.map((entry, at) => {
      if (!entry.request) this.malformedCount++
      const outcome = group.hasFailed ? undefined : group.outcomes[at]
      const isOk = outcome?.ok === true && hasData(outcome, entry.request?.readLength ?? 0)
      group.hasFailed ||= !isOk
      return isOk ? outcome : FAILED
    })
    for (const [at, { chain }] of [...group.entries.entries()].reverse()) {
      const outcome = outcomes[at] ?? FAILED

      if (outcome.ok) succeed(chain, outcome.data)
      else fail(chain)
    }
    group.isCompleted = true
  }
}

function newGroup(entries: readonly Entry[], hasFailed: boolean): Group {
  const requests: I2cRequest[] = []
  for (const { request } of entries) {
    if (!request || hasFailed) break
    requests.push(request)
  }
  // to the forwarder, entries of another submission are not part of the group
  const last = requests.pop()
  if (last) requests.push(last.failNext ? { ...last, failNext: false } : last)
  return { entries, requests, outcomes: [], missing: requests.length, hasFailed, isCompleted: false }
}

/** Reads a request. Descriptors may be cut anywhere: only the lengths of the two parts count (virtio 1.4 2.7.4). */
function parse(chain: GuestChain): Entry {
  const { readable, readableLength, writableLength } = chain
  if (readable.length < I2C_HEADER_SIZE) return { chain, request: undefined, failNext: false }
  const header = new DataView(readable.buffer, readable.byteOffset, I2C_HEADER_SIZE)
  const rawAddress = header.getUint16(0, true)
  const flags = header.getUint32(4, true)
  const failNext = (flags & I2C_FLAG_FAIL_NEXT) !== 0
  const isRead = (flags & I2C_FLAG_M_RD) !== 0
  const writeLength = readableLength - I2C_HEADER_SIZE
  const readLength = writableLength - 1
  const isWellFormed =
    isSevenBit(rawAddress) &&
    writeLength <= MAX_LENGTH &&
    readLength >= 0 &&
    readLength <= MAX_LENGTH &&
    (isRead ? writeLength : readLength) === 0
  if (!isWellFormed) return { chain, request: undefined, failNext }
  const address = rawAddress >> 1
  if (writeLength > 0)
    return { chain, request: { address, write: readable.subarray(I2C_HEADER_SIZE), failNext }, failNext }
  if (readLength > 0) return { chain, request: { address, readLength, failNext }, failNext }
  return { chain, request: { address, failNext }, failNext }
}

/** 10-bit addresses have 11110 in bits 7..3, and the rest in the upper byte. */
function isSevenBit(rawAddress: number): boolean {
  return (rawAddress & 0xff01) === 0 && (rawAddress & 0xf8) !== 0xf0
}

function hasData(outcome: I2cOutcome, readLength: number): boolean {
  return readLength === 0 || outcome.data?.length === readLength
}

function succeed(chain: GuestChain, data: Uint8Array | undefined): void {
  const readLength = chain.writableLength - 1
  if (readLength === 0 || !data) {
    chain.complete(STATUS_OK)
    return
  }
  const answer = new Uint8Array(chain.writableLength)
  answer.set(data)
  answer[readLength] = I2C_STATUS_OK
  chain.complete(answer)
}

/** The status is the last byte. What the room for data then has is undefined. */
function fail(chain: GuestChain): void {
  if (chain.writableLength === 0) chain.complete(NO_DATA)
  else chain.complete(STATUS_ERROR, chain.writableLength - 1)
}
