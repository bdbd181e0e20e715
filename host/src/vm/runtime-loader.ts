// Gets the DeviceScript virtual machine, as WebAssembly, out of the DeviceScript command line tool.
// No package offers the VM by itself: it is a section of the tool's one bundled file, so that section is cut out
// and evaluated, with time and chance injected. Pinned to one version, and loud when that is not what is there.

import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import path from "node:path"
import { VirtioMsgError } from "../errors.js"

const PACKAGE = "@devicescript/cli"
const VERSION = "2.16.4"
const SECTION_BEGIN = "// runtime/devicescript-vm/built/devicescript-vm.js"
const SECTION_END = "\n// dap/"
const SECTION_EXPORT = "require_devicescript_vm"

/** What the VM uses of its surroundings. */
export interface RuntimeScope {
  /** Milliseconds; the VM's only clock. */
  now(): number
  setTimeout(callback: () => void, delayMs: number): unknown
  clearTimeout(handle: unknown): void
  randomBytes(length: number): Uint8Array
  /** What the VM complains about. */
  onError(message: string): void
}

/** The VM, as its own JavaScript offers it. */
export interface Runtime {
  /** Called for each frame that the VM sends. */
  sendPacket: (frame: Uint8Array) => number
  dmesg: (line: string) => void
  /** Called when the program panics; 0 means a restart that the program asked for. */
  panicHandler: (code: number) => void
  flashLoad: null
  flashSave: null
  devsSetDeviceId(id: string): void
  devsStart(): void
  devsStop(): void
  /** 0 when the program was accepted. */
  devsDeploy(program: Uint8Array): number
  devsVerify(program: Uint8Array): number
  handlePacket(frame: Uint8Array): void
  /** Collects garbage at every allocation, to find what holds on to freed memory. Very slow. */
  devsGcStress(isOn: boolean): void
}

let section: string | undefined

/** Makes a new VM. Throws MISSING_DEPENDENCY when the tool is not there or is another version. */
export async function loadRuntime(scope: RuntimeScope): Promise<Runtime> {
  section ??= readSection()
  const names = ["require", "__filename", "__dirname", "__commonJS", "setTimeout", "clearInterval"]
  names.push("setInterval", "Date", "console")
  const evaluate = new Function(...names, `${section}\nreturn ${SECTION_EXPORT}()`)
  const require = createRequire(import.meta.url)
  const factory = evaluate(
    (name: string) => (name === "crypto" ? { randomBytes: scope.randomBytes } : require(name)),
    "devicescript-vm.js",
    ".",
    bundledModule,
    scope.setTimeout,
    // the runtime's own timers come from setTimeout; an interval only reports slow loading
    (handle: unknown) => handle !== undefined && scope.clearTimeout(handle),
    () => undefined,
    { now: scope.now },
    { log: scope.onError, error: scope.onError, warn: scope.onError, debug: () => {} },
  ) as () => Promise<Runtime>
  return factory()
}

/** The bundler's wrapper of a CommonJS module: one function under its path. */
function bundledModule(wrapped: Record<string, (exports: object, module: { exports: unknown }) => void>) {
  return () => {
    const module = { exports: {} }
    for (const run of Object.values(wrapped)) run(module.exports, module)
    return module.exports
  }
}

function readSection(): string {
  const require = createRequire(import.meta.url)
  let folder: string
  let version: unknown
  try {
    const manifest = require.resolve(`${PACKAGE}/package.json`)
    folder = path.dirname(manifest)
    version = JSON.parse(readFileSync(manifest, "utf8")).version
  } catch (cause) {
    throw new VirtioMsgError("MISSING_DEPENDENCY", `The package ${PACKAGE} is not installed.`, {
      hint: `It carries the simulator's virtual machine: npm install ${PACKAGE}@${VERSION}`,
      cause,
    })
  }
  const misfit = (what: string) =>
    new VirtioMsgError("MISSING_DEPENDENCY", `${PACKAGE} in ${folder} ${what}.`, {
      hint: `The simulator needs exactly version ${VERSION}: npm install ${PACKAGE}@${VERSION}`,
    })
  if (version !== VERSION) throw misfit(`is version ${version}`)
  const bundle = readFileSync(path.join(folder, "built/devicescript-cli.cjs"), "utf8")
  const begin = bundle.indexOf(SECTION_BEGIN)
  const end = begin < 0 ? -1 : bundle.indexOf(SECTION_END, begin)
  if (end < 0) throw misfit("does not hold the virtual machine where it should")
  const text = bundle.slice(begin, end)
  if (!text.includes(`var ${SECTION_EXPORT} = __commonJS(`)) throw misfit("holds another virtual machine")
  return text
}
