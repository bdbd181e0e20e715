// Where the Wireshark of this computer looks for its user's own plugins, as it says itself.

import { execFile } from "node:child_process"
import os from "node:os"
import path from "node:path"
import { promisify } from "node:util"
import { missingDependency } from "../errors.js"

const run = promisify(execFile)

export interface WiresharkFolders {
  readonly luaPlugins: string
  readonly extcap: string
  /** Whether Wireshark looks into `extcap` by itself: before 4.2 it had no such folder for a user. */
  readonly isExtcapKnown: boolean
}

/** Asks tshark, or Wireshark. Rejects with MISSING_DEPENDENCY when neither is installed. */
export async function wiresharkFolders(): Promise<WiresharkFolders> {
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
    isExtcapKnown: extcap !== undefined,
  }
}

async function askFolders(program: string): Promise<string | undefined> {
  try {
    return (await run(program, ["-G", "folders"])).stdout
  } catch {
    return undefined
  }
}

function folderNamed(said: string, name: string): string | undefined {
  for (const line of said.split("\n")) {
    const [title, folder] = line.split(/:\s+/, 2)
    if (title?.trim().toLowerCase() === name.toLowerCase() && folder) return folder.trim()
  }
  return undefined
}
