// Programs that the documentation shows: compiled as a user's are, and run beside the library.

import path from "node:path"
import ts from "typescript"
import * as library from "../../host/src/index.js"
import * as protocol from "../../shared-protocol/src/index.js"

const ROOT = path.join(import.meta.dirname, "../..")

/** What a user imports, and its source. */
export const ENTRIES = {
  "virtio-msg": "host/src/index.ts",
  "virtio-msg/protocol": "shared-protocol/src/index.ts",
}
const MODULES: Readonly<Record<string, unknown>> = { "virtio-msg": library, "virtio-msg/protocol": protocol }

export const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2023.d.ts"],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  noUncheckedIndexedAccess: true,
  noUnusedLocals: true,
  verbatimModuleSyntax: true,
  skipLibCheck: true,
  noEmit: true,
  types: ["node"],
  paths: Object.fromEntries(Object.entries(ENTRIES).map(([name, file]) => [name, [path.join(ROOT, file)]])),
}

/** What the compiler says of programs: their texts by the file where each would be, all in one compilation. */
export function complaintsAbout(
  texts: ReadonlyMap<string, string>,
  options = OPTIONS,
  sources?: ts.Program,
): string[] {
  const host = ts.createCompilerHost(options)
  const { getSourceFile, readFile, fileExists } = host
  host.fileExists = (file) => texts.has(file) || fileExists(file)
  host.readFile = (file) => texts.get(file) ?? readFile(file)
  host.getSourceFile = (file, version, ...rest) => {
    const text = texts.get(file)
    return text === undefined
      ? getSourceFile.call(host, file, version, ...rest)
      : ts.createSourceFile(file, text, version)
  }
  const program = ts.createProgram([...texts.keys()], options, host, sources) // whose files it takes over
  return [...texts.keys()].flatMap((file) => {
    const source = program.getSourceFile(file)
    const diagnostics = [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ]
    return diagnostics.map(
      ({ messageText }) => `${path.basename(file)}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    )
  })
}

/** Runs a program, as a module does; the lines that it printed. */
export async function run(code: string): Promise<string[]> {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS },
  })
  const lines: string[] = []
  const console = { log: (...words: unknown[]) => lines.push(words.map(String).join(" ")) }
  const AsyncFunction = (async () => {}).constructor as new (
    ...parts: string[]
  ) => (...values: unknown[]) => Promise<void>
  await new AsyncFunction("require", "exports", "console", outputText)(
    (name: string) => MODULES[name],
    {},
    console,
  )
  return lines
}

/** What a program says behind its calls of `console.log`: the lines that it prints. */
export function promisedBy(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map(([, text]) => text as string)
}
