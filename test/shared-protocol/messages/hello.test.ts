// HELLO: the board's name, and the number that tells builds apart.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import {
  decodeHelloResponse,
  encodeHelloResponse,
  type HelloResponse,
  protocolHash,
} from "../../../shared-protocol/src/messages/hello.js"
import { fc } from "../../support/seeded-fast-check.js"

const HELLO: HelloResponse = {
  protocolHash: 1,
  busVersion: 1,
  maxMessageSize: 228,
  revision: 1,
  transportFeatures: 0,
  driverAreaSize: 8192,
  deviceAreaSize: 8192,
  epoch: 1,
  receiveCredit: 6,
  hasSimulatedChips: false,
  firmwareVersion: [1, 2, 3, 0],
  board: "",
}

function boardAfterTheWire(board: string): string {
  const frame = allocateBytes(68)
  encodeHelloResponse(frame, { ...HELLO, board })
  const decoded = decodeHelloResponse(frame)
  return decoded.ok ? decoded.value.board : decoded.reason
}

describe("HELLO", () => {
  it("carries board names of up to 32 characters whole, and cuts longer ones", () => {
    expect(boardAfterTheWire("")).toBe("")
    expect(boardAfterTheWire("x".repeat(32))).toBe("x".repeat(32))
    expect(boardAfterTheWire("x".repeat(40))).toBe("x".repeat(32))
  })

  it("never yields a name with bytes beyond ASCII, whatever came", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (name) => {
        const frame = allocateBytes(68)
        encodeHelloResponse(frame, HELLO)
        frame.set(name, 36)
        const decoded = decodeHelloResponse(frame)
        if (!decoded.ok) throw new Error(decoded.reason)
        for (const character of decoded.value.board) expect(character.charCodeAt(0)).toBeLessThan(128)
      }),
      { numRuns: 50 },
    )
  })

  it("fills missing version numbers with 0", () => {
    const frame = allocateBytes(68)
    encodeHelloResponse(frame, { ...HELLO, firmwareVersion: [4] })
    expect(decodeHelloResponse(frame)).toMatchObject({ value: { firmwareVersion: [4, 0, 0, 0] } })
  })
})

describe("the protocol hash", () => {
  it("is FNV-1a over the numbers, unsigned", () => {
    expect(protocolHash([])).toBe(0x811c9dc5)
    expect(protocolHash([0x61])).toBe(0xe40c292c)
  })

  it("changes with every number and with their order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(65_535), { minLength: 2, maxLength: 12 }), fc.nat(11), (layout, at) => {
        const changed = layout.with(at % layout.length, Number(layout[at % layout.length]) + 1)
        expect(protocolHash(changed)).not.toBe(protocolHash(layout))
        const [first, second, ...rest] = layout
        if (first !== second)
          expect(protocolHash([Number(second), Number(first), ...rest])).not.toBe(protocolHash(layout))
      }),
      { numRuns: 50 },
    )
  })
})
