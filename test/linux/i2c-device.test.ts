// The virtio-i2c device that a guest sees: what it forwards, what it refuses, how requests fail together, and
// that every one of them is completed, whatever the other side does (virtio 1.4 5.16).

import { describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import type { I2cOutcome, I2cRequest } from "../../host/src/driver/i2c-adapter.js"
import { VirtioI2cDevice } from "../../host/src/node/vhost-user/i2c-device.js"
import { GivenChains } from "./given-chains.js"

const FAIL_NEXT = 1
const READ = 2
const CHIP = 0x48

interface Submission {
  readonly requests: readonly I2cRequest[]
  readonly answers: { resolve(outcome: I2cOutcome): void; reject(error: Error): void }[]
}

interface Given {
  /** The raw address field; the chip's when absent. */
  readonly address?: number
  readonly flags?: number
  readonly write?: readonly number[]
  /** Device-writable bytes, the status included; 1 when absent. */
  readonly room?: number
  /** The device-readable part, when it is no header and bytes. */
  readonly readable?: readonly number[]
}

function setUp() {
  const submissions: Submission[] = []
  const clock = new VirtualClock()
  const device = new VirtioI2cDevice(
    {
      submit(requests) {
        const submission: Submission = { requests, answers: [] }
        submissions.push(submission)
        return requests.map(
          () => new Promise<I2cOutcome>((resolve, reject) => submission.answers.push({ resolve, reject })),
        )
      },
    },
    { clock },
  )
  const chains = new GivenChains()
  const { completions } = chains
  const chain = ({ address = CHIP << 1, flags = 0, write = [], room = 1, readable }: Given) =>
    chains.make(readable ?? [address & 0xff, address >> 8, 0, 0, flags, 0, 0, 0, ...write], room)
  /** Makes requests available in one kick. */
  const kick = (...given: Given[]) => device.handle(0, given.map(chain))
  const forwarded = () => submissions.map(({ requests }) => requests)
  const answer = async (submission: number, ...outcomes: (I2cOutcome | undefined)[]) => {
    outcomes.forEach((outcome, at) => {
      if (outcome) submissions[submission]?.answers[at]?.resolve(outcome)
    })
    await clock.advance(0)
  }
  return { device, clock, submissions, completions, kick, forwarded, answer }
}

/** What was written to each request, in the requests' order. */
const inOrder = (completions: readonly { request: number; data: readonly number[] }[]) =>
  completions.toSorted((one, other) => one.request - other.request).map(({ data }) => data)

const OK: I2cOutcome = { ok: true }
const NACK: I2cOutcome = { ok: false }

describe("a request", () => {
  it("to write, to read, or without bytes is forwarded as it is, all of a kick together", async () => {
    const { kick, forwarded, answer, completions } = setUp()
    kick({ write: [1, 2] }, { flags: READ, room: 4 }, {}, { flags: READ })
    expect(forwarded()).toEqual([
      [
        { address: CHIP, write: Uint8Array.of(1, 2), failNext: false },
        { address: CHIP, readLength: 3, failNext: false },
        { address: CHIP, failNext: false },
        { address: CHIP, failNext: false },
      ],
    ])
    await answer(0, OK, { ok: true, data: Uint8Array.of(7, 8, 9) }, NACK, OK)
    expect(completions).toEqual([
      { request: 0, data: [0], at: 0 },
      { request: 1, data: [7, 8, 9, 0], at: 0 },
      { request: 2, data: [1], at: 0 },
      { request: 3, data: [0], at: 0 },
    ])
  })

  it("that fails writes nothing but its status, behind the room for data", async () => {
    const { kick, answer, completions } = setUp()
    kick({ flags: READ, room: 33 })
    await answer(0, NACK)
    expect(completions).toEqual([{ request: 0, data: [1], at: 32 }])
  })

  it("fails when the answer has not as many bytes as it wants", async () => {
    const { kick, answer, completions } = setUp()
    kick({ flags: READ, room: 3 }, { flags: READ, room: 3 })
    await answer(0, { ok: true, data: Uint8Array.of(1) }, { ok: true })
    expect(inOrder(completions)).toEqual([[1], [1]])
  })

  const malformed: Record<string, Given> = {
    "with a 10-bit address": { address: 0xf0 | (0x2a << 8) },
    "with the 10-bit pattern alone": { address: 0xf6 },
    "with an odd address field": { address: 0x91 },
    "with more than 7 bits": { address: 0x190 },
    "without all of its header": { readable: [0x90, 0, 0, 0, 0, 0, 0] },
    "without a header": { readable: [] },
    "that reads and has bytes to write": { flags: READ, write: [1], room: 2 },
    "that writes and has room to read": { write: [1], room: 2 },
    "that reads more than Linux can ask for": { flags: READ, room: 0x1_0001 },
    "that writes more than Linux can ask for": { write: new Array(0x1_0000).fill(0) },
    "without bytes or M_RD, but with room": { room: 2 },
  }
  for (const [what, given] of Object.entries(malformed))
    it(`${what} is not forwarded, and fails`, () => {
      const { kick, forwarded, completions, device } = setUp()
      kick(given)
      expect(forwarded()).toEqual([])
      expect(completions).toEqual([{ request: 0, data: [1], at: (given.room ?? 1) - 1 }])
      expect(device.malformedCount).toBe(1)
    })

  it("without a place for its status is completed with nothing", () => {
    const { kick, completions } = setUp()
    kick({ room: 0 })
    expect(completions).toEqual([{ request: 0, data: [], at: 0 }])
  })
})

describe("a group", () => {
  const group: Given[] = [
    { write: [1], flags: FAIL_NEXT },
    { flags: READ | FAIL_NEXT, room: 2 },
    { write: [2] },
  ]

  it("is completed from its end on: Linux frees all of a transfer once it sees one that failed", async () => {
    const { kick, answer, completions } = setUp()
    kick(...group, { write: [3] })
    await answer(0, NACK, OK, OK, OK)
    expect(completions.map(({ request }) => request)).toEqual([2, 1, 0, 3])
  })

  it("fails from its first failure on, even if the rest is said to have gone through", async () => {
    const { kick, answer, completions } = setUp()
    kick(...group, { write: [3] })
    await answer(0, OK, NACK, OK, OK)
    expect(inOrder(completions)).toEqual([[0], [1], [1], [0]])
  })

  it("is forwarded up to its first malformed request, and fails from there on", async () => {
    const { kick, forwarded, answer, completions } = setUp()
    kick(
      { write: [1], flags: FAIL_NEXT },
      { address: 0xf0, flags: FAIL_NEXT },
      { write: [2] },
      { write: [3] },
    )
    expect(forwarded()).toEqual([
      [
        { address: CHIP, write: Uint8Array.of(1), failNext: false },
        { address: CHIP, write: Uint8Array.of(3), failNext: false },
      ],
    ])
    await answer(0, OK, OK)
    expect(inOrder(completions)).toEqual([[0], [1], [1], [0]])
  })

  it("that comes in two kicks is forwarded as one", async () => {
    const { kick, forwarded, clock } = setUp()
    kick({ write: [0] }, ...group.slice(0, 2))
    expect(forwarded().map((requests) => requests.length)).toEqual([1])
    await clock.advance(9)
    kick(...group.slice(2))
    expect(forwarded().map((requests) => requests.length)).toEqual([1, 3])
    expect(clock.pendingCount).toBe(2)
  })

  it("that lacks its end is forwarded without it after 10 ms, and the end when that went through", async () => {
    const { kick, forwarded, answer, completions, clock } = setUp()
    kick(...group.slice(0, 2))
    await clock.advance(10)
    expect(forwarded().map((requests) => requests.map(({ failNext }) => failNext))).toEqual([[true, false]])
    kick(...group.slice(2))
    await clock.advance(20)
    expect(forwarded()).toHaveLength(1)
    await answer(0, OK, { ok: true, data: Uint8Array.of(5) })
    expect(forwarded()).toHaveLength(2)
    await answer(1, OK)
    expect(inOrder(completions)).toEqual([[0], [5, 0], [0]])
  })

  it("that lacks its end and fails takes the end with it", async () => {
    const { kick, forwarded, answer, completions, clock } = setUp()
    kick(...group.slice(0, 2))
    await clock.advance(10)
    await answer(0, OK, NACK)
    kick(...group.slice(2), { write: [3] })
    expect(forwarded().map((requests) => requests.length)).toEqual([2, 1])
    await answer(1, OK)
    expect(inOrder(completions)).toEqual([[0], [1], [1], [0]])
  })
})

describe("every request is completed", () => {
  it("in the guest's order, whatever the order of the answers", async () => {
    const { kick, submissions, completions, clock } = setUp()
    kick({ write: [1] }, { address: 0xf0 }, { write: [2] })
    submissions[0]?.answers[1]?.resolve(OK)
    await clock.advance(0)
    expect(completions).toEqual([])
    submissions[0]?.answers[0]?.resolve(OK)
    await clock.advance(0)
    expect(completions.map(({ request }) => request)).toEqual([0, 1, 2])
  })

  it("with an error when the forwarder rejects", async () => {
    const { kick, submissions, completions, clock, device } = setUp()
    kick({ write: [1] }, { write: [2] })
    submissions[0]?.answers[0]?.reject(new Error("gone"))
    submissions[0]?.answers[1]?.resolve(OK)
    await clock.advance(0)
    expect(inOrder(completions)).toEqual([[1], [0]])
    expect(device.lostCount).toBe(1)
    expect(clock.pendingCount).toBe(0)
  })

  it("with an error when the forwarder throws, or forgets one", async () => {
    for (const submit of [
      () => {
        throw new Error("no")
      },
      () => [],
    ]) {
      const clock = new VirtualClock()
      const device = new VirtioI2cDevice({ submit }, { clock })
      const chains = new GivenChains()
      device.handle(0, [chains.make([0x90, 0, 0, 0, 0, 0, 0, 0], 1)])
      await clock.advance(0)
      expect(inOrder(chains.completions)).toEqual([[1]])
    }
  })

  it("with an error after 2 s without an answer; a late answer is nobody's", async () => {
    const { kick, answer, completions, clock, device } = setUp()
    kick({ write: [1] }, { write: [2] })
    await answer(0, undefined, OK)
    await clock.advance(1999)
    expect(completions).toEqual([])
    await clock.advance(1)
    expect(inOrder(completions)).toEqual([[1], [0]])
    await answer(0, OK)
    expect(completions).toHaveLength(2)
    expect(device.lostCount).toBe(1)
    expect(clock.pendingCount).toBe(0)
  })

  it("but not when the guest took its memory back meanwhile", async () => {
    const { kick, answer, completions, clock, device } = setUp()
    kick({ write: [1] }, { write: [2], flags: FAIL_NEXT })
    device.reset()
    await answer(0, OK)
    await clock.advance(5000)
    expect(completions).toEqual([])
    kick({ write: [3] })
    await answer(1, OK)
    expect(completions.map(({ request }) => request)).toEqual([2])
  })
})
