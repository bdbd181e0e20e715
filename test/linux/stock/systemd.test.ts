// The unit in docs/linux.md, as systemd itself reads it.

import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { expect, it } from "vitest"
import { isInstalled } from "../../../host/src/node/linux-guest/run-command.js"
import { documentedFile } from "./documented-file.js"

const isThere = isInstalled("systemd-analyze")
if (!isThere && process.env.CI) throw new Error("In CI nothing may be missing. Install systemd.")

const skipped = isThere ? "" : " (skipped: enable with: apt-get install systemd)"

it.skipIf(!isThere)(
  `the unit that starts attach is one that systemd finds no fault with${skipped}`,
  async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "systemd-"))
    try {
      const unit = documentedFile("/etc/systemd/system/virtio-msg-attach@.service")
      expect(unit).toMatch(/^ExecStart=\/usr\/local\/bin\/virtio-msg --port \/dev\/%I attach$/m)
      // the command is not installed here, and systemd looks for it
      const file = path.join(folder, "virtio-msg-attach@.service")
      await writeFile(file, unit.replace("/usr/local/bin/virtio-msg", "/bin/true"))
      const check = (name: string) =>
        execFileSync("systemd-analyze", ["verify", "--man=no", path.join(folder, name)], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "pipe"],
        })
      expect(check("virtio-msg-attach@ttyACM0.service")).toBe("")
      await writeFile(file, readFileSync(file, "utf8").replace("ExecStart=", "ExecStrat="))
      expect(() => check("virtio-msg-attach@ttyACM0.service")).toThrow(/ExecStart/)
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
