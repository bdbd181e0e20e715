// The files of the page. Most were built. Two are taken from elsewhere, so that the package does not hold them twice:
// the virtual machine's code from @devicescript/cli, on which the package depends, and the simulated board's program
// from --port sim.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { missingDependency } from "../../errors.js"
import { RUNTIME_EXPORT, RUNTIME_PARAMETERS } from "../../vm/runtime.js"
import { readRuntimeCode } from "../../vm/runtime-loader.js"
import { makeFolder } from "../make-folder.js"

/** Where the page looks for the virtual machine. */
const RUNTIME_FILE = "vm/devicescript-vm.js"
/** Where the page looks for the program, and where the program is from the page's folder. */
const PROGRAM_FILE = "firmware/simulated.devs"
const PROGRAM_FROM_PAGE = "../firmware/simulated.devs"
const RUNTIME_HEAD = "// DeviceScript's virtual machine, Microsoft, MIT licence; its WebAssembly is inside"

/** Reads every file of the page, by its path relative to it. Rejects with MISSING_DEPENDENCY. */
export async function readPageFiles(): Promise<Map<string, Uint8Array>> {
  const folder = await findPage()
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = new Map<string, Uint8Array>()
  for (const entry of entries.filter((one) => one.isFile())) {
    const file = path.join(entry.parentPath, entry.name)
    files.set(path.relative(folder, file).split(path.sep).join("/"), await readFile(file))
  }
  files.set(PROGRAM_FILE, await readFile(path.join(folder, PROGRAM_FROM_PAGE)))
  files.set(RUNTIME_FILE, new TextEncoder().encode(runtimeModule()))
  return files
}

/** Writes every file of the page into `folder`, for a web server. Returns how many bytes these are. */
export async function exportPage(folder: string): Promise<number> {
  let bytes = 0
  // one level first: Node's recursive mkdir never ends where none can be made, as below /proc
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error
  })
  for (const [name, content] of await readPageFiles()) {
    const file = path.join(folder, ...name.split("/"))
    makeFolder(path.dirname(file))
    await writeFile(file, content)
    bytes += content.length
  }
  return bytes
}

/** The virtual machine's code as a module that a browser can import. */
export function runtimeModule(): string {
  const body = `${readRuntimeCode()}\nreturn ${RUNTIME_EXPORT}()`
  return `${RUNTIME_HEAD}\nexport default (${RUNTIME_PARAMETERS.join(", ")}) => {\n${body}\n}\n`
}

/** From host/src/node/dashboard in the sources and from dist/host/src/node/dashboard when compiled. */
async function findPage(): Promise<string> {
  for (const folder of ["../../../../web", "../../../../dist/web"]) {
    const candidate = fileURLToPath(new URL(folder, import.meta.url))
    const isIt = await readFile(path.join(candidate, "index.html")).catch(() => undefined)
    if (isIt && (await readdir(candidate)).includes("assets")) return candidate
  }
  throw missingDependency("The page was not built.", {
    hint: "In a checkout, build it: npm run build",
  })
}
