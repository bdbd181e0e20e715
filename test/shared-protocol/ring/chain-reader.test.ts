// The reader of descriptor chains that observers and the devices of guests share: what it visits, and that it ends.

import { describe, expect, it } from "vitest"
import { putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import { readChain } from "../../../shared-protocol/src/ring/chain-reader.js"
import {
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_WRITE,
} from "../../../shared-protocol/src/ring/layout.js"

/** Buffers of a chain. */
const MOST = 3

interface Entry {
  readonly low?: number
  readonly lengthBytes?: number
  readonly flags?: number
  readonly next?: number
}

function tableOf(entries: readonly Entry[]): Uint8Array {
  const table = new Uint8Array(DESCRIPTOR_SIZE * entries.length)
  for (const [index, { low = 0, lengthBytes = 1, flags = 0, next = 0 }] of entries.entries()) {
    const at = DESCRIPTOR_SIZE * index
    putU32(table, at, low)
    putU32(table, at + 8, lengthBytes)
    putU16(table, at + 12, flags)
    putU16(table, at + 14, next)
  }
  return table
}

/** The addresses of the buffers that are visited, and the fault. Indirect tables are found by their address. */
function visit(entries: readonly Entry[], head: number, tables: Record<number, readonly Entry[]> = {}) {
  const buffers: number[] = []
  const fault = readChain(tableOf(entries), head, MOST, {
    table: ({ low }) => {
      const found = tables[low]
      return found ? tableOf(found) : "no such table"
    },
    buffer: ({ low, isWritable }) => {
      buffers.push(isWritable ? -low : low)
      return low === 13 ? "a buffer that is refused" : ""
    },
  })
  return { buffers, fault }
}

describe("a chain of descriptors", () => {
  it("is visited from its head to the descriptor without a next, wherever that one lies", () => {
    const entries = [
      { low: 3, flags: DESCRIPTOR_WRITE },
      {},
      { low: 1, flags: DESCRIPTOR_NEXT, next: 3 },
      { low: 2, flags: DESCRIPTOR_NEXT },
    ]
    expect(visit(entries, 2)).toEqual({ buffers: [1, 2, -3], fault: "" })
  })

  it("goes on in an indirect table, from its first entry", () => {
    const entries = [
      { low: 1, flags: DESCRIPTOR_NEXT, next: 1 },
      { low: 100, flags: DESCRIPTOR_INDIRECT },
    ]
    const inner = [
      { low: 2, flags: DESCRIPTOR_NEXT, next: 1 },
      { low: 3, flags: DESCRIPTOR_WRITE },
    ]
    expect(visit(entries, 0, { 100: inner })).toEqual({ buffers: [1, 2, -3], fault: "" })
  })

  it("ends with a reason: outside the table, a loop, a table in a table, what the visitor refuses", () => {
    const loop = [
      { flags: DESCRIPTOR_NEXT, next: 1 },
      { flags: DESCRIPTOR_NEXT, next: 0 },
    ]
    const indirect = [{ low: 100, flags: DESCRIPTOR_INDIRECT }]
    expect(visit([{ flags: DESCRIPTOR_NEXT, next: 9 }], 0).fault).toBe("descriptor 9 is outside a table of 1")
    expect(visit(loop, 0)).toEqual({
      buffers: [0, 0, 0],
      fault: "a chain that is longer than 3, or a loop",
    })
    expect(visit(indirect, 0, { 100: indirect }).fault).toBe("an indirect table inside an indirect table")
    expect(visit(indirect, 0).fault).toBe("no such table")
    expect(visit(indirect, 0, { 100: [] }).fault).toBe("descriptor 0 is outside a table of 0")
    expect(visit([{ low: 13, flags: DESCRIPTOR_NEXT }], 0).fault).toBe("a buffer that is refused")
  })
})
