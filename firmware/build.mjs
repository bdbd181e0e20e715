// Compiles each firmware/src/main-*.ts to dist/firmware/*.devs with the DeviceScript compiler.
// The compiler writes beside its sources, always to the same place: each run has a folder of links of its own, so that
// tests may compile at the same time.

import { execFileSync } from "node:child_process"
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs"
import { createRequire } from "node:module"
import path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const cli = path.join(
  path.dirname(createRequire(import.meta.url).resolve("@devicescript/cli/package.json")),
  "built/devicescript-cli.cjs",
)
const sourceRoots = ["firmware/src", "firmware/services", "shared-protocol/src"]

/** Compiles `source`, a file in firmware/, to `output`, unless that is newer than every source. */
export function buildFirmware(source, output) {
  if (isFresh(output, [source])) return
  // a sibling of firmware/, so that its imports of ../shared-protocol mean what they mean there
  const workshop = mkdtempSync(path.join(root, ".firmware-"))
  try {
    // the compiler brings @devicescript/core along, into here, but makes no folder where a link points to nothing; on a
    // fresh clone it is not there yet
    mkdirSync(path.join(root, "firmware/node_modules"), { recursive: true })
    for (const folder of ["src", "test-src", "services", "node_modules"])
      symlinkSync(path.join(root, "firmware", folder), path.join(workshop, folder), "junction")
    for (const file of ["devsconfig.json", "package.json"])
      copyFileSync(path.join(root, "firmware", file), path.join(workshop, file))
    execFileSync(process.execPath, [cli, "build", "--quiet", source], {
      cwd: workshop,
      stdio: ["ignore", 2, 2], // stdout is what comes after the build: JSON, perhaps
    })
    mkdirSync(path.dirname(output), { recursive: true })
    const whole = `${output}.${process.pid}` // nobody sees half a program
    copyFileSync(path.join(workshop, ".devicescript/bin/bytecode.devs"), whole)
    renameSync(whole, output)
  } finally {
    rmSync(workshop, { recursive: true, force: true })
  }
}

function isFresh(output, more) {
  let built
  try {
    built = statSync(output).mtimeMs
  } catch {
    return false
  }
  const sources = sourceRoots.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  )
  for (const file of [...sources, ...more.map((name) => path.join(root, "firmware", name))])
    if (statSync(file).mtimeMs > built) return false
  return true
}

function buildAll() {
  for (const name of readdirSync(path.join(root, "firmware/src"))) {
    const match = /^main-(.*)\.ts$/.exec(name)
    if (!match) continue
    const output = path.join(root, `dist/firmware/${match[1]}.devs`)
    buildFirmware(`src/${name}`, output)
    console.error(`${path.relative(root, output)} ${readFileSync(output).length} bytes`)
  }
}

// node build.mjs: every program of firmware/src. node build.mjs SOURCE OUTPUT: one, as the tests do.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [source, output] = process.argv.slice(2)
  if (source && output) buildFirmware(source, path.resolve(output))
  else buildAll()
}
