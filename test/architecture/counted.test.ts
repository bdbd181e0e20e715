// "1 bytes" reads as a mistake: what counts goes through `counted`, or the sentence is put so that it fits every number.

import { readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { counted } from "../../host/src/counted.js"
import { repositoryFiles } from "../support/repository-files.js"

const ROOT = path.join(import.meta.dirname, "../..")
const NOUNS =
  "(?:writable )?(?:bytes|blocks|boards|buffers|calls|chains|chips|columns|completions|descriptors|devices|edges|events|" +
  "frames|interrupts|lines|messages|names|packets|queues|regions|requests|responses|rows|segments|slots|spans|values)"
/** A number that is worked out, in front of a noun in the plural. Of a constant (in capitals) everybody knows that it is many. */
const IN_TEMPLATE = new RegExp(String.raw`\$\{(?!counted\b)((?:[^{}\`]|\{[^{}]*\})+)\} ${NOUNS}\b`, "g")
const IN_LUA = new RegExp(String.raw`%d ${NOUNS}\b`, "g")
/** Verbs that look like nouns, and what can never be 1. */
const NO_COUNT = [
  /\} names (head|another)/, // a verb
  /HEADER_SIZE \+ payloadSize\} bytes/, // 8 and more
  /\$\{levels\.join\(" and "\)\} rows/, // MUST and SHOULD
]

function sources(pattern: string): string[] {
  const folders = [
    "host/src",
    "host/web",
    "host/wireshark",
    "shared-protocol/src",
    "firmware/src",
    "host/i2c-bus",
  ]
  return repositoryFiles(
    (file) => file.endsWith(pattern) && folders.some((folder) => file.startsWith(`${folder}/`)),
  )
}

describe("a number in front of what it counts", () => {
  it.each([
    [".ts", IN_TEMPLATE],
    [".lua", IN_LUA],
  ])("is never followed by a plural that ignores it, in %s files", (ending, pattern) => {
    const files = sources(ending)
    expect(files.length).toBeGreaterThan(0)
    const found = files.flatMap((file) => {
      const text = readFileSync(path.join(ROOT, file), "utf8")
      return [...text.matchAll(pattern)].flatMap(({ 0: whole, 1: expression = "", index }) => {
        if (/^[A-Z][A-Z0-9_]*$|^\d+$/.test(expression)) return []
        const line = text.slice(text.lastIndexOf("\n", index) + 1, text.indexOf("\n", index)).trim()
        if (
          line.startsWith("throw new Error(") ||
          (line.startsWith("if (") && line.includes("throw new Error("))
        )
          return [] // ours alone
        return NO_COUNT.some((known) => known.test(line)) ? [] : [`${file}: ${whole}`]
      })
    })
    expect(found).toEqual([])
  })

  it("is 1 with the singular alone", () => {
    expect([0, 1, 2].map((count) => counted(count, "byte"))).toEqual(["0 bytes", "1 byte", "2 bytes"])
    expect(counted(1, "call waits", "calls wait")).toBe("1 call waits")
    expect(counted(2, "call waits", "calls wait")).toBe("2 calls wait")
    expect(counted(1n, "byte")).toBe("1 byte")
  })
})
