// `virtio-msg man`: the man page, made from the table of commands. At a terminal `man` shows it; else it is written out.

import { spawnSync } from "node:child_process"
import type { Command } from "commander"
import type { CommandEntry } from "./command-entry.js"
import { helpExamples, print, type RunCommand } from "./context.js"
import { manPage } from "./man-page.js"
import { packageVersion } from "./version.js"

export function define(command: Command, _run: RunCommand, entries: readonly CommandEntry[]): void {
  command
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg man")}\n` +
        "In a pipe it is the page's source: virtio-msg man > virtio-msg.1",
    )
    .action(async () => {
      const page = await manPage(packageVersion(), entries)
      if (process.stdout.isTTY) {
        const shown = spawnSync("man", ["-l", "-"], { input: page, stdio: ["pipe", "inherit", "inherit"] })
        if (shown.status === 0) return
      }
      print(page.trimEnd())
    })
}
