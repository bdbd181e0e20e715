#!/usr/bin/env node
// `virtio-msg-extcap`, which Wireshark calls, in git, so that npm links it before the first build.

import { runBuilt } from "./run-built.js"

await runBuilt("extcap/main.js")
