// `virtio-msg wireshark`: puts our dissector and our extcap program where Wireshark finds them, and takes them away.

import { copyFile, rm, writeFile } from "node:fs/promises"
import path from "node:path"
import { fileURLToPath } from "node:url"
import type { Command } from "commander"
import { systemFailed } from "../errors.js"
import { makeFolder } from "../node/make-folder.js"
import { wiresharkFolders } from "../node/wireshark-folders.js"
import { shellWord } from "./command-line.js"
import { helpExamples, note, print, printJson } from "./context.js"

const DISSECTOR = fileURLToPath(new URL("../../../../host/wireshark/virtio-msg.lua", import.meta.url))
const EXTCAP = fileURLToPath(new URL("../extcap/main.js", import.meta.url))

export function define(command: Command): void {
  command
    .option("--remove", "take them away again")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg wireshark", "virtio-msg wireshark --remove")}\n` +
        "It writes into the folders for plugins of your own, and prints what it wrote. See docs/wireshark.md.",
    )
    .action(async (options: { remove?: true; json?: true }) => {
      const folders = await wiresharkFolders()
      const dissector = path.join(folders.luaPlugins, "virtio-msg.lua")
      const extcap = path.join(folders.extcap, "virtio-msg-extcap")
      const files = [dissector, extcap]
      if (options.remove) {
        for (const file of files) await rm(file, { force: true })
        if (options.json) printJson({ removed: files })
        else for (const file of files) print(`removed ${file}`)
        return
      }
      await install(dissector, (file) => copyFile(DISSECTOR, file))
      await install(extcap, (file) => writeFile(file, extcapScript(), { mode: 0o755 }))
      if (options.json) printJson({ installed: files })
      else for (const file of files) print(file)
      if (!folders.isExtcapKnown)
        note(`This Wireshark finds the interfaces with: export WIRESHARK_EXTCAP_DIR=${folders.extcap}`)
    })
}

/** Wireshark starts programs without the user's PATH: both parts are named in full. */
function extcapScript(): string {
  return `#!/bin/sh\nexec ${shellWord(process.execPath)} ${shellWord(EXTCAP)} "$@"\n`
}

async function install(file: string, write: (file: string) => Promise<void>): Promise<void> {
  try {
    makeFolder(path.dirname(file))
    await write(file)
  } catch (error) {
    throw systemFailed(`Cannot write ${file}: ${(error as Error).message}.`, {
      hint: "Is the folder there, and yours? Wireshark looks in your home folder, HOME.",
      cause: error,
    })
  }
}
