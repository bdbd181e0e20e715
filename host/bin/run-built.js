// Runs what the build made of a command; before the first build it says how to build. Plain JavaScript of Node
// alone: nothing else is there yet.

import { existsSync } from "node:fs"

/** As in exit-codes.ts: something is not installed. */
const EXIT_MISSING = 4

/** Runs the built program `path`, below host/src. */
export async function runBuilt(path) {
  const program = new URL(`../../dist/host/src/${path}`, import.meta.url)
  if (existsSync(program)) {
    await import(program.href)
    return
  }
  // the compiler comes with npm ci: without it the build alone would fail
  const isInstalled = existsSync(new URL("../../node_modules/typescript", import.meta.url))
  const command = isInstalled ? "npm run build" : "npm ci && npm run build"
  process.stderr.write(`error: virtio-msg is not built yet in this checkout.\nhint: Build it: ${command}\n`)
  process.exitCode = EXIT_MISSING
}
