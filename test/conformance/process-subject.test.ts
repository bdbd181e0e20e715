// A driver under test as a process: what it starts ends with it, whether it hangs or goes.

import { existsSync, readFileSync } from "node:fs"
import { readFile, writeFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it, vi } from "vitest"
import { processSubject } from "../../host/src/conformance/driver/process-subject.js"
import { scenarioOf } from "../../host/src/conformance/driver/scenarios.js"
import { withFolder } from "../cli/command.js"
import { IF_WINDOWS } from "../support/because.js"

/** A driver that connects, starts a helper which never ends and has its output, and writes down the helper's id. */
const driver = (file: string, andThen: string) => [
  process.execPath,
  "-e",
  `const { spawn } = require("child_process")
   require("net").connect(process.env.VIRTIO_MSG_SOCKET).on("data", () => {
     const helper = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" })
     require("fs").writeFileSync(${JSON.stringify(file)}, String(helper.pid))
     ${andThen}
   })`,
]

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // one that ended and that nobody has asked about
    return !existsSync(`/proc/${pid}/stat`) || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

describe.skipIf(IF_WINDOWS)(`a command that starts another${IF_WINDOWS}`, () => {
  const limitMs = 30_000
  const run = (andThen: string, runLimitMs?: number) =>
    withFolder(async (folder) => {
      const file = path.join(folder, "pid")
      const options = runLimitMs === undefined ? {} : { limitMs: runLimitMs }
      const { outcome } = await processSubject(driver(file, andThen), options)(scenarioOf("plain"))
      const helper = Number(await readFile(file, "utf8"))
      try {
        await vi.waitFor(() => expect(isRunning(helper)).toBe(false), limitMs)
      } finally {
        if (isRunning(helper)) process.kill(helper, "SIGKILL")
      }
      return outcome
    })

  it("ends with all that it started when it takes too long", { timeout: 2 * limitMs }, async () => {
    // long enough to have started it, whatever else this machine does
    expect(await run("", 5000)).toMatchObject({ isDone: false, isKilled: true })
  })

  it("counts as ended when it ends, though what it leaves behind has its output", {
    timeout: 2 * limitMs,
  }, async () => {
    expect(await run("process.exit(0)")).toMatchObject({ isDone: true, isKilled: false })
  })
})

it("finds the window at the path that was chosen, in every scenario, and is told where", () =>
  withFolder(async (folder) => {
    const windowPath = path.join(folder, "window")
    const log = path.join(folder, "log")
    const script = `const { VIRTIO_MSG_WINDOW, VIRTIO_MSG_SOCKET } = process.env
      require("fs").appendFileSync(${JSON.stringify(log)}, VIRTIO_MSG_WINDOW + " " + VIRTIO_MSG_SOCKET + "\\n")`
    const subject = processSubject([process.execPath, "-e", script], { windowPath })
    await Promise.all(["plain", "uuid"].map((name) => subject(scenarioOf(name))))
    const line = `${windowPath} ${windowPath}.sock\n`
    expect(await readFile(log, "utf8")).toBe(line + line)
    // it stays: a machine may still have it
    expect((await readFile(windowPath)).length).toBe(65536)
    // a file of the user's is not written over
    const letter = path.join(folder, "letter")
    await writeFile(letter, "Dear Sir or Madam,")
    const other = processSubject([process.execPath, "-e", ""], { windowPath: letter })
    await expect(other(scenarioOf("plain"))).rejects.toMatchObject({ code: "SYSTEM_FAILED" })
    expect(await readFile(letter, "utf8")).toBe("Dear Sir or Madam,")
  }))
