// The guided tour: twelve steps from the first packet to the first temperature, each at a real message.

import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { because } from "../../support/because.js"
import { launch, open, skipReason } from "./chromium.js"
import { hostPage, type StaticServer } from "./static-server.js"

const skip = await skipReason()

/** What stands above the inspector at each step; where no message is chosen anew, the one before stays. */
const CHOSEN = [
  "Message",
  "HELLO, response",
  "GET_DEVICES, response",
  "GET_DEVICE_INFO, response",
  "SET_DEVICE_STATUS, response",
  "SET_VQUEUE, response",
  "SET_DEVICE_STATUS, response",
  "EVENT_AVAIL, event",
  "EVENT_AVAIL, event",
  "EVENT_USED, event",
  "EVENT_USED, event",
  "EVENT_USED, event",
]

describe.skipIf(skip)(`the tour${because(skip)}`, () => {
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

  it("goes through twelve steps by the keyboard alone, each at the message that it speaks of", async () => {
    const { page, errors, close } = await open(browser, server.url)
    await page.focus("#tour-start")
    await page.keyboard.press("Enter")
    const spokenOf: string[] = []
    for (const [at, title] of CHOSEN.entries()) {
      await expect.poll(() => page.locator("#tour-count").innerText()).toBe(`Step ${at + 1} of 12`)
      await expect.poll(() => page.locator("#tour-next").isEnabled()).toBe(true)
      expect(await page.locator("#inspector-title").innerText()).toBe(title)
      expect(await page.locator(".spoken-of").count()).toBe(1)
      spokenOf.push((await page.locator(".spoken-of").getAttribute("id")) ?? "")
      if (at === 4) expect(await page.locator("#inspector-body").innerText()).toContain("FEATURES_OK")
      if (at === 5) await expect.poll(() => page.locator("#area-driver path").count()).toBeGreaterThan(1)
      if (at === 8)
        await expect
          .poll(() => page.locator(".queue svg").first().getAttribute("aria-label"))
          .toMatch(/^avail\.idx (\d\d), used\.idx 0, \1 in flight$/)
      if (at === 10) expect(await page.locator("#detect-grid button").count()).toBe(5)
      if (at === 11) expect(await page.locator("#temperature").innerText()).toMatch(/^2\d\.\d\d °C$/)
      await page.keyboard.press("Enter")
    }
    expect(spokenOf).toEqual([
      ...["wire", "wire", "wire", "inspector", "inspector", "window"],
      ...["queues", "window", "queues", "traffic", "i2c", "sensor"],
    ])
    await expect.poll(() => page.locator("#tour").isVisible()).toBe(false)
    expect(await page.locator("#pause").getAttribute("aria-pressed")).toBe("false")
    expect(await page.evaluate("document.activeElement.id")).toBe("tour-start")
    expect(errors).toEqual([])
    await close()
  })

  it("ends by Escape, and time runs again", async () => {
    const { page, errors, close } = await open(browser, server.url)
    await page.click("#tour-start")
    await expect.poll(() => page.locator("#tour-next").isEnabled()).toBe(true)
    await page.keyboard.press("Escape")
    await expect.poll(() => page.locator("#tour").isVisible()).toBe(false)
    await expect.poll(() => page.locator("#temperature").innerText()).toContain("°C")
    expect(errors).toEqual([])
    await close()
  })
})
