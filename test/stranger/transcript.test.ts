// The stranger's transcript, typed into a copy of the checkout by this user with this Node.js. Other versions, other
// users, npm's own npx and a Debian with nothing on it: npm run fresh-machine.

import { spawn } from "node:child_process"
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { plainEnvironment } from "../cli/command.js"
import { skipReason } from "../linux/requirements.js"
import { repositoryFiles } from "../support/repository-files.js"
import { BUILT, type Line, UNBUILT } from "./transcript.js"
import { faultsOf, type Typed } from "./typed.js"

const ROOT = path.join(import.meta.dirname, "../..")

let folder: string
let checkout: string

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-stranger-"))
  checkout = path.join(folder, "virtio-msg")
  for (const file of repositoryFiles((name) => !/^(test|docs)\//.test(name)))
    await cp(path.join(ROOT, file), path.join(checkout, file))
  // npm's own takes half a second more for each line; bin.test.ts tries it
  const npx = path.join(folder, "bin/npx")
  await mkdir(path.dirname(npx))
  await writeFile(
    npx,
    `#!/bin/sh\nshift\nexport npm_command=exec npm_lifecycle_script=virtio-msg\nexec "${process.execPath}" "${checkout}/host/bin/virtio-msg.js" "$@"\n`,
  )
  await chmod(npx, 0o755)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Each line has a home and a $T of its own. */
async function shell(command: string): Promise<Typed> {
  const own = await mkdtemp(path.join(folder, "line-"))
  const env = {
    ...plainEnvironment(),
    HOME: own,
    T: own,
    XDG_RUNTIME_DIR: own, // nobody else's `ports` lists what runs here
    PATH: `${path.join(folder, "bin")}:${path.dirname(process.execPath)}:${process.env.PATH}`,
  }
  const child = spawn("bash", ["-c", command], {
    cwd: checkout,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a group of its own, which ends as a whole
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8")
    })
  const end = () => {
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, "SIGKILL")
    } catch {} // all of them have ended
  }
  child.once("exit", end)
  const limit = setTimeout(end, 120_000)
  return new Promise((resolve) => {
    child.once("close", (code) => {
      clearTimeout(limit)
      resolve({ code, output })
    })
  })
}

const named = (lines: readonly Line[]) =>
  lines.map((line) => [line.typed.replaceAll(/\s+/g, " ").slice(0, 100), line] as const)

describe("before the first build", () => {
  it.concurrent.each(named(UNBUILT))("%s", async (_, line) => {
    expect(await faultsOf(line, shell)).toEqual([])
  })
})

const noSockets = await skipReason({ koffi: true })
const isHere = ({ isSlow, typed }: Line) => isSlow !== true && !(noSockets && typed.includes("serve"))

describe("when it is built", () => {
  beforeAll(async () => {
    for (const name of ["node_modules", "host/node_modules", "dist"])
      await symlink(path.join(ROOT, name), path.join(checkout, name)).catch(() => {})
  })

  it.concurrent.each(named(BUILT.filter(isHere)))("%s", async (_, line) => {
    expect(await faultsOf(line, shell)).toEqual([])
  })
})
