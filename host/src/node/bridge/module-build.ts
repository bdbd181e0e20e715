// Builds modules for the kernel that runs, keeps them, and loads them.

import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { availableParallelism, release, version } from "node:os"
import path from "node:path"
import { systemFailed } from "../../errors.js"
import { inWorkFolder, keep } from "../linux-guest/guest-cache.js"
import { CommandError, runCommand } from "../linux-guest/run-command.js"
import { cacheOf } from "../make-folder.js"
import { modprobe, withSbin } from "../modprobe.js"
import { isThere } from "../system-root.js"
import { headersFolder } from "./build-needs.js"

export interface BuildOptions {
  /** Told what takes a while. */
  readonly onNote: (sentence: string) => void
  readonly signal?: AbortSignal
}

/** Of these modules, what they are made of. */
export interface ModuleBuild {
  /** As in a sentence: `our module`. */
  readonly what: string
  readonly modules: readonly string[]
  /** Changes with the sources. */
  readonly key: string
  /** Writes the sources into a folder that is there. */
  readonly writeSources: (folder: string) => Promise<void>
}

/** What make takes from its environment, which may be meant for the kernel of another computer. */
const FOREIGN = /^(ARCH|CROSS_COMPILE|LLVM|CC|LD|O|M|V|W|KCFLAGS|(KBUILD|DEB|MAKE).*)$/
const CAP_SYS_MODULE = 16n

/** The folder that has the modules for the kernel that runs; undefined when they are not built. */
async function keptModules(build: ModuleBuild): Promise<string | undefined> {
  const folder = folderOf(build)
  const files = build.modules.map((name) => path.join(folder, `${name}.ko`))
  return (await Promise.all(files.map((file) => isThere(file)))).every(Boolean) ? folder : undefined
}

/** Where the modules are kept, for the kernel that runs. */
export function folderOf(build: ModuleBuild): string {
  // a kernel that was built again may have the same name, and takes no module of before
  const hash = createHash("sha256").update(JSON.stringify([build.key, version()]))
  return path.join(cacheOf("linux-module"), `${release()}-${hash.digest("hex").slice(0, 12)}`)
}

/**
 * The folder that has the modules for the kernel that runs: built before, or now. All that is needed is there
 * (build-needs.ts). Rejects with SYSTEM_FAILED, the compiler's words in the message.
 */
export async function builtModules(build: ModuleBuild, { onNote, signal }: BuildOptions): Promise<string> {
  const kept = await keptModules(build)
  if (kept !== undefined) return kept
  const folder = folderOf(build)
  if (/[\s:]/.test(folder))
    throw systemFailed(`Linux builds no module in a folder such as ${folder}.`, {
      hint: "Name one without spaces and colons: export VIRTIO_MSG_CACHE=FOLDER",
    })
  onNote(`Building ${build.what} for Linux ${release()}, once ...`)
  await inWorkFolder(cacheOf("linux-module"), async (work) => {
    await build.writeSources(work)
    await make(work, build.what, signal)
    await keep(work, folder)
  })
  onNote(`Built, and kept in ${folder}.`)
  return folder
}

async function make(folder: string, what: string, signal: AbortSignal | undefined): Promise<void> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)))
  const args = ["-s", `-j${availableParallelism()}`, "-C", headersFolder(), `M=${folder}`, "modules"]
  try {
    await runCommand("make", args, { env, ...(signal === undefined ? {} : { signal }) })
  } catch (cause) {
    const said = cause instanceof CommandError ? cause.output : String(cause)
    throw systemFailed(`Linux ${release()}: ${what} cannot be built: ${said}`, {
      hint: "With which kernels it was tried says host/linux-module/README.md.",
      cause,
    })
  }
}

export async function mayLoadModules(): Promise<boolean> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "")
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`)
  return ((capabilities >> CAP_SYS_MODULE) & 1n) === 1n
}

/** Throws SYSTEM_FAILED where this process may load no module, which is better known before one is built. */
export async function requireLoading(): Promise<void> {
  if (await mayLoadModules()) return
  throw systemFailed("This kernel lacks a module, and only root may load one.", {
    hint:
      process.getuid?.() === 0
        ? "A container's root may not, either: attach where the kernel is at home."
        : "Use sudo.",
  })
}

/** Loads a module of ours, and before it what it stands on of the kernel's own. Rejects with SYSTEM_FAILED. */
export async function insmod(file: string): Promise<void> {
  try {
    const depends = await runCommand("modinfo", ["-F", "depends", file], { env: withSbin() })
    // those of ours are loaded already, and modprobe does not know them
    for (const name of depends.trim().split(",").filter(Boolean)) await modprobe([name])
    await runCommand("insmod", [file], { env: withSbin() })
  } catch (cause) {
    const said = cause instanceof CommandError ? cause.output || cause.message : String(cause)
    if (said.includes("File exists")) return // somebody else was faster
    const isRefused = said.includes("not permitted") || said.includes("Key was rejected")
    throw systemFailed(`The kernel does not load ${file}: ${said}`, {
      hint: isRefused
        ? "A kernel that was booted with Secure Boot takes only signed modules: DKMS signs what it builds."
        : "What does it say? sudo dmesg | tail",
      cause,
    })
  }
}
