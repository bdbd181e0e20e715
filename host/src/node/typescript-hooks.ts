// Lets this process import TypeScript files where Node.js itself cannot (before 22.18). It uses module hooks, which
// run in a thread of Node, and the compiler of the user's project or of ours.

import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"

interface LoadResult {
  readonly format: string
  readonly shortCircuit?: boolean
  readonly source?: string
}

type NextLoad = (url: string, context: object) => Promise<LoadResult>

/** The part of the package typescript that is used. */
interface Compiler {
  transpileModule(source: string, options: object): { outputText: string }
}

/** Node's `load` hook: a .ts file is an ES module without its types. */
export async function load(url: string, context: object, nextLoad: NextLoad): Promise<LoadResult> {
  if (!/^file:.*\.m?ts$/.test(url)) return nextLoad(url, context)
  const fileName = fileURLToPath(url)
  const source = await readFile(fileName, "utf8")
  const compilerOptions = { module: 99, target: 9, inlineSourceMap: true } // ESNext, ES2022
  const { outputText } = findCompiler(fileName).transpileModule(source, { compilerOptions, fileName })
  return { format: "module", shortCircuit: true, source: outputText }
}

/** Throws MODULE_NOT_FOUND when there is none. */
export function findCompiler(fileName: string): Compiler {
  try {
    return createRequire(fileName)("typescript")
  } catch {
    return createRequire(import.meta.url)("typescript")
  }
}
