#!/usr/bin/env node
// The command `virtio-msg`.

import { printError } from "./context.js"
import { EXIT_FAILED, EXIT_OK } from "./exit-codes.js"
import { runCommand } from "./run-command.js"
import { wasStopped } from "./until-stopped.js"

/** After Ctrl-C a reader has so long to read what was printed. */
const LAST_WORDS_MS = 500

// `virtio-msg i2c dump 0x50 | head` closes our output early: that is no error
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT_OK)
  const message = `Cannot write to standard output: ${error.message}.`
  printError({ code: "OUTPUT_FAILED", message, hint: "Is the disk full?" }, process.argv.includes("--json"))
  process.exit(EXIT_FAILED)
})
process.exitCode = await runCommand(process.argv.slice(2))
// after a person has stopped us, we do not wait for a reader that does not read
if (wasStopped()) setTimeout(() => process.exit(), LAST_WORDS_MS).unref()
