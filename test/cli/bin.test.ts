// What npm links as the commands: files of the repository itself, so that `npx virtio-msg` in a fresh clone finds
// something to run before the first build, and still does after it.

import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { repositoryFiles } from "../support/repository-files.js"
import { plainEnvironment } from "./command.js"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const run = promisify(execFile)

interface Manifest {
  readonly bin: Readonly<Record<string, string>>
}

const { bin }: Manifest = JSON.parse(await readFile(path.join(ROOT, "package.json"), "utf8"))

/** What git has of the folder of the commands, in a checkout that was never built. */
let checkout: string

beforeAll(async () => {
  checkout = await mkdtemp(path.join(tmpdir(), "virtio-msg-checkout-"))
  for (const file of repositoryFiles((name) => name === "package.json" || name.startsWith("host/bin/")))
    await cp(path.join(ROOT, file), path.join(checkout, file), { recursive: true })
})

afterAll(() => rm(checkout, { recursive: true, force: true }))

function type(folder: string, file: string, args: readonly string[]) {
  return run(path.join(folder, file), args, { cwd: folder, env: plainEnvironment() })
}

describe.each(Object.entries(bin))("%s", (_, file) => {
  it("is there before the first build, and may be executed", async () => {
    expect((await stat(path.join(checkout, file))).mode & 0o111).toBe(0o111)
  })

  it("names the command to type before the first build: with the compiler there, or not yet", async () => {
    const sentence = "error: virtio-msg is not built yet in this checkout.\nhint: Build it:"
    const refused = (command: string) => ({ code: 4, stdout: "", stderr: `${sentence} ${command}\n` })
    await expect(type(checkout, file, ["--help"])).rejects.toMatchObject(refused("npm ci && npm run build"))
    const compiler = path.join(checkout, "node_modules/typescript")
    await mkdir(compiler, { recursive: true })
    await expect(type(checkout, file, ["--help"])).rejects.toMatchObject(refused("npm run build"))
    await rm(compiler, { recursive: true })
  })

  it("runs what was built", async () => {
    const { stdout, stderr } = await type(ROOT, file, ["--help"])
    expect(stdout).toContain("virtio-msg")
    expect(stderr).toBe("")
  })
})

describe("npx virtio-msg", () => {
  it("goes on to work after it was typed too early", async () => {
    // as npm links a workspace's commands, without anything to fetch
    const manifest = JSON.parse(await readFile(path.join(checkout, "package.json"), "utf8"))
    const { dependencies, devDependencies, optionalDependencies, workspaces, ...alone } = manifest
    await writeFile(path.join(checkout, "package.json"), JSON.stringify(alone))
    const npx = (...words: string[]) =>
      run("npx", ["--no-install", "virtio-msg", ...words], { cwd: checkout, env: plainEnvironment() })
    await expect(npx("--version")).rejects.toMatchObject({ code: 4 })
    const built = path.join(checkout, "dist/host/src/cli/main.js")
    await mkdir(path.dirname(built), { recursive: true })
    await writeFile(built, 'console.log("built")\n')
    expect((await npx("--version")).stdout).toBe("built\n")
  })
})
