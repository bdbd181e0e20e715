// Takes the DeviceScript virtual machine, as WebAssembly, out of the DeviceScript command line tool. No package offers
// the VM by itself. It is a section of the tool's one bundled file: this section is cut out and evaluated, with our
// own time and randomness. Only one version is accepted, and another one is an error.

import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import path from "node:path"
import { missingDependency } from "../errors.js"
import { readSection } from "./file-section.js"
import {
  type BareRuntime,
  instantiateRuntime,
  RUNTIME_EXPORT,
  RUNTIME_PARAMETERS,
  type RuntimeScope,
} from "./runtime.js"

const PACKAGE = "@devicescript/cli"
const VERSION = "2.16.4"
const SECTION_BEGIN = "// runtime/devicescript-vm/built/devicescript-vm.js"
const SECTION_END = "\n// dap/"

let section: string | undefined

/** Makes a new VM. Throws MISSING_DEPENDENCY when the tool is not there or is another version. */
export async function loadRuntime(scope: RuntimeScope): Promise<BareRuntime> {
  section ??= readRuntimeCode()
  const evaluate = new Function(...RUNTIME_PARAMETERS, `${section}\nreturn ${RUNTIME_EXPORT}()`)
  return instantiateRuntime(
    (...surroundings) => evaluate(...surroundings),
    scope,
    createRequire(import.meta.url),
  )
}

/** The VM's JavaScript, its WebAssembly in it. Throws MISSING_DEPENDENCY as `loadRuntime`. */
export function readRuntimeCode(): string {
  const require = createRequire(import.meta.url)
  let folder: string
  let version: unknown
  try {
    const manifest = require.resolve(`${PACKAGE}/package.json`)
    folder = path.dirname(manifest)
    version = JSON.parse(readFileSync(manifest, "utf8")).version
  } catch (cause) {
    throw missingDependency(`The package ${PACKAGE} is not installed.`, {
      hint: `It carries the simulator's virtual machine: npm install ${PACKAGE}@${VERSION}`,
      cause,
    })
  }
  const misfit = (what: string) =>
    missingDependency(`${PACKAGE} in ${folder} ${what}.`, {
      hint: `The simulator needs exactly version ${VERSION}: npm install ${PACKAGE}@${VERSION}`,
    })
  if (version !== VERSION) throw misfit(`is version ${version}`)
  const text = readSection(path.join(folder, "built/devicescript-cli.cjs"), SECTION_BEGIN, SECTION_END)
  if (text === undefined) throw misfit("does not hold the virtual machine where it should")
  if (!text.includes(`var ${RUNTIME_EXPORT} = __commonJS(`)) throw misfit("holds another virtual machine")
  return text
}
