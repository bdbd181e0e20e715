import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, expect, it } from "vitest"
import { readSection } from "../../host/src/vm/file-section.js"

const folder = mkdtempSync(path.join(tmpdir(), "file-section-"))
const file = path.join(folder, "bundle")
/** What is read at once. */
const PIECE = 1 << 20

afterAll(() => rmSync(folder, { recursive: true }))

/** A file that has, behind so many bytes, a section with so many bytes in it. */
function sectionAt(before: number, inside: number): string {
  const section = `// begin${"é".repeat(inside / 2)}`
  writeFileSync(file, `${"-".repeat(before)}${section}// end${"-".repeat(100)}`)
  return section
}

it.each([
  ["at the beginning", 0, 10],
  ["across the end of a piece", PIECE - 4, 10],
  ["with an end across the end of a piece", 100, PIECE - 100 - 8 - 2],
  ["behind several pieces, and longer than one", 3 * PIECE + 17, 2 * PIECE],
])("finds a section %s", (_, before, inside) => {
  const section = sectionAt(before, inside)
  expect(readSection(file, "// begin", "// end") === section).toBe(true)
})

it("finds no section without its beginning or its end, and takes no end in front of it", () => {
  for (const text of ["", "// end", "// begin", "// end // begin", "-".repeat(2 * PIECE)]) {
    writeFileSync(file, text)
    expect(readSection(file, "// begin", "// end")).toBeUndefined()
  }
})
