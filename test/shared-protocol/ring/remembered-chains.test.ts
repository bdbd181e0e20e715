// Chains that the device's half has walked before: remembered as long as nobody wrote over their descriptors.

import { beforeEach, describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import {
  Mailbox,
  NOTE_BLOCK_SIZE,
  RECEIVED_DATA,
  RECEIVED_MALFORMED,
} from "../../../shared-protocol/src/mailbox/mailbox.js"
import type { ChainMemory } from "../../../shared-protocol/src/ring/chain-memory.js"
import { RING_BROKEN } from "../../../shared-protocol/src/ring/device-ring.js"
import { DESCRIPTOR_SIZE } from "../../../shared-protocol/src/ring/layout.js"
import { type Buffer, DEVICE_BUFFERS, DRIVER_BUFFERS, PLACE, RingPair } from "../support/ring-pair.js"

const SIZE = 16
const header: Buffer = { offset: DRIVER_BUFFERS, length: 8, isWritable: false }
const status: Buffer = { offset: DEVICE_BUFFERS, length: 1, isWritable: true }
const data = (length: number): Buffer => ({ offset: DEVICE_BUFFERS + 16, length, isWritable: true })

let pair: RingPair
beforeEach(() => {
  pair = new RingPair(SIZE)
})

const memory = () => pair.device.memory as ChainMemory

/** What the device notes of every chain that it walks. */
const KNOWN = 3
const MORE = -7

/**
 * Has the chain at `head` made available, popped, used and taken back; what the device walked, or what it had noted
 * of the chain.
 */
function exchange(head: number, writable: number): Buffer[] | [known: number, more: number] {
  pair.driver.offer(head, writable)
  pair.driver.publish()
  pair.toDevice()
  expect(pair.device.pop()).toBe(head)
  const { noted, notedMore } = memory()
  const seen: Buffer[] | [number, number] = noted === 0 ? pair.popped() : [noted, notedMore]
  if (noted === 0) memory().note(KNOWN, MORE)
  pair.device.push(head, 1)
  pair.device.publish()
  pair.toDriver()
  pair.takeAll()
  return seen
}

/** Spoils a descriptor in the device's mirror behind the mailbox's back: only who walks the chain notices. */
function spoil(index: number): void {
  pair.deviceSees[PLACE.desc + DESCRIPTOR_SIZE * index + 2] = 0xff
}

describe("a chain within four descriptors", () => {
  it("is not walked again while it stays as it is: what was noted of it is told instead", () => {
    const buffers = [header, data(2), status]
    const writable = pair.describe([4, 5, 7], buffers)
    expect(exchange(4, writable)).toEqual(buffers)
    spoil(4)
    expect(exchange(4, writable)).toEqual([KNOWN, MORE])
    expect(exchange(4, writable)).toEqual([KNOWN, MORE])
    expect(pair.device.brokenReason).toBe("")
  })

  it("is walked again when nothing was noted of it", () => {
    const writable = pair.describe([4, 5, 7], [header, data(2), status])
    for (let time = 0; time < 2; time++) {
      pair.driver.offer(4, writable)
      pair.driver.publish()
      pair.toDevice()
      expect(pair.device.pop()).toBe(4)
      expect([memory().noted, pair.device.count]).toEqual([0, 3])
      pair.device.push(4, 1)
      pair.device.publish()
      pair.toDriver()
      pair.takeAll()
    }
  })

  it("is remembered beside others, each with its own", () => {
    const first = pair.describe([4, 5, 7], [header, data(2), status])
    const second = pair.describe([12, 13], [header, status])
    exchange(12, second)
    expect(exchange(4, first)).toHaveLength(3)
    expect(exchange(12, second)).toEqual([KNOWN, MORE])
    expect(exchange(4, first)).toEqual([KNOWN, MORE])
  })

  it("is walked again when one of its descriptors was written to", () => {
    exchange(4, pair.describe([4, 5, 7], [header, data(2), status]))
    const changed = [header, data(9), status]
    expect(exchange(4, pair.describe([4, 5, 7], changed))).toEqual(changed)
    const shorter = [header, status]
    expect(exchange(4, pair.describe([4, 7], shorter))).toEqual(shorter)
  })

  it("is walked again, and refused, when what was written breaks the rules", () => {
    exchange(4, pair.describe([4, 5, 7], [header, data(2), status]))
    pair.driver.describe(5, 0x7fff, 200, true, 7)
    pair.driver.offer(4, 3)
    pair.driver.publish()
    pair.toDevice()
    expect(pair.device.pop()).toBe(RING_BROKEN)
  })

  it("is forgotten by a reset", () => {
    const writable = pair.describe([4, 5, 7], [header, data(2), status])
    exchange(4, writable)
    const { size, desc, avail, used, features } = pair.device
    pair.device.reset()
    Object.assign(pair.device, { size, desc, avail, used })
    pair.device.enable(features)
    spoil(4)
    expect(pair.device.pop()).toBe(RING_BROKEN)
  })
})

describe("a chain that is not remembered", () => {
  it("leaves its four descriptors", () => {
    const writable = pair.describe([4, 9, 7], [header, data(2), status])
    exchange(4, writable)
    spoil(9)
    pair.driver.offer(4, writable)
    pair.driver.publish()
    pair.toDevice()
    expect(pair.device.pop()).toBe(RING_BROKEN)
  })

  it("does not begin at the first of four", () => {
    const writable = pair.describe([5, 6], [header, status])
    exchange(5, writable)
    spoil(5)
    pair.driver.offer(5, writable)
    pair.driver.publish()
    pair.toDevice()
    expect(pair.device.pop()).toBe(RING_BROKEN)
  })

  it("has an indirect table", () => {
    pair = new RingPair(SIZE, { hasIndirect: true })
    const table = DRIVER_BUFFERS + 0x100
    pair.driver.describeIndirect(table, 0, header.offset, 8, false, 1)
    pair.driver.describeIndirect(table, 1, status.offset, 1, true, -1)
    pair.driver.describeTable(4, table, 2)
    expect(exchange(4, 1)).toEqual([header, status])
    pair.driver.describeIndirect(table, 0, header.offset + 8, 8, false, 1)
    expect(exchange(4, 1)).toEqual([{ ...header, offset: header.offset + 8 }, status])
  })
})

describe("a head outside the table", () => {
  it("is refused, although another queue's chain is known there", () => {
    pair.notes[PLACE.desc / NOTE_BLOCK_SIZE + SIZE / 4] = KNOWN
    pair.driver.offer(SIZE, 1)
    pair.driver.publish()
    pair.toDevice()
    expect(pair.device.pop()).toBe(RING_BROKEN)
  })
})

describe("the mailbox's notes", () => {
  const AREA = 4 * NOTE_BLOCK_SIZE
  let mailbox: Mailbox
  let sequence = 0
  beforeEach(() => {
    mailbox = new Mailbox({
      alloc: allocateBytes,
      outgoingSize: AREA,
      incomingSize: AREA,
      credit: 6,
      hasNotes: true,
    })
    mailbox.begin(7)
    sequence = 0
  })

  /** Which blocks' notes are gone after a span of `length` bytes at `offset`. */
  function changedBy(offset: number, length: number, expected: number): number[] {
    const notes = mailbox.incomingNotes ?? []
    notes.fill(KNOWN)
    const span = [0x80 | (offset >> 8), offset & 0xff, length, ...new Array(length).fill(1)]
    expect(mailbox.receive(Uint8Array.of(1, 7, 0, sequence++, 0, ...span))).toBe(expected)
    return notes.flatMap((note, block) => (note === KNOWN ? [] : [block]))
  }

  it("are gone for every block that a span touches, each time", () => {
    expect(changedBy(0, 1, RECEIVED_DATA)).toEqual([0])
    expect(changedBy(0, 1, RECEIVED_DATA)).toEqual([0])
    expect(changedBy(NOTE_BLOCK_SIZE - 1, 1, RECEIVED_DATA)).toEqual([0])
    expect(changedBy(NOTE_BLOCK_SIZE - 1, 2, RECEIVED_DATA)).toEqual([0, 1])
    expect(changedBy(1, 3 * NOTE_BLOCK_SIZE, RECEIVED_DATA)).toEqual([0, 1, 2, 3])
  })

  it("stay when a span was refused", () => {
    expect(changedBy(AREA - 1, 2, RECEIVED_MALFORMED)).toEqual([])
  })
})
