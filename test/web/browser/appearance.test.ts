// How the page looks and behaves for everyone: at three sizes, light and dark, by keyboard and by ear, at once and
// without anything jumping about.

import { readdir, readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { because } from "../../support/because.js"
import { atRest, connected, launch, open, pause, skipReason } from "./chromium.js"
import { averages, type Colour } from "./picture.js"
import { hostPage, type StaticServer } from "./static-server.js"

const skip = await skipReason()
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js") // knows the rules of WCAG

const SIZES = [
  { name: "telephone", viewport: { width: 360, height: 740 }, columns: 1 },
  { name: "desk", viewport: { width: 1280, height: 800 }, columns: 3 },
  { name: "wall", viewport: { width: 3840, height: 2160 }, columns: 4 },
] as const

/** What axe found, in a line each. Nothing may move meanwhile: what comes or fades in is no fair picture. */
async function violations(page: Page): Promise<string[]> {
  await atRest(page)
  await page.addScriptTag({ path: AXE })
  return page.evaluate(
    `axe.run().then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ": " + nodes.map((node) => node.target + " " + node.failureSummary).join(" | ")))`,
  )
}

/** What can be used or is a title, and lies over another such thing: both, and how they overlap. */
async function overlaps(page: Page): Promise<string[]> {
  return page.evaluate(
    `(() => {
      const things = [...document.querySelectorAll("header *, main *")].filter((one) =>
        one.matches("button, input, select, h1, h2, h3, label, output, .status, .end, .note, .legend li") &&
        one.checkVisibility() && !one.closest(".ladder"))
      const found = []
      for (const [i, one] of things.entries())
        for (const other of things.slice(i + 1)) {
          if (one.contains(other) || other.contains(one)) continue
          if (one.closest(".column") !== other.closest(".column")) continue // a column scrolls by itself
          const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()]
          const width = Math.min(a.right, b.right) - Math.max(a.left, b.left)
          const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
          if (width > 1 && height > 1) found.push((one.id || one.textContent) + " and " + (other.id || other.textContent))
        }
      return found
    })()`,
  )
}

/** What is chosen in a list, and has no room beside its arrow. */
async function cutChoices(page: Page): Promise<string[]> {
  return page.evaluate(
    `(() => {
      const ARROW = 18
      const pen = document.createElement("canvas").getContext("2d")
      return [...document.querySelectorAll("select")].filter((one) => one.checkVisibility()).flatMap((one) => {
        const style = getComputedStyle(one)
        pen.font = style.font
        const room = one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - ARROW
        return one.selectedOptions[0] && pen.measureText(one.selectedOptions[0].text).width > room ? [one.selectedOptions[0].text] : []
      })
    })()`,
  )
}

/** Whether all of an element can be seen without scrolling, in the page. */
async function isInSight(page: Page, id: string): Promise<boolean> {
  return page.evaluate(`document.getElementById("${id}").getBoundingClientRect().bottom <= innerHeight`)
}

/** The page as a grid of 16 by 10 averages. */
function glance(page: Page): Promise<Colour[]> {
  return averages(page, 16, 10)
}

function brightness(colours: readonly Colour[]): number {
  const sums = colours.map((colour) => colour.reduce((sum, part) => sum + part, 0) / 3)
  return sums.reduce((sum, value) => sum + value, 0) / sums.length
}

describe.skipIf(skip)(`the page's appearance${because(skip)}`, () => {
  let browser: Browser
  let server: StaticServer

  beforeAll(async () => {
    browser = await launch()
    server = await hostPage()
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  for (const { name, viewport, columns } of SIZES) {
    it(`fits a ${name} of ${viewport.width} pixels in ${columns} column(s), and axe finds nothing wrong`, async () => {
      const { page, errors, close } = await open(browser, server.url, { viewport })
      await connected(page)
      await page.click("#detect")
      await expect.poll(() => page.locator("#detect-grid button").count()).toBe(5)
      await pause(page)
      await page.locator("#ladder").focus()
      await page.keyboard.press("End")
      expect(await cutChoices(page)).toEqual([])
      const isTooWide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
      expect(isTooWide).toBe(false)
      const lefts = await page.evaluate(
        `[...new Set([...document.querySelectorAll("main > *")].map((panel) => Math.round(panel.getBoundingClientRect().left)))].length`,
      )
      expect(lefts).toBe(columns)
      // everything that can be pressed can be hit with a finger, and nothing lies outside its panel
      const wrong = await page.evaluate(
        `[...document.querySelectorAll("main button, main input:not([type=checkbox]), main select")].filter((one) => {
          if (!one.offsetParent || one.closest("table, .ladder-box")) return false
          const box = one.getBoundingClientRect()
          const panel = one.closest(".panel").getBoundingClientRect()
          return box.height < 20 || box.left < panel.left || box.right > panel.right + 1
        }).map((one) => one.id)`,
      )
      expect(wrong).toEqual([])
      expect(await overlaps(page)).toEqual([])
      // the newest message is chosen and in sight: nothing lies over it that would lead to it
      expect(await page.locator("#follow").isVisible()).toBe(false)
      await page.keyboard.press("Home")
      await page.locator("#follow").waitFor()
      // what the bus answered is in sight on a desk, and what makes trouble; on a wall everything
      if (columns > 1)
        for (const id of ["register-result", "trouble"]) expect(await isInSight(page, id), id).toBe(true)
      if (columns === 4) expect(await isInSight(page, "traffic")).toBe(true)
      expect(await violations(page)).toEqual([])
      expect(errors).toEqual([])
      await close()
    })
  }

  it("is dark where the system is, light where somebody chose it, and remembers; axe finds nothing wrong", async () => {
    const { page, close } = await open(browser, server.url, { colorScheme: "dark" })
    await connected(page)
    await expect.poll(async () => brightness(await glance(page))).toBeLessThan(60)
    await pause(page)
    expect(await violations(page)).toEqual([])
    await page.keyboard.press("t")
    await expect.poll(async () => brightness(await glance(page))).toBeGreaterThan(200)
    await page.reload()
    await connected(page)
    await expect.poll(async () => brightness(await glance(page))).toBeGreaterThan(200)
    await close()
  })

  it("looks from afar as it should: a teal end on the left, a magenta one on the right, both areas of the map", async () => {
    const { page, close } = await open(browser, server.url)
    await connected(page)
    const pixelAt = async (selector: string) => {
      const picture = (await page.locator(selector).screenshot()).toString("base64")
      return page.evaluate<number[]>(
        `(async () => {
          const image = new Image()
          image.src = "data:image/png;base64,${picture}"
          await image.decode()
          const context = new OffscreenCanvas(1, 1).getContext("2d")
          context.drawImage(image, 0, 0, 1, 1)
          return [...context.getImageData(0, 0, 1, 1).data]
        })()`,
      )
    }
    const [a7Red = 0, a7Green = 0] = await pixelAt(".end.a7")
    const [m4Red = 0, m4Green = 0] = await pixelAt(".end.m4")
    expect(a7Green).toBeGreaterThan(a7Red + 10)
    expect(m4Red).toBeGreaterThan(m4Green + 10)
    await pause(page) // what glows fades, and nothing new glows
    const ofMap = async () => {
      const [, green = 0, blue = 0] = await pixelAt("#area-driver .map")
      return green < 230 && blue > green - 40 // parts are drawn on its paper
    }
    await expect.poll(ofMap).toBe(true)
    await close()
  })

  it("shows its first view before any script runs, and moves nothing afterwards", async () => {
    const { page, close } = await open(browser, server.url, {}, async (made) => {
      await made.addInitScript(`
        window.shifts = []
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) window.shifts.push({ value: entry.value, at: entry.startTime,
            sources: entry.sources.map((source) => source.node?.id || String(source.node?.className?.baseVal ?? source.node?.className) || String(source.node?.nodeName)) })
        }).observe({ type: "layout-shift", buffered: true })
      `)
      // the page is seen before any script of it runs, as on a slow network
      await made.route("**/assets/*.js", async (route) => {
        await made.waitForFunction(`performance.getEntriesByName("first-contentful-paint").length === 1`)
        await route.continue()
      })
    })
    await connected(page)
    await page.click("#detect")
    await page.click("#reset")
    await expect.poll(() => page.locator("#recovery").innerText()).toContain("Recovered")
    expect(await page.evaluate("window.shifts")).toEqual([])
    // the first view needs the page and its style alone: the machine comes later
    const order = await page.evaluate<string[]>(
      `performance.getEntriesByType("resource").sort((a, b) => a.startTime - b.startTime).map((one) => one.name.split("/").at(-1))`,
    )
    expect(order.indexOf("devicescript-vm.js")).toBe(order.length - 1)
    await close()
  })

  it("does everything by the keyboard", async () => {
    const { page, close } = await open(browser, server.url)
    await connected(page)
    const focused = () => page.evaluate<string>("document.activeElement.id")
    await page.keyboard.press("Tab")
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the messages")
    await page.keyboard.press("Enter")
    await expect.poll(focused).toBe("ladder")
    await page.keyboard.press("End")
    await expect.poll(() => page.locator("#inspector-title").innerText()).not.toBe("Message")
    await page.keyboard.press("Escape")
    await expect.poll(() => page.locator("#inspector-title").innerText()).toBe("Message")
    await page.keyboard.press("p")
    expect(await page.locator("#pause").getAttribute("aria-pressed")).toBe("true")
    await page.keyboard.press("p")
    await page.keyboard.press("d")
    await expect.poll(() => page.locator("#detect-grid button").count()).toBe(5)
    const reached = new Set<string>()
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab")
      reached.add(await focused())
    }
    const wanted = [
      "step",
      "speed",
      "show-signals",
      "inspector-body",
      "sampling",
      "detect",
      "read",
      "write",
      "reset",
      "cut",
      "drop",
      "damage",
    ]
    expect(wanted.filter((id) => !reached.has(id))).toEqual([])
    await close()
  })

  it("is small: less than 600 kB compressed without the virtual machine", async () => {
    const folder = fileURLToPath(new URL("../../../dist/web", import.meta.url))
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    let bytes = 0
    for (const entry of entries.filter((one) => one.isFile() && !one.parentPath.endsWith("vm")))
      bytes += gzipSync(await readFile(path.join(entry.parentPath, entry.name))).length
    expect(bytes).toBeGreaterThan(10_000)
    expect(bytes).toBeLessThan(600_000)
  })
})
