// How the page looks, compared with how it looked when somebody last looked at it: at three sizes, light and dark, at
// the tour's eighth step, where the system in the page stands at the same message each time. A picture is compared as
// a grid of average colours, loosely: another font or browser may pass, a part that is missing or elsewhere does not.
// Look at the page, then record anew: npm run build && UPDATE_GOLDEN=1 npx vitest run test/web/browser/looks.test.ts

import { readFile, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { because } from "../../support/because.js"
import { atRest, launch, type OpenPage, open, skipReason } from "./chromium.js"
import { averages, type Colour } from "./picture.js"
import { hostPage, type StaticServer } from "./static-server.js"

const skip = await skipReason()
const isRecording = process.env.UPDATE_GOLDEN !== undefined
const LOOKS = fileURLToPath(new URL("looks.json", import.meta.url))

const COLUMNS = 24
const ROWS = 16
const STEP = 8
/** A part of the picture differs when one of its colours, 0 to 255, is so far from what was recorded. */
const FAR = 16
/** So many of the 384 parts may differ: lines of text that another font breaks elsewhere. */
const MOST_FAR = 20

const SIZES = [
  { name: "telephone", viewport: { width: 360, height: 740 } },
  { name: "desk", viewport: { width: 1280, height: 800 } },
  { name: "wall", viewport: { width: 3840, height: 2160 } },
] as const
const SCHEMES = ["light", "dark"] as const

/** By "telephone, light" and so on, a line of the grid each: "rrggbb" 24 times. */
type Looks = Record<string, string[]>

function linesOf(colours: readonly Colour[]): string[] {
  const texts = colours.map((parts) => parts.map((part) => part.toString(16).padStart(2, "0")).join(""))
  return Array.from({ length: ROWS }, (_, row) => texts.slice(row * COLUMNS, (row + 1) * COLUMNS).join(" "))
}

/** How many parts of two grids differ. */
function distance(one: readonly string[], other: readonly string[]): number {
  const parts = other.join(" ").split(" ")
  return one
    .join(" ")
    .split(" ")
    .filter((colour, i) =>
      [0, 2, 4].some((at) => {
        const [a, b] = [colour, parts[i] ?? ""].map((text) => Number.parseInt(text.slice(at, at + 2), 16))
        return !(Math.abs((a as number) - (b as number)) < FAR)
      }),
    ).length
}

describe.skipIf(skip)(`the page's looks${because(skip)}`, () => {
  let browser: Browser
  let server: StaticServer
  let looks: Looks

  beforeAll(async () => {
    browser = await launch()
    server = await hostPage()
    looks = JSON.parse(await readFile(LOOKS, "utf8").catch(() => "{}"))
  })

  afterAll(async () => {
    if (isRecording) await writeFile(LOOKS, `${JSON.stringify(looks, null, 2)}\n`)
    await browser?.close()
    await server?.close()
  })

  async function atStep(viewport: { width: number; height: number }): Promise<OpenPage> {
    const opened = await open(browser, server.url, { viewport })
    const { page } = opened
    await page.click("#tour-start")
    for (let step = 1; step < STEP; step++) {
      await page.locator("#tour-next:enabled").click()
      await page.getByText(`Step ${step + 1} of 12`).waitFor()
    }
    await page.locator("#tour-next:enabled").waitFor()
    await atRest(page)
    return opened
  }

  async function look(page: Page): Promise<string[]> {
    return linesOf(await averages(page, COLUMNS, ROWS))
  }

  /** The page's looks when nothing changes any more: what glows has faded. */
  async function settled(page: Page): Promise<string[]> {
    let last = await look(page)
    await expect
      .poll(async () => {
        const before = last
        last = await look(page)
        return last.join() === before.join()
      })
      .toBe(true)
    return last
  }

  for (const { name, viewport } of SIZES)
    it(`is as it was on a ${name}, light and dark, and would not be with a panel gone`, async () => {
      const { page, errors, close } = await atStep(viewport)
      for (const scheme of SCHEMES) {
        await page.emulateMedia({ colorScheme: scheme })
        const now = await settled(page)
        if (isRecording) looks[`${name}, ${scheme}`] = now
        const before = looks[`${name}, ${scheme}`] ?? []
        expect(distance(now, before), now.join("\n")).toBeLessThanOrEqual(MOST_FAR)
      }
      const dark = looks[`${name}, dark`] ?? []
      expect(distance(looks[`${name}, light`] ?? [], dark)).toBeGreaterThan(MOST_FAR)
      await page.addStyleTag({ content: "#window, #wire { visibility: hidden }" })
      expect(distance(await settled(page), dark)).toBeGreaterThan(MOST_FAR)
      expect(errors).toEqual([])
      await close()
    })
})
