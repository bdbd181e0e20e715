// The suite's reports: what a failing row shows to people, and XML and JSON that programs can rely on.

import { describe, expect, it } from "vitest"
import { reportAsJson, reportAsJunit } from "../../host/src/conformance/report-files.js"
import { formatReport } from "../../host/src/conformance/report-text.js"
import { isConforming, type Report, type RowResult } from "../../host/src/conformance/result.js"
import type { Row } from "../../host/src/conformance/row.js"
import type { Status } from "../../host/src/conformance/verdict.js"

const NASTY = 'status "0x0f" < 3 & > 2 \u001b[31mred\u0000\u0007\ud800 in two\nlines'

function result(id: string, level: Row["level"], status: Status, detail = ""): RowResult {
  const row: Row = { id, side: "device", level, section: "5.1", requirement: `Requirement <${id}> & "more".` }
  const request = Uint8Array.of(0, 7, 5, 0, 1, 64, 8, 0)
  const response = Uint8Array.of(1, 7, 5, 0, 1, 64, 12, 0, 15, 0, 0, 0)
  const exchanges = [
    { direction: "out" as const, frame: request, atMs: 1 },
    { direction: "in" as const, frame: response, atMs: 2 },
  ]
  return { row, status, detail, exchanges: status === "fail" ? exchanges : [] }
}

const REPORT: Report = {
  subject: "a <subject> & 'more'",
  facts: ["a fact"],
  results: [
    result("V1", "MUST", "pass"),
    result("V2", "MUST", "fail", NASTY),
    result("V3", "MUST", "blocked", "No response."),
    result("V-S1", "SHOULD", "fail", "Not recommended."),
    result("V4", "MUST", "skipped", "It has none."),
    result("V-M1", "MAY", "not observable", "A permission."),
  ],
  tookMs: 1234,
}

interface Element {
  readonly name: string
  readonly attributes: Record<string, string>
  readonly children: Element[]
  text: string
}

/** A strict reader of the XML that is used here: throws for whatever is not well-formed. */
function parseXml(xml: string): Element {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 forbids exactly these
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/.test(xml))
    throw new Error("a character that XML does not allow")
  const root: Element = { name: "", attributes: {}, children: [], text: "" }
  const open = [root]
  const declaration = /^<\?xml version="1.0" encoding="UTF-8"\?>\n/
  if (!declaration.test(xml)) throw new Error("no declaration")
  const token = /<(\/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)>|([^<]+)/gy
  const body = xml.replace(declaration, "")
  let at = 0
  for (let match = token.exec(body); match; match = token.exec(body)) {
    at = token.lastIndex
    const [, closing, name = "", attributes = "", empty, text] = match
    const parent = open.at(-1) as Element
    if (text !== undefined) parent.text += unescaped(text)
    else if (closing) {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes nothing`)
    } else {
      const pairs = [...attributes.matchAll(/([a-z]+)="([^"]*)"/g)]
      const element: Element = {
        name,
        attributes: Object.fromEntries(pairs.map(([, key, value]) => [key, unescaped(value ?? "")])),
        children: [],
        text: "",
      }
      if (pairs.length !== Object.keys(element.attributes).length) throw new Error("an attribute twice")
      parent.children.push(element)
      if (!empty) open.push(element)
    }
  }
  if (at !== body.length) throw new Error(`not XML: ${body.slice(at, at + 40)}`)
  if (open.length !== 1 || root.children.length !== 1) throw new Error("no single root element")
  return root.children[0] as Element
}

function unescaped(text: string): string {
  if (/&(?!#\d+;)/.test(text)) throw new Error("an ampersand that is not escaped")
  return text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
}

describe("the JUnit report", () => {
  it("is well-formed XML, counts what it holds, and keeps every word", () => {
    const root = parseXml(reportAsJunit(REPORT))
    expect(root).toMatchObject({ name: "testsuites", children: [{ name: "testsuite" }] })
    const suite = root.children[0] as Element
    const having = (name: string) =>
      suite.children.filter(({ children }) => children.some((child) => child.name === name))
    expect(suite.attributes).toEqual({
      name: "virtio-msg conformance of a <subject> & 'more'",
      tests: "6",
      failures: "2",
      skipped: "3",
      time: "1.234",
    })
    expect(suite.children.map(({ name }) => name)).toEqual(new Array(6).fill("testcase"))
    expect(having("failure").map(({ attributes }) => attributes.name?.slice(0, 2))).toEqual(["V2", "V3"])
    expect(having("skipped").map(({ attributes }) => attributes.name?.split(" ")[0])).toEqual([
      "V-S1",
      "V4",
      "V-M1",
    ])
    const [failure] = having("failure")[0]?.children ?? []
    // what XML cannot hold is shown as what it was
    expect(failure?.attributes.message).toBe(
      'status "0x0f" < 3 & > 2 \\x1b[31mred\\x00\\x07\\ud800 in two\nlines',
    )
    expect(failure?.text).toContain("sent GET_DEVICE_STATUS")
    expect(failure?.text).toContain("0007050001400800")
    expect(failure?.text).toContain("received GET_DEVICE_STATUS")
    expect(failure?.text).toContain("010705000140" + "0c000f000000")
    expect(having("failure")[0]?.attributes.classname).toBe("a <subject> & 'more'.device")
  })
})

describe("the JSON report", () => {
  it("has each row's status, and the decoded bytes of a failure", () => {
    const json = JSON.parse(JSON.stringify(reportAsJson(REPORT)))
    expect(json.counts).toEqual({ pass: 1, fail: 2, blocked: 1, skipped: 1, "not observable": 1 })
    expect(json).toMatchObject({ conforming: false, tookMs: 1234, facts: ["a fact"], draft: null })
    expect(json.rows.map(({ status }: { status: string }) => status)).toEqual(
      REPORT.results.map(({ status }) => status),
    )
    expect(json.rows[0]).toMatchObject({ id: "V1", detail: null, device: null, exchanges: [] })
    expect(json.rows[1].detail).toBe(NASTY)
    expect(json.rows[1].exchanges[1]).toMatchObject({
      direction: "in",
      bytes: "010705000140" + "0c000f000000",
      name: "GET_DEVICE_STATUS",
      kind: "response",
    })
  })
})

describe("the report for people", () => {
  it("shows of a failing row what was sent and received, decoded and as bytes", () => {
    const paint = { good: String, bad: String, dim: String, strong: String }
    const text = formatReport(REPORT, { paint, columns: 200, isVerbose: false }).join("\n")
    expect(text).toMatch(/^V2 +FAIL /m)
    expect(text).toMatch(/^ +sent +GET_DEVICE_STATUS, request, device 5\n +00070500 01400800$/m)
    expect(text).toMatch(
      /^ +received GET_DEVICE_STATUS, response, device 5, .*DRIVER_OK.*\n +01070500 01400c00 0f000000$/m,
    )
    expect(text).not.toMatch(/^V1 /m)
    expect(isConforming(REPORT)).toBe(false)
  })

  it("conforms when only recommendations are not followed", () => {
    const results = REPORT.results.filter(({ row, status }) => row.level !== "MUST" || status === "pass")
    expect(isConforming({ ...REPORT, results })).toBe(true)
  })
})
