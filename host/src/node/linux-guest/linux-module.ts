// Our own Linux module (host/linux-module): its sources, and what is built from them for the guest.

import { copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { missingDependency } from "../../errors.js"
import { runCommand } from "./run-command.js"

/** The modules, as they are loaded one after the other. */
export const LINUX_MODULES = ["virtio_msg", "virtio_msg_plain"] as const
export const BRIDGE_MODULE = "virtio_msg_bridge.ko"

/** The program that carries frames between a virtio port and the module, by its place in the guest. */
export const RELAY_PATH = "usr/bin/virtio-msg-relay"

/** Where the C sources are. Throws MISSING_DEPENDENCY. */
function sourceFolder(): string {
  // from host/src/node/linux-guest in the sources and from dist/host/src/node/linux-guest when compiled
  for (const folder of ["../../../linux-module", "../../../../../host/linux-module"]) {
    const candidate = fileURLToPath(new URL(folder, import.meta.url))
    if (existsSync(join(candidate, "Kbuild"))) return candidate
  }
  throw missingDependency("The sources of the Linux module are missing.", {
    hint: "In a checkout: git checkout -- host/linux-module. As a package of your project: npm ci",
  })
}

export function moduleSources(): ReadonlyMap<string, string> {
  const folder = sourceFolder()
  const names = readdirSync(folder).filter((name) => /\.[ch]$|^Kbuild$/.test(name))
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name), "utf8")]))
}

/** Copies the sources to `folder`, where make finds them. */
export async function copyModuleSources(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const from = sourceFolder()
  for (const name of moduleSources().keys()) copyFileSync(join(from, name), join(folder, name))
}

/** Builds the relay with `compiler`; resolves with the program's path. */
export async function buildRelay(compiler: string, sources: string): Promise<string> {
  const program = join(sources, "relay")
  await runCommand(compiler, ["-O2", "-static", "-s", "-o", program, join(sources, "relay.c")])
  return program
}
