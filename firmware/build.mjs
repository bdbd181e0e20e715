// Compiles each firmware/src/main-*.ts to dist/firmware/*.devs with the DeviceScript compiler.
// The compiler writes beside its sources, always to the same place. So each run has a folder of its own with links to
// the sources, and tests may compile at the same time.

import { execFileSync } from "node:child_process"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { createRequire } from "node:module"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { cached, keyOf } from "./bytecode-cache.mjs"

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)
const compiler = require("@devicescript/cli/package.json").version
const cli = path.join(
  path.dirname(require.resolve("@devicescript/cli/package.json")),
  "built/devicescript-cli.cjs",
)
const settings = ["devsconfig.json", "package.json"]
const cacheFolder = path.join(root, "node_modules/.cache/virtio-msg-bytecode")

/** Has `source`, a file in firmware/, as bytecode in `output`; compiles it if nobody did so with the same sources. */
export function buildFirmware(source, output, cache = cacheFolder) {
  const places = [
    "firmware/src",
    "firmware/services",
    "shared-protocol/src",
    ...settings.map((file) => `firmware/${file}`),
  ]
  if (source.startsWith("test-src/")) places.push("firmware/test-src")
  const bytecode = cached(cache, keyOf(root, places, compiler, source), () => compile(source))
  if (existsSync(output) && readFileSync(output).equals(bytecode)) return
  mkdirSync(path.dirname(output), { recursive: true })
  const whole = `${output}.${process.pid}` // renamed when it is complete, so that nobody reads half a program
  writeFileSync(whole, bytecode)
  renameSync(whole, output)
}

function compile(source) {
  console.error(`compiling firmware/${source}`)
  // beside firmware/, so that its imports of ../shared-protocol lead to the same files
  const workshop = mkdtempSync(path.join(root, ".firmware-"))
  try {
    // the compiler brings @devicescript/core along, into here, but makes no folder where a link points to nothing; on a
    // fresh clone it is not there yet
    mkdirSync(path.join(root, "firmware/node_modules"), { recursive: true })
    for (const folder of ["src", "test-src", "services", "node_modules"])
      symlinkSync(path.join(root, "firmware", folder), path.join(workshop, folder), "junction")
    for (const file of settings) copyFileSync(path.join(root, "firmware", file), path.join(workshop, file))
    execFileSync(process.execPath, [cli, "build", "--quiet", source], {
      cwd: workshop,
      stdio: ["ignore", 2, 2], // stdout is for what runs after the build: it may print JSON there
    })
    return readFileSync(path.join(workshop, ".devicescript/bin/bytecode.devs"))
  } finally {
    rmSync(workshop, { recursive: true, force: true })
  }
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

// node build.mjs: every program of firmware/src. node build.mjs SOURCE OUTPUT [CACHE]: one, as the tests do.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [source, output, cache] = process.argv.slice(2)
  if (source && output) buildFirmware(source, path.resolve(output), cache)
  else buildAll()
}
