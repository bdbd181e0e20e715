// Where the Wireshark of this computer looks for its user's own plugins, as it says itself.

import os from "node:os"
import path from "node:path"
import { missingDependency } from "../errors.js"
import { runCommand } from "./linux-guest/run-command.js"

/** Asks tshark, or Wireshark. Rejects with MISSING_DEPENDENCY when neither is installed. */
export async function wiresharkFolders() {
  const said = (await askFolders("tshark")) ?? (await askFolders("wireshark"))
  if (said === undefined)
    throw missingDependency("Wireshark is not installed.", {
      hint: "On Debian: sudo apt-get install wireshark (or tshark)",
    })
  const personal = path.join(os.homedir(), ".local", "lib", "wireshark")
  const extcap = folderNamed(said, "Personal Extcap path")
  return {
    luaPlugins: folderNamed(said, "Personal Lua Plugins") ?? path.join(personal, "plugins"),
    extcap: extcap ?? path.join(personal, "extcap"),
    /** Whether Wireshark looks into `extcap` by itself: before 4.2 it had no such folder for a user. */
    isExtcapKnown: extcap !== undefined,
  }
}

function askFolders(program: string): Promise<string | undefined> {
  return runCommand(program, ["-G", "folders"]).catch(() => undefined)
}

function folderNamed(said: string, name: string): string | undefined {
  for (const line of said.split("\n")) {
    const [title, folder] = line.split(/:\s+/, 2)
    if (title?.trim().toLowerCase() === name.toLowerCase() && folder) return folder.trim()
  }
  return undefined
}
