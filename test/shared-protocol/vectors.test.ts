// The golden vectors, in Node and as DeviceScript bytecode in the virtual machine.

import { beforeAll, describe, expect, it } from "vitest"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { compileFirmware } from "../support/compile-firmware.js"
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
  const lines: string[] = []
  const panics: number[] = []

  beforeAll(async () => {
    const clock = new VirtualClock()
    const machine = new VirtualMachine({ program: compileFirmware("main-vectors"), clock })
    machine.onLog.on((line) => lines.push(line))
    machine.onPanic.on((code) => panics.push(code))
    await machine.start()
    for (let i = 0; i < 100 && !lines.some((line) => line.includes("DONE")); i++) await clock.advance(100)
    machine.stop()
  })

  it("are the same, and pass", () => {
    const results = lines.flatMap((line) => /\b((?:OK|FAIL|DONE) .*)$/.exec(line)?.[1] ?? [])
    expect(results).toEqual([...VECTORS.map(({ name }) => `OK ${name}`), `DONE ${VECTORS.length}`])
  })

  it("end without a panic", () => {
    expect(panics).toEqual([])
  })
})
