// CONTRIBUTING.md and the README of each folder: what they name exists, and the recipes' lists are complete.

import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { arrowsAmong } from "../architecture/import-graph.js"
import { repositoryFiles } from "../support/repository-files.js"

const ROOT = path.join(import.meta.dirname, "../..")
const FOLDERS = ["firmware", "shared-protocol", "host", "boards", "test"]
const PAGES = ["CONTRIBUTING.md", ...FOLDERS.map((folder) => `${folder}/README.md`)]

const read = (file: string) => readFileSync(path.join(ROOT, file), "utf8")
const page = read("CONTRIBUTING.md")
const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> }

/** What a page names in code, in a block of commands, and as the target of a link. */
function namesIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code)
  const prose = text.replace(/^```[\s\S]*?^```$/gm, "")
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code)
  const links = [...prose.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, target = ""]) => target)
  return [...spans, ...blocks.flatMap((code) => code.split("\n"))]
    .flatMap((code) => code.split(/\s+/))
    .concat(links)
}

/** Names with a slash or with a file's ending, and the heads of a table's rows. NAME in one stands for what is to be made. */
function pathsIn(text: string): string[] {
  const heads = [...text.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = ""]) => namesIn(cell))
  const names = namesIn(text).filter((name) => /\/|\.(ts|md|mjs|json)$/.test(name))
  const paths = [...new Set([...heads, ...names])].filter((name) => /^\.?[\w-][\w./-]*$/.test(name))
  return paths.filter((name) => !/^(dist\/|virtio-msg\/)/.test(name))
}

/** The part of CONTRIBUTING.md under a heading. */
function recipe(title: string): string {
  const [, text] = page.split(`\n### ${title}\n`)
  if (text === undefined) throw new Error(`CONTRIBUTING.md has no recipe "${title}".`)
  return text.split(/\n##+ /)[0] as string
}

/** The product's files. */
const SOURCES = repositoryFiles(
  (file) =>
    /^(shared-protocol|firmware|host|boards)\/.*\.ts$/.test(file) && !/(test-src|\.d\.ts$)/.test(file),
)

/** The files that import one of `modules`. */
function importersOf(...modules: string[]): string[] {
  return [
    ...new Set(
      arrowsAmong(ROOT, SOURCES)
        .filter(({ to }) => modules.includes(to))
        .map(({ from }) => from),
    ),
  ]
}

describe.each(PAGES)("%s", (file) => {
  const text = read(file)

  it("names only paths that exist, from the root or from its own folder", () => {
    const names = pathsIn(text)
    expect(names.length).toBeGreaterThan(5)
    const isThere = (name: string) =>
      ["", path.dirname(file)].some((from) => {
        const to = path.join(ROOT, from, name)
        return existsSync(path.basename(to).includes("NAME") ? path.dirname(to) : to)
      })
    expect(names.filter((name) => !isThere(name))).toEqual([])
  })

  it("names only scripts that package.json has", () => {
    const named = [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, name = ""]) => name)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })
})

it("each folder at the top has a README of at most 40 lines, which leads to the recipes", () => {
  for (const folder of FOLDERS) {
    const text = read(`${folder}/README.md`)
    expect([folder, text.trimEnd().split("\n").length <= 40]).toEqual([folder, true])
    expect(text).toContain("](../CONTRIBUTING.md)")
  }
})

it("each folder's README names every folder in it that git has", () => {
  for (const folder of FOLDERS) {
    const inside = repositoryFiles((file) => file.startsWith(`${folder}/`)).map((file) =>
      path.relative(folder, file),
    )
    const folders = new Set(inside.flatMap((file) => /^(?:src\/)?[\w-]+(?=\/)/.exec(file)?.[0] ?? []))
    folders.delete("src") // holds what is named, or files alone
    const text = read(`${folder}/README.md`)
    expect([folder, [...folders].filter((name) => !text.includes(`\`${name}\``))]).toEqual([folder, []])
  }
})

describe("the recipe", () => {
  it("of a device type has exactly the files that know the clock, and these are few", () => {
    const [list = ""] = recipe("A device type").split("\nAnd `docs/devices.md`")
    const listed = [...list.matchAll(/`([\w/.-]+\.ts)`/g)].map(([, file = ""]) => file)
    // the word in any form: imports alone would not show an entry in a table
    const knowing = SOURCES.filter((file) => /\brtc|RTC|Rtc/.test(read(file)))
    expect(listed.sort()).toEqual(knowing.sort())
    expect(listed.length).toBeLessThanOrEqual(12)
  })

  it("of a chip has every file that knows the LM75's driver, or the simulated LM75", () => {
    const files = importersOf("host/src/sensors/lm75.ts", "firmware/src/chips/lm75.ts")
    expect(files.sort()).toEqual(["firmware/src/chips/simulated-bus.ts", "host/src/sensors/sensor-types.ts"])
    for (const file of files) expect(recipe("A chip")).toContain(`\`${file}\``)
  })

  it("of a board has every file that knows the Pico", () => {
    // a board of the same make may be made from it
    const files = importersOf("boards/src/pico.ts").filter((file) => file !== "boards/src/pico-w.ts")
    expect(files).toEqual(["boards/src/index.ts"])
    for (const file of files) expect(recipe("A board")).toContain(`\`${file}\``)
  })

  it("of a link has every file that makes one which a user can name", () => {
    const files = importersOf("host/src/node/dial-in-link.ts").filter((file) => /link/.test(file))
    expect(files).toEqual(["host/src/node/open-link.ts"])
    for (const file of files) expect(recipe("A link")).toContain(`\`${file}\``)
  })

  it("of a conformance row has every file that knows the rows of the header, and of the I2C device", () => {
    const files = importersOf(
      "host/src/conformance/rows/bus-messages.ts",
      "host/src/conformance/rows/i2c-device.ts",
    )
    expect(files.sort()).toEqual(["host/src/conformance/device-suites.ts", "host/src/conformance/table.ts"])
    for (const file of files) expect(recipe("A conformance row")).toContain(`\`${file}\``)
  })
})
