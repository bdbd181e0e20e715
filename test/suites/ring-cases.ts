// What a device's half of a split virtqueue takes of a driver, and what it refuses (virtio 1.4 2.7): one table, for each
// implementation that this package has. A case is a set of descriptors; a rig writes them where its ring looks.

import { expect, it } from "vitest"

/** A buffer, or the table of an indirect descriptor. */
export interface RingCaseDescriptor {
  /** Bytes of a buffer. */
  readonly length?: number
  /** The buffer is the device's to write. On a table: the flag, which means nothing. */
  readonly isWritable?: boolean
  readonly next?: number
  /** The descriptor refers to this table, of which each entry is a descriptor. */
  readonly table?: readonly RingCaseDescriptor[]
  /** Bytes of the table, where they are not those of its entries. */
  readonly tableBytes?: number
}

/** What was popped: how many bytes of each buffer, in order, or that the ring is broken. */
export type RingCaseOutcome =
  | { readonly readable: number; readonly writable: number; readonly head: number }
  | "broken"

export interface RingCase {
  readonly title: string
  /** By their index in the queue's table, whose size is RING_CASE_SIZE; chain 0 is made available. */
  readonly descriptors: Readonly<Record<number, RingCaseDescriptor>>
  readonly expected: "broken" | { readonly readable: number; readonly writable: number }
}

export const RING_CASE_SIZE = 8

const loop = (size: number): Record<number, RingCaseDescriptor> =>
  Object.fromEntries(Array.from({ length: size }, (_, at) => [at, { length: 1, next: (at + 1) % size }]))

const RING_CASES: readonly RingCase[] = [
  {
    title: "one buffer to read and one to write",
    descriptors: { 0: { length: 5, next: 3 }, 3: { length: 7, isWritable: true } },
    expected: { readable: 5, writable: 7 },
  },
  {
    title: "as many descriptors as the queue has",
    descriptors: Object.fromEntries(
      Array.from({ length: RING_CASE_SIZE }, (_, at) => [
        at,
        at + 1 < RING_CASE_SIZE ? { length: 1, next: at + 1 } : { length: 1 },
      ]),
    ),
    expected: { readable: RING_CASE_SIZE, writable: 0 },
  },
  {
    title: "R4: a table of descriptors in place of a chain",
    descriptors: {
      0: {
        table: [
          { length: 5, next: 1 },
          { length: 7, isWritable: true },
        ],
      },
    },
    expected: { readable: 5, writable: 7 },
  },
  {
    title: "R5: WRITE on the descriptor that refers to a table, where it means nothing",
    descriptors: {
      0: {
        table: [
          { length: 5, next: 1 },
          { length: 7, isWritable: true },
        ],
        isWritable: true,
      },
    },
    expected: { readable: 5, writable: 7 },
  },
  {
    title: "R6: normal descriptors followed by one that refers to a table",
    descriptors: {
      0: { length: 8, next: 1 },
      1: {
        table: [
          { length: 5, next: 1 },
          { length: 7, isWritable: true },
        ],
      },
    },
    expected: { readable: 13, writable: 7 },
  },
  {
    title: "R5, R6: a buffer to write followed by a table of such, with WRITE",
    descriptors: {
      0: { length: 2, isWritable: true, next: 5 },
      5: { table: [{ length: 3, isWritable: true }], isWritable: true },
    },
    expected: { readable: 0, writable: 5 },
  },
  {
    title: "a table whose entries are not in their order",
    descriptors: {
      0: {
        table: [
          { length: 5, next: 2 },
          { length: 7, isWritable: true },
          { length: 6, next: 1 },
        ],
      },
    },
    expected: { readable: 11, writable: 7 },
  },
  { title: "a chain that loops", descriptors: loop(RING_CASE_SIZE), expected: "broken" },
  {
    title: "a descriptor that follows itself",
    descriptors: { 0: { length: 1, next: 0 } },
    expected: "broken",
  },
  {
    title: "a next outside the queue's table",
    descriptors: { 0: { length: 1, next: RING_CASE_SIZE } },
    expected: "broken",
  },
  {
    title: "a buffer to read behind one to write",
    descriptors: { 0: { length: 1, isWritable: true, next: 1 }, 1: { length: 1 } },
    expected: "broken",
  },
  {
    title: "a buffer to read in a table behind one to write",
    descriptors: { 0: { length: 1, isWritable: true, next: 1 }, 1: { table: [{ length: 1 }] } },
    expected: "broken",
  },
  {
    title: "R24: a table behind which the chain goes on",
    descriptors: { 0: { table: [{ length: 1 }], next: 1 }, 1: { length: 1 } },
    expected: "broken",
  },
  {
    title: "R24: a table in a table",
    descriptors: { 0: { table: [{ table: [{ length: 1 }] }] } },
    expected: "broken",
  },
  { title: "an empty table", descriptors: { 0: { table: [], tableBytes: 0 } }, expected: "broken" },
  {
    title: "a table of odd length",
    descriptors: { 0: { table: [{ length: 1 }], tableBytes: 17 } },
    expected: "broken",
  },
  {
    title: "a next outside a table",
    descriptors: { 0: { table: [{ length: 1, next: 7 }] } },
    expected: "broken",
  },
  {
    title: "a loop in a table",
    descriptors: {
      0: {
        table: [
          { length: 1, next: 1 },
          { length: 1, next: 0 },
        ],
      },
    },
    expected: "broken",
  },
]

/** Runs the table; `pop` writes the descriptors, makes chain 0 available and says what the ring made of it. */
export function ringCases(pop: (descriptors: RingCase["descriptors"]) => RingCaseOutcome): void {
  for (const { title, descriptors, expected } of RING_CASES)
    it(`${expected === "broken" ? "refuses" : "takes"} ${title}`, () =>
      expect(pop(descriptors)).toEqual(expected === "broken" ? expected : { ...expected, head: 0 }))
}
