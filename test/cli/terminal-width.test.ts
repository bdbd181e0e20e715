// What stands in columns fits a terminal of 80: the last column goes on below itself. In a pipe, lines stay whole.

import { execFile, spawnSync } from "node:child_process"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { formatTable, hanging } from "../../host/src/cli/table.js"
import { MAIN, plainEnvironment } from "./command.js"

const isMissing = spawnSync("script", ["--version"]).error !== undefined
if (isMissing && process.env.CI) throw new Error("In CI nothing may be missing: apt-get install bsdutils")

/** All commands that print columns. The board's own lines, in `console` and `logs`, are passed on as they come. */
const IN_COLUMNS = [
  "boards",
  "ports",
  "conform --list",
  "--port sim info",
  "--port sim doctor",
  "--port sim sensor",
  "--port sim gpio info",
  "--port sim i2c detect",
  "--port sim i2c dump 0x50",
  "--port sim rtc --plug --set",
]

/** What a terminal of 80 columns shows, without its colours. */
async function atTerminal(line: string): Promise<string[]> {
  const typed = `stty cols 80; '${process.execPath}' '${MAIN}' ${line}`
  const { stdout } = await promisify(execFile)("script", ["-qfc", typed, "/dev/null"], {
    env: { ...plainEnvironment(), SHELL: "/bin/sh", TERM: "xterm" },
  })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's colours are such
  return stdout.replace(/\x1b\[[0-9;?]*[a-zA-Z]/g, "").split(/\r?\n|\r/)
}

const skipped = isMissing ? " (skipped: enable with: apt-get install bsdutils)" : ""

describe.skipIf(isMissing)(`at a terminal of 80 columns${skipped}`, () => {
  it.each(IN_COLUMNS)("virtio-msg %s is no wider", async (line) => {
    const lines = await atTerminal(line)
    expect(lines.length).toBeGreaterThan(1)
    expect(lines.filter((each) => each.length > 80)).toEqual([])
  })
})

describe("a table", () => {
  it("goes on below its last column's beginning, and loses no word", () => {
    const rows = [
      ["ROW", "REQUIREMENT"],
      ["G1", "one two three four five six seven eight"],
    ]
    expect(formatTable(rows, 30)).toEqual([
      "ROW  REQUIREMENT",
      "G1   one two three four five",
      "     six seven eight",
    ])
    expect(formatTable(rows, 20)).toEqual([
      "ROW  REQUIREMENT",
      "G1   one two three four five six seven eight",
    ])
    expect(formatTable(rows)).toEqual(["ROW  REQUIREMENT", "G1   one two three four five six seven eight"])
  })

  it("lets a word stand that is longer than the room", () => {
    expect(hanging("a ", "b ccccccccccccccccccccccccccccccc d", { width: 25 })).toEqual([
      "a b",
      "  ccccccccccccccccccccccccccccccc",
      "  d",
    ])
  })
})
