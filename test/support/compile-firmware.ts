// Compiles a DeviceScript program of firmware/test-src. The compiler writes to one fixed place, so vitest.config.ts
// runs the tests that use this one after the other.

import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"

const BUILD = path.join(import.meta.dirname, "../../firmware/build.mjs")

/** The bytecode of firmware/test-src/NAME.ts. Throws what the compiler complains about. */
export function compileFirmware(name: string): Uint8Array {
  const folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-compile-"))
  try {
    const output = path.join(folder, "program.devs")
    execFileSync(process.execPath, [BUILD, `test-src/${name}.ts`, output])
    return readFileSync(output)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
