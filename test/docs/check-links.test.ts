// The check of the site's links finds what is broken, and nothing else.

import { mkdir, writeFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { checkLinks } from "../../docs/site/check-links.mjs"
import { withFolder } from "../cli/command.js"

async function check(pages: Record<string, string>) {
  return withFolder(async (folder) => {
    for (const [file, html] of Object.entries(pages)) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true })
      await writeFile(path.join(folder, file), html)
    }
    return checkLinks(folder)
  })
}

const ABOUT = '<h1 id="top">About</h1>'

describe("the site's links", () => {
  it("are counted when all of them lead somewhere", async () => {
    const index = '<a href="sub/about.html#top"></a><img src="a%20b.png"><a href="#here" id="here"></a>'
    const about = `${ABOUT}<a href="../index.html"></a><a href="https://example.org/"></a>`
    expect(await check({ "index.html": index, "sub/about.html": about, "a b.png": "" })).toEqual({
      pageCount: 2,
      linkCount: 5,
      broken: [],
    })
  })

  it.each([
    ["none.html", "no such file"],
    ["about.html#bottom", "no place #bottom there"],
    ["#nowhere", "no place #nowhere there"],
    ["/about.html", "works only at the root of a server"],
    ["http://example.org/", "leads out of the site, and not by https"],
    ["file:///etc/passwd", "leads out of the site, and not by https"],
  ])("to %s are broken: %s", async (link, reason) => {
    const { broken } = await check({ "index.html": `<a href="${link}"></a>`, "about.html": ABOUT })
    expect(broken).toEqual([`index.html: ${link}: ${reason}`])
  })
})
