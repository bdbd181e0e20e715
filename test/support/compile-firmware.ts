// Compiles a DeviceScript program of firmware/test-src, unless dist/ has it newer than its sources.

import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import path from "node:path"

const ROOT = path.join(import.meta.dirname, "../..")

/** The bytecode of firmware/test-src/NAME.ts. Throws what the compiler complains about. */
export function compileFirmware(name: string): Uint8Array {
  const output = path.join(ROOT, `dist/test/firmware/${name}.devs`)
  execFileSync(process.execPath, [path.join(ROOT, "firmware/build.mjs"), `test-src/${name}.ts`, output])
  return readFileSync(output)
}
