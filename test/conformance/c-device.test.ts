// The example device in plain C passes its rows: another implementation, in another language, over a socket.

import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { stdoutOf, virtioMsg } from "../cli/command.js"
import { because } from "../support/because.js"

const SOURCE = fileURLToPath(new URL("../../docs/examples/plain-device.c", import.meta.url))
const skip = isThere("gcc") ? "" : "enable with: apt-get install gcc"
if (skip && process.env.CI) throw new Error("In CI nothing may be missing. Install gcc.")

/** Four seconds of it are waiting for answers that must not come; the rest is as long as the machine is busy. */
const SUITE_LIMIT_MS = 80_000

function isThere(tool: string): boolean {
  try {
    execFileSync(tool, ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

describe("the example in C", () => {
  it("has 150 lines at most, of a width that can be read", () => {
    const lines = readFileSync(SOURCE, "utf8").trimEnd().split("\n")
    expect(lines.length).toBeLessThanOrEqual(150)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(130)
  })
})

describe.skipIf(skip)(`the example device in C${because(skip)}`, { timeout: 120_000 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-c-"))
  const socket = path.join(folder, "rng.sock")
  const port = `plain:unix:${socket}`
  let device: ReturnType<typeof spawn>

  beforeAll(async () => {
    const program = path.join(folder, "plain-device")
    execFileSync("gcc", ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-o", program, SOURCE])
    device = spawn(program, [socket, path.join(folder, "rng.window")], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    // it says that it listens
    await new Promise((resolve) => device.stdout?.once("data", resolve))
  })

  afterAll(() => {
    device.kill()
    rmSync(folder, { recursive: true })
  })

  it("conforms to every row that concerns it", async () => {
    const report = JSON.parse(await stdoutOf(`--port ${port} conform --json`, SUITE_LIMIT_MS))
    const rows: { id: string; status: string; detail: string }[] = report.rows
    expect(rows.filter(({ status }) => status === "fail" || status === "blocked")).toEqual([])
    expect(report.conforming).toBe(true)
    // I/O was done through the shared file: these rows say skipped where it is not
    const passed = rows.filter(({ status }) => status === "pass").map(({ id }) => id)
    expect(passed).toEqual(expect.arrayContaining(["V34", "V35", "R2", "R11", "R13", "V60"]))
    expect(passed.length).toBeGreaterThan(90)
  })

  it("is also driven by our own driver", async () => {
    const { stdout, code } = await virtioMsg(`--port ${port} info --json`)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      bus: { revision: 1, maxMessageSize: 228 },
      devices: [{ number: 5, deviceId: 4 }],
    })
  })
})
