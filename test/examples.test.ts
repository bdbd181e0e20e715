// The examples of host/examples, as `npm run example NAME` runs them, on the simulated board.

import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { runNode, Simulator } from "./cli/command.js"

const ROOT = path.join(import.meta.dirname, "..")
const EXAMPLES = path.join(ROOT, "host/examples")
const RUN = path.join(EXAMPLES, "run.mjs")

let folder: string

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-examples-"))
  const tsc = path.join(ROOT, "node_modules/typescript/bin/tsc")
  execFileSync(process.execPath, [tsc, "-p", EXAMPLES], { stdio: "inherit" })
})

afterAll(() => rmSync(folder, { recursive: true }))

/** Runs an example, which has to end by itself; what it printed. */
async function example(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runNode([RUN, ...args])
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  return stdout
}

describe("every example", () => {
  const sources = readdirSync(EXAMPLES).filter((file) => file.endsWith(".ts"))

  it("has at most 30 lines, and imports what a user would", () => {
    expect(sources).toHaveLength(6)
    for (const source of sources) {
      const code = readFileSync(path.join(EXAMPLES, source), "utf8")
      expect(code.trimEnd().split("\n").length, source).toBeLessThanOrEqual(30)
      expect(code).toMatch(/ from "virtio-msg"$/m)
      expect(code).not.toMatch(/ from "\./)
      expect(code).toContain(`npm run example ${path.basename(source, ".ts")} `)
    }
  })

  it("is listed where its name is wrong, or missing", async () => {
    const names = sources.map((source) => path.basename(source, ".ts")).sort()
    const { code, stderr } = await runNode([RUN, "nothing"])
    expect(code).toBe(2)
    expect(stderr).toBe(
      `error: There is no example "nothing".\nhint: The examples are ${names.join(", ")}.\n`,
    )
  })
})

describe.concurrent("the example", () => {
  it("scan finds the chips", async () => {
    expect(await example("scan", "sim")).toBe("DeviceScript Simulator (WASM): 0x48 0x50 0x54 0x56 0x76\n")
  })

  it("temperature-log draws a line of as many samples as one wants", async () => {
    const lines = (await example("temperature-log", "sim", "12", "1")).trimEnd().split("\n")
    expect(lines).toHaveLength(12)
    expect(lines[0]).toMatch(/^ +30\.00 ┤ +$/)
    expect(lines.slice(0, 11).join("\n")).toMatch(/^ +2\d\.00 [┼┤]─/m) // a line begins, at 22 to 28 C
    expect(lines.at(-1)).toMatch(/^2\d(\.5)? °C now, 12 samples 1 ms apart$/)
  })

  it("sensors reads two thermometers", async () => {
    const [, lm75, bme280] =
      /^LM75 {4}(\d\d\.\d) °C\nBME280 {2}(\d\d\.\d) °C\n$/.exec(await example("sensors", "sim")) ?? []
    expect(Number(lm75)).toBeGreaterThanOrEqual(22)
    expect(Number(bme280)).toBeGreaterThanOrEqual(20.9)
    expect(Number(bme280)).toBeLessThan(24.1)
  })

  it("two-boards lists what both have, and what only one has", async () => {
    const board = await Simulator.start(`unix:${path.join(folder, "two.sock")}`)
    const lines = (await example("two-boards", "sim", board.port)).trimEnd().split("\n")
    expect((await board.stop()).code).toBe(0)
    expect(lines.slice(0, 2)).toEqual([`0x48  sim  ${board.port}`, `0x50  sim  ${board.port}`])
    expect(lines.at(-1)).toMatch(/^round trip {2}\d+\.\d ms {2}\d+\.\d ms$/)
  })

  it("eeprom dumps a chip, and restores what was in the file", async () => {
    const board = await Simulator.start(`unix:${path.join(folder, "eeprom.sock")}`)
    const file = path.join(folder, "eeprom.bin")
    expect(await example("eeprom", "dump", file, board.port)).toBe(`256 bytes in ${file}\n`)
    const bytes = readFileSync(file)
    expect(bytes.subarray(0, 10).toString()).toBe("virtio-msg")
    bytes.write("changed", 100)
    writeFileSync(file, bytes)
    expect(await example("eeprom", "restore", file, board.port)).toBe("verified\n")
    await example("eeprom", "dump", `${file}.2`, board.port)
    expect(readFileSync(`${file}.2`).equals(bytes)).toBe(true)
    expect((await board.stop()).code).toBe(0)
  })

  it("repl has the bus at hand, and leaves when told", async () => {
    const { code, stdout } = await runNode([RUN, "repl", "sim"], "await i2c.readByte(0x54, 14)\n.exit\n")
    expect(stdout).toContain("i2c> 102\n")
    expect(code).toBe(0)
  })
})
