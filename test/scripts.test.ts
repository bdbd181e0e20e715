// The scripts of package.json: what they build first is nobody's output, and is built once.

import { execFile, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const scripts: Record<string, string> = JSON.parse(
  readFileSync(path.join(root, "package.json"), "utf8"),
).scripts

/** What a script does before what it is for. */
function preparations(script: string): string[] {
  return script.split(" && ").slice(0, -1)
}

describe("a program that several processes need at once", () => {
  it("is compiled by one of them, and by none when its sources are what they were", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-scripts-"))
    try {
      const cache = path.join(folder, "cache")
      mkdirSync(cache)
      const build = (output: string) =>
        promisify(execFile)(
          process.execPath,
          ["firmware/build.mjs", "test-src/main-cost.ts", path.join(folder, output), cache],
          { cwd: root },
        )
      const builds = await Promise.all(["a.devs", "b.devs", "c.devs"].map(build))
      builds.push(await build("d.devs"))
      expect(builds.map(({ stderr }) => stderr).join("")).toBe("compiling firmware/test-src/main-cost.ts\n")
      const [first, ...others] = ["a", "b", "c", "d"].map((name) =>
        readFileSync(path.join(folder, `${name}.devs`)),
      )
      expect(first?.length).toBeGreaterThan(1000)
      for (const other of others) expect(other).toEqual(first)
      // a process that was killed while it compiled leaves its lock behind
      const [compiled] = readdirSync(cache)
      rmSync(path.join(cache, compiled as string))
      const { pid } = spawnSync(process.execPath, ["--version"])
      writeFileSync(path.join(cache, `${path.parse(compiled as string).name}.lock`), String(pid))
      expect((await build("a.devs")).stderr).toContain("compiling")
      expect(readdirSync(cache)).toEqual([compiled])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

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
    // what goes into a file does not go to stdout
    const steps = preparations(`${scripts.build} && nothing`).filter((each) => !each.includes(" > "))
    for (const step of steps.filter((each) => each.startsWith("node ")))
      expect(readFileSync(path.join(root, step.slice("node ".length)), "utf8")).not.toMatch(
        /console\.(log|info)|process\.stdout/,
      )
  })
})
