// The way through the guides: every guide has its place in it, and each begins with its one title.

import { readdir, readFile } from "node:fs/promises"
import path from "node:path"
import { expect, it } from "vitest"
import { GUIDES } from "../../docs/site/guides.mjs"

const DOCS = path.join(import.meta.dirname, "../../docs")

it("every guide has one place on the way, and one title, on its first line", async () => {
  const present = (await readdir(DOCS)).flatMap((name) => /^(.+)\.md$/.exec(name)?.[1] ?? [])
  expect(Object.values(GUIDES).flat().sort()).toEqual(present.sort())
  for (const name of present) {
    const text = await readFile(path.join(DOCS, `${name}.md`), "utf8")
    const prose = text.replace(/^```[\s\S]*?^```$/gm, "")
    expect({ name, titles: prose.match(/^# .+$/gm)?.length, first: text.startsWith("# ") }).toEqual({
      name,
      titles: 1,
      first: true,
    })
  }
})
