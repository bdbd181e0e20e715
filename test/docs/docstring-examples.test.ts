// The @example of every public name: extracted, compiled as a user's program, and run. What `console.log(...) // text`
// says is what is printed.

import path from "node:path"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import * as library from "../../host/src/index.js"
import { complaintsAbout, ENTRIES, OPTIONS, promisedBy, run } from "./programs.js"

const ROOT = path.join(import.meta.dirname, "../..")

/** The protocol's names that users call first. Of the library, every class and function has an example. */
const OF_THE_PROTOCOL = [
  "decodeHeader",
  "decodePingResponse",
  "deviceTypeOf",
  "DEVICE_TYPES",
  "DriverRing",
  "encodePingRequest",
  "getU16",
  "Mailbox",
  "makeDeviceEndpoint",
  "RngDevice",
]

interface Example {
  readonly name: string
  /** Where its program would be: beside this test, for its imports. */
  readonly file: string
  readonly code: string
}

/** The text of a program, without the fence around it. */
function codeOf(comment: string): string {
  const [, code] = /^```ts\n([\s\S]*)\n```$/.exec(comment.trim()) ?? []
  if (code === undefined) throw new Error(`An example is no block of \`\`\`ts: ${comment}`)
  return code
}

/** What the entries export: their examples, and the names of the classes and functions of the library without one. */
function readExamples(): { program: ts.Program; examples: Example[]; without: string[] } {
  const files = Object.values(ENTRIES).map((file) => path.join(ROOT, file))
  const program = ts.createProgram(files, OPTIONS)
  const checker = program.getTypeChecker()
  const examples: Example[] = []
  const without: string[] = []
  for (const [at, file] of files.entries()) {
    const source = program.getSourceFile(file)
    const module = source && checker.getSymbolAtLocation(source)
    if (!module) throw new Error(`${file} exports nothing.`)
    for (const exported of checker.getExportsOfModule(module)) {
      const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0
      const symbol = isAlias ? checker.getAliasedSymbol(exported) : exported
      const tags = symbol.getJsDocTags(checker).filter((tag) => tag.name === "example")
      for (const { text } of tags)
        examples.push({
          name: exported.name,
          file: path.join(ROOT, "test/docs", `example-${examples.length}-${exported.name}.ts`),
          code: codeOf(ts.displayPartsToString(text)),
        })
      const isCallable = (symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Function)) !== 0
      if (tags.length === 0 && at === 0 && isCallable && exported.name in library) without.push(exported.name)
    }
  }
  return { program, examples, without }
}

const { program: sources, examples, without } = readExamples()

it("every class and function of the library has an example, and so have the protocol's first names", () => {
  expect(without).toEqual([])
  const names = examples.map(({ name }) => name)
  expect(OF_THE_PROTOCOL.filter((name) => !names.includes(name))).toEqual([])
  expect(names.length).toBeGreaterThanOrEqual(30)
})

describe("the examples", () => {
  it("compile as a user's program does", () => {
    const texts = new Map(examples.map(({ file, code }) => [file, code]))
    expect(complaintsAbout(texts, OPTIONS, sources)).toEqual([])
  })

  it("import only what a user can import", () => {
    for (const { code } of examples) {
      const from = [...code.matchAll(/ from "([^"]+)"$/gm)].map(([, name = ""]) => name)
      expect(from.length).toBeGreaterThan(0)
      expect(from.filter((name) => !(name in ENTRIES))).toEqual([])
    }
  })
})

describe("the example of", () => {
  it.each(examples.map(({ name, code }) => [name, code] as const))(
    "%s runs, and prints what it says",
    async (_, code) => {
      const promised = promisedBy(code)
      const printed = await run(code)
      let from = 0
      for (const text of promised) {
        const at = printed.indexOf(text, from)
        expect({ text, printed, isThere: at >= 0 }).toEqual({ text, printed, isThere: true })
        from = at + 1
      }
    },
  )
})
