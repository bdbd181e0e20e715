// Compiles a DeviceScript program of firmware/test-src, unless the same sources were compiled before.

import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import path from "node:path"

const ROOT = path.join(import.meta.dirname, "../..")

/** The bytecode of firmware/test-src/NAME.ts. Throws the errors of the compiler. */
export function compileFirmware(name: string): Uint8Array {
  const output = path.join(ROOT, `dist/test/firmware/${name}.devs`)
  execFileSync(process.execPath, [path.join(ROOT, "firmware/build.mjs"), `test-src/${name}.ts`, output])
  return readFileSync(output)
}
