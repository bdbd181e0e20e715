// Device models in processes of their own, with the shim between them and the suite: our own command, and one in C that
// somebody wrote for a kernel that keeps the rules.

import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, describe, expect, it, vi } from "vitest"
import { checkModel } from "../../../host/src/conformance/bridge/check-model.js"
import { processModel } from "../../../host/src/conformance/bridge/process-model.js"
import { BRIDGE_TABLE } from "../../../host/src/conformance/bridge/table.js"
import { isInstalled } from "../../../host/src/node/linux-guest/run-command.js"
import { skipReason } from "../../linux/requirements.js"
import { because } from "../../support/because.js"
import { isRunning } from "../../support/is-running.js"

const ROOT = path.join(import.meta.dirname, "../../..")
const MAIN = path.join(ROOT, "dist/host/src/cli/main.js")
const reason =
  (await skipReason({ koffi: true })) || (isInstalled("cc") ? "" : "enable with: apt-get install gcc")
if (reason && process.env.CI) throw new Error(`In CI nothing may be missing. ${reason}`)

describe.skipIf(reason)(`a device model in a process${because(reason)}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "process-model-"))
  const ends: (() => void)[] = [() => rmSync(folder, { recursive: true, force: true })]
  afterAll(() => {
    for (const end of ends) end()
  })

  async function statuses(command: readonly string[], ids: readonly string[]) {
    const subject = processModel(command)
    ends.unshift(() => subject.close())
    const rows = BRIDGE_TABLE.filter(({ id }) => ids.includes(id))
    const { results } = await checkModel(subject, { rows, mostAtOnce: 2 })
    return Object.fromEntries(
      results.map(({ row, status, detail }) => [row.id, `${status} ${detail}`.trim()]),
    )
  }

  it("virtio-msg attach --bus virtio-msg holds the rows about system calls, windows and the end of a session", async () => {
    expect(existsSync(MAIN)).toBe(true)
    const command = [process.execPath, MAIN, "--port", "sim-native", "attach", "--bus", "virtio-msg"]
    const ids = ["K3", "K7", "K8", "K14", "K33", "K42", "K53"]
    expect(await statuses(command, ids)).toEqual(Object.fromEntries(ids.map((id) => [id, "pass"])))
  })

  // the one that the kernel's side is tested with in the guest: it has nothing of ours
  const compiled = (name: string, ...options: string[]) => {
    const program = path.join(folder, name)
    const source = path.join(ROOT, "test/linux/bridge/device-model.c")
    execFileSync("cc", ["-O2", "-Wall", "-Wextra", "-Werror", ...options, "-o", program, source])
    return program
  }

  it("one in C, written by hand from docs/bridge.md, holds every row", async () => {
    const found = await statuses(
      [compiled("device-model")],
      BRIDGE_TABLE.map(({ id }) => id),
    )
    expect(found).toEqual(Object.fromEntries(BRIDGE_TABLE.map(({ id }) => [id, "pass"])))
  })

  it("one in C that trusts the kernel is told what it does and what it does not do", async () => {
    const found = await statuses([compiled("trusting-model", "-DTRUSTING")], ["K3", "K9", "K20", "K33"])
    expect(found).toMatchObject({ K3: "pass", K20: "pass", K33: "pass" })
    expect(found.K9).toMatch(/^fail After an ATTACH that says version \d+ the model goes on\.$/)
  })

  it("a command that cannot be started is named", async () => {
    await expect(statuses(["/nowhere/model"], ["K3"])).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("Cannot start /nowhere/model"),
    })
  })

  it("one that starts slowly is waited for, also where its ATTACH is refused", async () => {
    const attach = [process.execPath, MAIN, "--port", "sim-native", "attach", "--bus", "virtio-msg"]
    const found = await statuses(["sh", "-c", 'sleep 2; exec "$@"', "sh", ...attach], ["K8", "K9"])
    expect(found).toEqual({ K8: "pass", K9: "pass" })
  })

  it("a model ends with the command that tests it, and nothing is left", { timeout: 120_000 }, async () => {
    const file = path.join(folder, "pid")
    const script = `require("fs").writeFileSync(${JSON.stringify(file)}, String(process.pid)); setInterval(() => {}, 1000)`
    const args = ["conform", "--bridge-kernel", "--row", "K3", "--", process.execPath, "-e", script]
    const temporary = mkdtempSync(path.join(folder, "temporary-"))
    const env = { ...process.env, TMPDIR: temporary }
    const suite = spawn(process.execPath, [MAIN, ...args], { stdio: "ignore", env })
    const ended = new Promise((resolve) => suite.once("exit", resolve))
    try {
      await vi.waitFor(() => expect(readFileSync(file, "utf8")).not.toBe(""), 60_000)
      suite.kill("SIGINT")
      await ended
      const model = Number(readFileSync(file, "utf8"))
      await vi.waitFor(() => expect(isRunning(model)).toBe(false), 30_000)
      expect(readdirSync(temporary)).toEqual([])
    } finally {
      suite.kill("SIGKILL")
      const model = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0
      if (model > 0 && isRunning(model)) process.kill(model, "SIGKILL")
    }
  })
})
