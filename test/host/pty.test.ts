// A pseudo-terminal of our own, and a program at its other end that is slow, or absent.

import { closeSync, constants, openSync, readSync } from "node:fs"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openPty, type Pty } from "../../host/src/node/pty.js"
import { UNLESS_LINUX } from "../support/because.js"

/** Several times what the kernel keeps for a reader. */
const MUCH = 200_000

describe.skipIf(UNLESS_LINUX)(`a pseudo-terminal${UNLESS_LINUX}`, () => {
  let pty: Pty
  beforeEach(async () => {
    pty = await openPty()
  })
  afterEach(() => pty.close())

  it("carries every byte to a program that begins to read late, and reads slowly", async () => {
    const sent = Buffer.from(Uint8Array.from({ length: MUCH }, (_, at) => (at * 7) ^ (at >> 8)))
    const end = openSync(pty.path, constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK)
    const written = new Promise<void>((resolve) => pty.stream.write(sent, () => resolve()))
    const chunks: Buffer[] = []
    let length = 0
    while (length < MUCH) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      const chunk = Buffer.alloc(1000)
      try {
        const count = readSync(end, chunk)
        chunks.push(chunk.subarray(0, count))
        length += count
      } catch (error) {
        expect(error).toMatchObject({ code: "EAGAIN" })
      }
    }
    await written
    closeSync(end)
    expect(Buffer.concat(chunks).equals(sent)).toBe(true)
  })

  it("loses what nobody reads, and keeps nothing of it for later", async () => {
    for (let i = 0; i < 3; i++)
      await new Promise<void>((resolve) => pty.stream.write(Buffer.alloc(MUCH), () => resolve()))
    expect(pty.stream.writableLength).toBe(0)
  })
})
