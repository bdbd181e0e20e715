// The blocks of our pages do what they say. Commands run in order, in a folder of their own, and what a page shows of
// their output is what comes; programs are compiled, and run. What cannot run here has a mark with the reason.

import { existsSync } from "node:fs"
import path from "node:path"
import { describe, expect, it, vi } from "vitest"
import { findFault } from "../../host/src/cli/check-line.js"
import { words } from "../cli/help-examples.js"
import { type Block, blocksOf, commandsOf, fileOf, pages, REASONS, ROOT } from "./page-blocks.js"
import { complaintsAbout, OPTIONS, promisedBy, run } from "./programs.js"
import { missingFrom, runLines } from "./typed-lines.js"

// it looks for package.json beside dist/
vi.mock("../../host/src/cli/version.js", () => ({ application: () => "test", packageVersion: () => "0" }))

const BLOCKS = pages().flatMap((page) => blocksOf(page))
const isRun = ({ mark }: Block) => mark?.kind !== "not run"
const SHELL = BLOCKS.filter(({ language }) => language === "sh")
const PROGRAMS = BLOCKS.filter(({ language }) => language === "ts")
const OUTPUTS = BLOCKS.filter(({ mark }) => mark?.kind === "output of")

const titleOf = ({ page, line }: Block) => `${page}:${line}`
const named = (blocks: readonly Block[]) => blocks.map((block) => [titleOf(block), block] as const)

describe("the marks", () => {
  it("are of a known kind, with a reason of the list and a test that there is", () => {
    const faults = BLOCKS.flatMap((block) => {
      if (block.mark === undefined) return []
      const { kind, text } = block.mark
      if (kind === "output of")
        return text.startsWith("npx virtio-msg ") ? [] : [`${titleOf(block)}: ${text}`]
      const [, reason = "", test] = /^(.*?)(?: \((\S+)\))?$/.exec(text) ?? []
      const isKnown = kind === "not run" && REASONS.includes(reason)
      return isKnown && (test === undefined || existsSync(path.join(ROOT, test)))
        ? []
        : [`${titleOf(block)}: ${kind}: ${text}`]
    })
    expect(faults).toEqual([])
  })

  it("stand where nothing can run, so most blocks of programs and a good part of the commands have none", () => {
    expect(PROGRAMS.filter(isRun).length).toBe(PROGRAMS.length)
    expect(SHELL.filter(isRun).length).toBeGreaterThanOrEqual(15)
    expect(OUTPUTS.length).toBeGreaterThanOrEqual(2)
  })

  it("are missing nowhere: a block of a language that this test does not run has one", () => {
    const others = BLOCKS.filter(({ language }) => !["", "sh", "ts", "json"].includes(language))
    expect(others.filter(isRun).map(titleOf)).toEqual([])
  })
})

it("every line of virtio-msg in a block for a shell is a valid one, run here or not", async () => {
  const faults: object[] = []
  let count = 0
  for (const block of SHELL)
    for (const { command } of commandsOf(block)) {
      const [, line] = /^(?:sudo )?(?:npx )?virtio-msg (.*?)(?: (?:\||>|&).*)?$/.exec(command) ?? []
      if (line === undefined) continue
      count++
      const fault = await findFault(words(line))
      if (fault !== undefined) faults.push({ block: titleOf(block), command, fault })
    }
  expect(faults).toEqual([])
  expect(count).toBeGreaterThan(40)
})

describe("the commands of", () => {
  it.concurrent.each(named(SHELL.filter(isRun)))("%s run", async (_, block) => {
    await runLines(block.page, commandsOf(block))
  })
})

describe("the output in", () => {
  it.concurrent.each(named(OUTPUTS))("%s is what its command prints", async (_, { page, mark, code }) => {
    const output = await runLines(page, [{ command: mark?.text as string, comment: "" }])
    expect({ output, missing: missingFrom(output, code) }).toEqual({ output, missing: [] })
  })
})

describe("the programs", () => {
  it("compile as a strict user's do", () => {
    // beside the file that one of them imports
    const texts = new Map(
      PROGRAMS.map((block, at) => [
        path.join(ROOT, "docs/examples", fileOf(block) ?? `${path.basename(block.page, ".md")}-${at}.ts`),
        block.code,
      ]),
    )
    expect(texts.size).toBe(PROGRAMS.length)
    const options = { ...OPTIONS, noUncheckedIndexedAccess: false, allowImportingTsExtensions: true }
    expect(complaintsAbout(texts, options)).toEqual([])
  })

  // one with a file's name is a chip: it runs in the commands of its page
  it.each(named(PROGRAMS.filter((block) => isRun(block) && fileOf(block) === undefined)))(
    "of %s runs, and prints what it says",
    async (_, { code }) => {
      const printed = await run(code)
      for (const text of promisedBy(code))
        expect({ text, printed, isThere: printed.some((line) => line.startsWith(text)) }).toEqual({
          text,
          printed,
          isThere: true,
        })
    },
  )
})
