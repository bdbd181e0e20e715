// A driver under test as a process: what it starts ends with it, whether it hangs or goes.

import { existsSync, readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it, vi } from "vitest"
import { processSubject } from "../../host/src/conformance/driver/process-subject.js"
import { scenarioOf } from "../../host/src/conformance/driver/scenarios.js"
import { withFolder } from "../cli/command.js"

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

describe.skipIf(process.platform === "win32")("a command that starts another", () => {
  const limitMs = 30_000
  const run = (andThen: string, runLimitMs?: number) =>
    withFolder(async (folder) => {
      const file = path.join(folder, "pid")
      const { outcome } = await processSubject(driver(file, andThen), runLimitMs)(scenarioOf("plain"))
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
