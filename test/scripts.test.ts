// The scripts of package.json: what they build first is nobody's output.

import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const scripts: Record<string, string> = JSON.parse(
  readFileSync(path.join(root, "package.json"), "utf8"),
).scripts

/** What a script does before what it is for. */
function preparations(script: string): string[] {
  return script.split(" && ").slice(0, -1)
}

describe("what a script builds first", () => {
  it("says on stderr how large the firmware is, and nothing on stdout", () => {
    const { stdout, stderr } = spawnSync(process.execPath, ["firmware/build.mjs"], {
      cwd: root,
      encoding: "utf8",
    })
    expect(stdout).toBe("")
    expect(stderr).toMatch(/^dist\/firmware\/hardware-dial\.devs \d+ bytes$/m)
  })

  it("says on stderr what the compilers complain about", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-scripts-"))
    try {
      const args = ["firmware/build.mjs", "test-src/no-such-program.ts", path.join(folder, "program.devs")]
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" })
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" })
      expect(stderr).toContain("no-such-program")
    } finally {
      rmSync(folder, { recursive: true })
    }
    // tsc writes to stdout, in the script itself and in the build that it calls
    for (const [name, script] of Object.entries(scripts)) {
      if (name === "types") continue // that is what it is for
      for (const step of preparations(script).filter((each) => each.startsWith("tsc ")))
        expect([name, step]).toEqual([name, expect.stringMatching(/ 1>&2$/)])
    }
    for (const step of preparations(`${scripts.build} && nothing`).filter((each) => each.startsWith("node ")))
      expect(readFileSync(path.join(root, step.slice("node ".length)), "utf8")).not.toMatch(
        /console\.(log|info)|process\.stdout/,
      )
  })
})
