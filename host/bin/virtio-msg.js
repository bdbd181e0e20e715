#!/usr/bin/env node
// The command `virtio-msg`, in git, so that npm links it before the first build.

import { runBuilt } from "./run-built.js"

await runBuilt("cli/main.js")
