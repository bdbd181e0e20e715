// Finds the modules that the guest loads, and the order in which they load, without depmod: each module names
// what it depends on in its .modinfo section, as `depends=a,b`.

import { readdir, readFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { systemFailed } from "../../errors.js"

export interface KernelModule {
  /** As in the file's name. */
  readonly name: string
  readonly bytes: Uint8Array
}

/**
 * Collects `wanted` modules and all that they depend on, in the order of loading. `files` are paths of modules;
 * a dependency that is not among them is built into the kernel if `isBuiltIn` says so. Throws SYSTEM_FAILED.
 */
export async function collectModules(
  wanted: readonly string[],
  files: readonly string[],
  isBuiltIn: (name: string) => boolean,
): Promise<KernelModule[]> {
  const pathByName = new Map(files.map((path) => [moduleName(path), path]))
  const ordered: KernelModule[] = []
  const seen = new Set<string>()
  const add = async (name: string, neededBy: string): Promise<void> => {
    const key = normalise(name)
    if (seen.has(key) || isBuiltIn(key)) return
    seen.add(key)
    const path = pathByName.get(key)
    if (path === undefined)
      throw systemFailed(`The kernel package has no module ${name}, needed by ${neededBy}.`)
    const bytes = await readFile(path)
    for (const dependency of dependencies(bytes)) await add(dependency, name)
    ordered.push({ name: basename(path, ".ko"), bytes })
  }
  for (const name of wanted) await add(name, "the guest")
  return ordered
}

export async function findModules(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true })
  return entries.filter((entry) => entry.endsWith(".ko")).map((entry) => join(folder, entry))
}

/** Reads a modules.builtin file; returns whether a module, by name, is built into the kernel. */
export function builtInModules(text: string): (name: string) => boolean {
  const names = new Set(text.split("\n").map(moduleName))
  return (name) => names.has(normalise(name))
}

function dependencies(bytes: Buffer): string[] {
  const text = bytes.toString("latin1")
  const [, list] = /\0depends=([^\0]*)\0/.exec(text) ?? []
  return list ? list.split(",") : []
}

function moduleName(path: string): string {
  return normalise(basename(path, ".ko"))
}

/** Linux takes `-` and `_` in a module's name as the same. */
function normalise(name: string): string {
  return name.replaceAll("-", "_")
}
