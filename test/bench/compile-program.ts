// Compiles a program of firmware/test-src for the benchmark, which runs in the sources and compiled to dist/.

import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"

/** From test/bench, or from dist/test/bench. */
const BUILD = ["../../firmware/build.mjs", "../../../firmware/build.mjs"]

/** The bytecode of firmware/test-src/NAME.ts. Throws what the compiler complains about. */
export function compileProgram(name: string): Uint8Array {
  const build = BUILD.map((file) => fileURLToPath(new URL(file, import.meta.url))).find(existsSync)
  if (!build) throw new Error("firmware/build.mjs is missing")
  const folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-bench-"))
  try {
    const output = path.join(folder, "program.devs")
    execFileSync(process.execPath, [build, `test-src/${name}.ts`, output])
    return readFileSync(output)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
