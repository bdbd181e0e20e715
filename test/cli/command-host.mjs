// Runs one command line after another in one process, for command-hosts.ts: with arguments, environment and standard
// input of its own each, as a process of its own would have. Modules are loaded once, which is most of what a command takes.

import { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { sendResultsTo, setColours } from "../../dist/host/src/cli/context.js"
import { runCommand } from "../../dist/host/src/cli/run-command.js"

const MAIN = fileURLToPath(new URL("../../dist/host/src/cli/main.js", import.meta.url))

/** What keeps this process alive while no command runs: its pipes. */
let own = []

/** The kinds of what keeps a process alive, sorted. */
function alive() {
  return process.getActiveResourcesInfo().sort()
}

/** What is alive that was not before: a process would not end yet. */
function leftovers() {
  const rest = [...own]
  return alive().filter((kind) => {
    const at = rest.indexOf(kind)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}

/** Settles when nothing is left that would keep a process of the command's own alive; the limit is the asker's. */
async function untilEnded() {
  while (leftovers().length > 0) await new Promise((resolve) => setTimeout(resolve, 2).unref())
}

function setEnvironment(env) {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
}

process.on("message", async ({ words, env, end }) => {
  await new Promise((resolve) => setImmediate(resolve))
  own = alive()
  setEnvironment(env)
  process.argv = [process.execPath, MAIN, ...words]
  Object.defineProperty(process, "stdin", { value: Readable.from([]), configurable: true })
  sendResultsTo(process.stdout)
  setColours("auto")
  process.exitCode = undefined
  process.exitCode = await runCommand(words)
  await untilEnded()
  const code = process.exitCode
  process.exitCode = 0
  // the streams are read apart from these messages: where this command's output ends stands in them
  process.stdout.write(end)
  process.stderr.write(end)
  process.send(code)
})
