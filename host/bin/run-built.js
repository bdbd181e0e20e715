// Runs what the build made of a command; before the first build it says how to build. Plain JavaScript of Node
// alone: nothing else is there yet.

import { existsSync } from "node:fs"

/** As in exit-codes.ts: the operation failed; something is not installed. */
const EXIT_FAILED = 1
const EXIT_MISSING = 4

/** Runs the built program `path`, below host/src. */
export async function runBuilt(path) {
  const program = new URL(`../../dist/host/src/${path}`, import.meta.url)
  if (existsSync(program)) {
    await import(program.href).catch(tellRefusal)
    return
  }
  // the compiler comes with npm ci: without it the build alone would fail
  const isInstalled = existsSync(new URL("../../node_modules/typescript", import.meta.url))
  const command = isInstalled ? "npm run build" : "npm ci && npm run build"
  process.stderr.write(`error: virtio-msg is not built yet in this checkout.\nhint: Build it: ${command}\n`)
  process.exitCode = EXIT_MISSING
}

/** Node opens many of a program's files at once to load it: where too few may be open, that is what fails first. */
function tellRefusal(error) {
  if (error?.code !== "EMFILE") throw error
  const message = `The system refused: ${error.message}.`
  // as in system-error.ts, which cannot be loaded here
  const hint =
    "This shell allows too few open files. Allow more, in a new terminal if this one refuses: ulimit -n 1024"
  const text = process.argv.includes("--json")
    ? JSON.stringify({ error: { code: "SYSTEM_FAILED", message, hint } })
    : `error: ${message}\nhint: ${hint}`
  process.stderr.write(`${text}\n`)
  process.exit(EXIT_FAILED)
}
