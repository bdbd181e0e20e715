#!/usr/bin/env node
// The command `virtio-msg`.

import { EXIT_OK } from "./exit-codes.js"
import { runCommand } from "./run-command.js"

// `virtio-msg i2c dump 0x50 | head` closes our output early: that is no error
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT_OK)
  throw error
})
process.exitCode = await runCommand(process.argv.slice(2))
