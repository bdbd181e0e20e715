// docs/notes-for-the-authors.md: every claim names a row or a test that is there, every section is one of the text's, and
// every decision of docs/bus.md is told.

import { existsSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { draftOf } from "../../host/src/conformance/drafts.js"
import { isCheckable, TABLE } from "../../host/src/conformance/table.js"
import { putU16 } from "../../shared-protocol/src/bytes.js"

const urlOf = (file: string) => new URL(`../../${file}`, import.meta.url)
const read = (file: string) => readFileSync(urlOf(file), "utf8")
const onOneLine = (text: string) => text.replace(/\s+/g, " ")

const PAGE = read("docs/notes-for-the-authors.md")
const BUS = read("docs/bus.md")
const rows = new Map(TABLE.map((row) => [row.id, row]))
const sections = new Set(TABLE.map(({ section }) => section))

/** A part of a page: from a line of its heading to the next heading of the same level. */
function part(page: string, heading: string): string {
  const [, behind] = page.split(`\n${heading}\n`)
  if (behind === undefined) throw new Error(`no heading ${heading}`)
  return behind.split(/\n## /)[0] as string
}

/** What holds a claim in place: ids of rows, and titles of tests by their file. */
function checksIn(text: string) {
  const flat = onOneLine(text)
  const tests: { file: string; title: string }[] = []
  let rest = flat
  for (const [whole, file = "", titles = ""] of flat.matchAll(/`(test\/[^`]+)`: ("[^"]*"(?:, "[^"]*")*)/g)) {
    for (const [, title = ""] of titles.matchAll(/"([^"]*)"/g)) tests.push({ file, title })
    rest = rest.replace(whole, "")
  }
  const ids = rest.match(/\b[A-Z](?:-[SM])?\d+\b/g) ?? []
  // what is left of a test's name would be one that nobody looks for
  return { ids, tests, isClean: !/test\/|"/.test(rest) }
}

function expectChecks(name: string, text: string): void {
  const { ids, tests, isClean } = checksIn(text)
  expect({ name, isClean }).toEqual({ name, isClean: true })
  const checked = ids.filter((id) => {
    const row = rows.get(id)
    return row !== undefined && isCheckable(row)
  })
  expect({ name, ids: checked }).toEqual({ name, ids })
  for (const { file, title } of tests) {
    const isThere = existsSync(urlOf(file)) && read(file).includes(`"${title}"`)
    expect({ file, title, isThere }).toEqual({ file, title, isThere: true })
  }
  expect({ name, count: ids.length + tests.length }).not.toEqual({ name, count: 0 })
}

interface Note {
  readonly title: string
  readonly points: ReadonlyMap<string, string>
}

/** The notes of the first two parts, with their points by name. */
const notes: readonly Note[] = ["## What the text leaves open", "## What we missed in the text"].flatMap(
  (heading) =>
    part(PAGE, heading)
      .split(/^### /m)
      .slice(1)
      .map((text) => ({
        title: text.split("\n")[0] as string,
        points: new Map(
          text.split(/^- \*\*/m).flatMap((point): [string, string][] => {
            const [, name = "", said = ""] = /^([^*]+):\*\* ([\s\S]*)$/.exec(point) ?? []
            return name ? [[name, onOneLine(said).trim()]] : []
          }),
        ),
      })),
)

const table = part(PAGE, "## What the text leaves to the bus")
  .split("\n")
  .flatMap((line) => {
    const [, decision, checks] = /^\| (\S.*?) +\| (\S.*?) +\|$/.exec(line) ?? []
    return decision && checks && !/^-+$/.test(decision) ? [{ decision, checks }] : []
  })
  .slice(1)

/** The bold words that a list of docs/bus.md begins its items with. */
const decisions = (heading: string, item: RegExp) =>
  part(BUS, heading)
    .split(item)
    .slice(1)
    .map((text) => /^\*\*([^*]+?)\.?\*\*/.exec(text)?.[1] ?? text.slice(0, 40))

describe("docs/notes-for-the-authors.md", () => {
  it("has notes with a section, what we do, and what checks it", () => {
    expect(notes.length).toBeGreaterThan(20)
    for (const { title, points } of notes) {
      const names = [...points.keys()]
      expect({ title, hasQuestion: names.some((name) => name === "Open" || name === "Missing") }).toEqual({
        title,
        hasQuestion: true,
      })
      expect({ title, hasAnswer: names.some((name) => name === "We chose" || name === "We do") }).toEqual({
        title,
        hasAnswer: true,
      })
      for (const section of points.get("Section")?.split(", ") ?? [""])
        expect({ title, section, isOfTheText: sections.has(section) }).toEqual({
          title,
          section,
          isOfTheText: true,
        })
    }
  })

  it.each(notes.map(({ title, points }) => [title, points.get("Checked by") ?? ""]))(
    "%s: its rows and tests are there",
    expectChecks,
  )

  it.each(table.map(({ decision, checks }) => [decision, checks]))(
    "%s: its rows and tests are there",
    expectChecks,
  )

  it("tells of every decision in docs/bus.md, by its name", () => {
    const told = notes.flatMap(({ points }) => points.get("Decision in `bus.md`") ?? [])
    expect([...new Set(told)]).toEqual(decisions("## Decisions where the text is open", /^- /m))
  })

  it("tells of all that docs/bus.md says the specification leaves to the bus", () => {
    const left = decisions("## Fourteen things that the specification leaves to the bus", /^\d+\. /m)
    expect(left.length).toBe(14)
    expect(table.map(({ decision }) => decision)).toEqual(left)
  })

  it("says how each draft is known as the suite says it", () => {
    const drafts = part(PAGE, "## Older drafts, and how we know them")
    const [, checks = ""] = /\*\*Checked by:\*\* ([\s\S]*?)\n\n/.exec(drafts) ?? []
    expectChecks("drafts", checks)
    const rfc3 = new Uint8Array(32)
    rfc3.set([1, 2])
    putU16(rfc3, 6, rfc3.length)
    const rfc2 = Uint8Array.of(0, 2, 3, 0, 6, 0)
    const alpha = Uint8Array.from({ length: 40 }, (_, at) => (at === 1 ? 2 : 0))
    for (const frame of [alpha, rfc2, rfc3]) {
      const known = draftOf(frame)
      const row = drafts.split("\n").find((line) => line.startsWith(`| ${known?.draft}`))
      expect(row).toContain(known?.sign)
    }
    const source = read("host/src/conformance/drafts.ts")
    for (const sign of [
      "SET_VQUEUE has no flags, and so enables no queue",
      "it goes on only where GET_DEVICE_INFO is ",
    ]) {
      expect(source).toContain(sign)
      expect(drafts).toContain(sign)
    }
  })
})
