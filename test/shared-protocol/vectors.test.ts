// The golden vectors, in Node and as DeviceScript bytecode in the virtual machine.

import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { allVectors } from "../vectors/messages.js"

const VECTORS = allVectors()

describe("a golden vector in Node", () => {
  it.each(VECTORS)("$name", ({ run }) => {
    expect(run(allocateBytes)).toBe("")
  })

  it("has a name of its own", () => {
    expect(new Set(VECTORS.map((vector) => vector.name)).size).toBe(VECTORS.length)
  })
})

describe("the golden vectors in the virtual machine", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "vectors-"))
  const lines: string[] = []
  const panics: number[] = []

  beforeAll(async () => {
    const program = path.join(folder, "vectors.devs")
    await buildFirmware("test-src/main-vectors.ts", program)
    const clock = new VirtualClock()
    const machine = new VirtualMachine({ program: readFileSync(program), clock })
    machine.onLog.on((line) => lines.push(line))
    machine.onPanic.on((code) => panics.push(code))
    await machine.start()
    for (let i = 0; i < 100 && !lines.some((line) => line.includes("DONE")); i++) await clock.advance(100)
    machine.stop()
  })

  afterAll(() => rmSync(folder, { recursive: true }))

  it("are the same, and pass", () => {
    const results = lines.flatMap((line) => /\b((?:OK|FAIL|DONE) .*)$/.exec(line)?.[1] ?? [])
    expect(results).toEqual([...VECTORS.map(({ name }) => `OK ${name}`), `DONE ${VECTORS.length}`])
  })

  it("end without a panic", () => {
    expect(panics).toEqual([])
  })
})

/** The build script is JavaScript without types, so it is loaded by address. */
async function buildFirmware(source: string, output: string): Promise<void> {
  const script = path.join(import.meta.dirname, "../../scripts/build-firmware.mjs")
  const module: { buildFirmware(source: string, output: string): void } = await import(
    pathToFileURL(script).href
  )
  module.buildFirmware(source, output)
}
