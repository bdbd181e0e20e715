// Folders that go with their process: each process here makes one, says where, and ends in its own way.

import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { PlainServer } from "../../host/src/node/plain-server.js"

const BUILT = path.join(import.meta.dirname, "../../dist/host/src/node/process-end.js")
const MAKE = `const fs = await import("node:fs")
const { TemporaryFolder } = await import(${JSON.stringify(pathToFileURL(BUILT).href)})
const folder = new TemporaryFolder("goes-")
fs.writeFileSync(folder.path + "/file", "x")
`
const PARAMETERS = { revision: 1, maxMessageSize: 64, transportFeatures: 0 }

describe("a temporary folder", () => {
  const temporary = mkdtempSync(path.join(tmpdir(), "process-end-"))
  const env = { ...process.env, TMPDIR: temporary }
  afterAll(() => rmSync(temporary, { recursive: true }))

  /** Runs a program until it ends; it gets the signal when it has said "ready". Resolves with how it ended. */
  function ending(program: string, signal?: NodeJS.Signals): Promise<string> {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      env,
      stdio: ["ignore", "pipe", "ignore"],
    })
    let said = ""
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk
      if (signal && said.includes("ready")) child.kill(signal)
    })
    return new Promise((resolve) =>
      child.once("close", (code, by) => resolve([by ?? code, ...said.split("\n").slice(1, -1)].join(" "))),
    )
  }

  const WAITING = `setInterval(() => {}, 1000); console.log("ready")`
  const DECIDE = `
const decide = () => {
  process.off("SIGINT", decide)
  setTimeout(() => {
    console.log("has it:", fs.existsSync(folder.path))
    process.exit(5)
  }, 10)
}
process.on("SIGINT", decide)
`

  it.each([
    ["ends", "", undefined, "0"],
    ["exits with a code", "process.exit(3)", undefined, "3"],
    ["fails", `throw new Error("no")`, undefined, "1"],
    ["gets SIGINT", WAITING, "SIGINT", "SIGINT"],
    ["gets SIGTERM", WAITING, "SIGTERM", "SIGTERM"],
    ["gets SIGHUP", WAITING, "SIGHUP", "SIGHUP"],
    ["removes it", `folder.remove(); ${WAITING}`, "SIGINT", "SIGINT"],
  ] as const)("goes when its process %s", async (_how, program, signal, end) => {
    expect(await ending(MAKE + program, signal)).toBe(end)
    expect(readdirSync(temporary)).toEqual([])
  })

  it.each([
    ["after", MAKE + DECIDE + WAITING],
    ["before", DECIDE + MAKE + WAITING],
  ])(
    "stays while a process ends that decides itself what SIGINT means, from %s it was made on",
    async (_when, program) => {
      expect(await ending(program, "SIGINT")).toBe("5 has it: true")
      expect(readdirSync(temporary)).toEqual([])
    },
  )

  it("is gone, too, where its server could not listen or had no window", async () => {
    const place = path.join(temporary, "taken.sock")
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(place, resolve))
    const before = process.env.TMPDIR
    process.env.TMPDIR = temporary
    try {
      for (const [where, window] of [[place], [undefined, path.join(temporary, "no/window")]])
        await expect(
          PlainServer.listen(PARAMETERS, 4096, { onFrame: () => {} }, where, window),
        ).rejects.toThrow()
      expect(readdirSync(temporary)).toEqual(["taken.sock"])
    } finally {
      if (before === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = before
      await new Promise((resolve) => taken.close(resolve))
    }
  })
})
