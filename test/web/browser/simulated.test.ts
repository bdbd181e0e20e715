// The page with the whole system in it, in a real browser: no server behind it but one for plain files.

import type { Browser, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { connected, launch, type OpenPage, open, skipReason } from "./chromium.js"
import { hostPage, type StaticServer } from "./static-server.js"

const skip = await skipReason()

describe.skipIf(skip)(`the page with a simulated board${skip && `, skipped: ${skip}`}`, () => {
  let browser: Browser
  let server: StaticServer
  let opened: OpenPage
  let page: Page

  beforeAll(async () => {
    browser = await launch()
    server = await hostPage()
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  beforeEach(async () => {
    opened = await open(browser, server.url)
    page = opened.page
    await connected(page)
  })

  afterEach(async () => {
    expect(opened.errors).toEqual([])
    await opened.close()
  })

  const result = () => page.locator("#register-result")
  const choose = (name: string) => page.locator(".rung.message", { hasText: name }).last().click()

  it("finds five chips, reads a register, writes it and reads it back", async () => {
    await page.click("#detect")
    await expect.poll(() => result().innerText()).toBe("5 chips: 0x48 0x50 0x54 0x56 0x76")
    await expect
      .poll(() => page.locator("#detect-grid button").allTextContents())
      .toEqual(["48", "50", "54", "56", "76"].map((digits) => `Chip ${digits}`))
    await page.getByRole("button", { name: "Chip 54" }).click()
    await page.fill("#register", "14")
    await page.click("#read")
    await expect.poll(() => result().innerText()).toBe("0x66")
    await page.fill("#value", "0x25")
    await page.click("#write")
    await expect.poll(() => result().innerText()).toBe("1 byte written")
    await page.click("#read")
    await expect.poll(() => result().innerText()).toBe("0x25")
    expect(await page.locator("#typed").innerText()).toBe("$ virtio-msg i2c get 0x54 14")
  })

  it("says what is wrong with a number, and that a chip is not there", async () => {
    await page.fill("#chip", "0x99")
    await page.click("#read")
    await expect.poll(() => result().innerText()).toContain("out of range")
    expect(await page.locator("#chip").getAttribute("aria-invalid")).toBe("true")
    await page.fill("#chip", "0x20")
    await page.click("#read")
    await expect.poll(() => result().innerText()).toContain("No chip acknowledged at address 0x20")
    expect(await page.locator("#chip").getAttribute("aria-invalid")).toBeNull()
  })

  it("draws the weather that the BME280 measures", async () => {
    await expect.poll(() => page.locator("#temperature").innerText()).toMatch(/^2[0-4]\.\d\d °C$/)
    expect(await page.locator("#pressure").innerText()).toMatch(/^10[01]\d\.\d hPa$/)
    expect(await page.locator("#humidity").innerText()).toMatch(/^[34]\d\.\d %$/)
    expect(await page.locator("#plot-temperature canvas").count()).toBe(1)
  })

  it("shows of a chosen message its bytes, its fields and what the specification says", async () => {
    await page.click("#pause")
    await choose("EVENT_USED")
    const inspector = page.locator("#inspector-body")
    await expect.poll(() => page.locator("#inspector-title").innerText()).toBe("EVENT_USED, event")
    const text = await inspector.innerText()
    expect(text).toContain("The interrupt: the device has put buffers into the used ring")
    expect(text).toContain("used ring: idx")
    expect(text).toMatch(/vq_index\t0|index\t0/)
    expect(await inspector.locator(".bytes .here").count()).toBe(12)
  })

  it("pauses, and goes on message by message", async () => {
    await page.uncheck("#sampling")
    await page.click("#pause")
    const packets = async () => Number(await page.locator("#out-packets").innerText())
    const back = async () => Number(await page.locator("#in-packets").innerText())
    await page.click("#read")
    await expect.poll(() => page.locator(".rung.message").last().innerText()).toContain("EVENT_AVAIL")
    const [outBefore, inBefore] = [await packets(), await back()]
    await page.waitForFunction("new Promise((done) => setTimeout(() => done(true), 300))")
    expect([await packets(), await back()]).toEqual([outBefore, inBefore])
    expect(await result().innerText()).toBe("…")
    await page.click("#step")
    await expect.poll(back).toBe(inBefore + 1)
    expect(await page.locator(".rung.message").last().innerText()).toContain("EVENT_USED")
    await page.click("#pause")
    await expect.poll(() => result().innerText()).toBe("0x66")
  })

  it("moves the queue's indexes and names the bytes of the window", async () => {
    await page.uncheck("#sampling")
    const dial = page.locator(".queue svg")
    const before = await dial.getAttribute("aria-label")
    await page.click("#read")
    await expect.poll(() => dial.getAttribute("aria-label")).not.toBe(before)
    await expect
      .poll(() => dial.getAttribute("aria-label"))
      .toMatch(/^avail\.idx (\d+), used\.idx \1, 0 in flight$/)
    const map = page.locator("#area-driver .map")
    await map.focus()
    await page.keyboard.press("ArrowRight")
    await expect.poll(() => page.locator("#byte").innerText()).toContain("descriptor 0, descriptor table")
    expect(await map.getAttribute("aria-label")).toContain("available ring of queue 0, device 0: 518 bytes")
    // two parts, each with bytes that are 0 and others, and paper; what glows adds more while it fades
    const colours = await page.evaluate(
      `(() => { const { data } = document.querySelector("#area-driver canvas").getContext("2d").getImageData(0, 0, 64, 128)
        return new Set(Array.from({ length: 8192 }, (_, i) => data.slice(4 * i, 4 * i + 3).join())).size })()`,
    )
    expect(colours).toBeGreaterThanOrEqual(5)
  })

  it("lights the LED, and hears of the button by interrupt", async () => {
    const note = () => page.locator("#gpio-note").innerText()
    await page.click("#led")
    await expect.poll(note, { timeout: 5000 }).toContain("LED drives 1")
    expect(await page.locator("#led").getAttribute("aria-pressed")).toBe("true")
    await page.click("#led")
    await expect.poll(note, { timeout: 5000 }).toContain("LED drives 0")
    await page.click("#button")
    await expect.poll(note, { timeout: 5000 }).toBe("BUTTON was pressed: rising edge, press 1.")
    await expect.poll(note, { timeout: 5000 }).toBe("BUTTON was released: falling edge, press 1.")
    await expect.poll(() => page.locator("#queue-list .queue").count()).toBeGreaterThan(2)
  })

  it("recovers from a reset of the M4, in a new epoch", async () => {
    const status = () => page.locator("#status").innerText()
    const before = await status()
    await page.click("#reset")
    await expect.poll(() => page.locator("#recovery").innerText()).toMatch(/^Recovered \d+ ms after/)
    await expect.poll(status).toMatch(/^Connected to/)
    expect(await status()).not.toBe(before)
    await page.click("#read")
    await expect.poll(() => result().innerText()).toBe("0x66")
  })

  it("sends again what was lost when the cable was cut for a second, and loses no call", async () => {
    await page.uncheck("#sampling")
    await page.click("#cut")
    expect(await page.locator("#ends").getAttribute("data-cable")).toBe("cut")
    await page.click("#read")
    await expect.poll(() => result().innerText(), { timeout: 5000 }).toBe("0x66")
    await expect.poll(() => page.locator("#ends").getAttribute("data-cable")).toBe("whole")
    expect(Number(await page.locator("#out-lost").innerText())).toBeGreaterThan(0)
    expect(Number(await page.locator("#out-again").innerText())).toBeGreaterThan(0)
  })

  it("loses and damages packets by the sliders, and every call comes back right", async () => {
    await page.uncheck("#sampling")
    await page.locator("#drop").fill("15")
    await page.locator("#damage").fill("10")
    expect(await page.locator("#drop-text").innerText()).toBe("15 %")
    for (let value = 1; value <= 8; value++) {
      await page.fill("#value", String(value))
      await page.click("#write")
      await expect.poll(() => result().innerText(), { timeout: 8000 }).toBe("1 byte written")
      await page.click("#read")
      await expect.poll(() => result().innerText(), { timeout: 8000 }).toBe(`0x0${value}`)
    }
    const lost = async (way: string) => Number(await page.locator(`#${way}-lost`).innerText())
    expect((await lost("out")) + (await lost("in"))).toBeGreaterThan(0)
  })

  it("works without a connection once it is there: everything comes from its own files", async () => {
    const outside = server.asked.filter((name) => !/^(index\.html|assets\/|firmware\/|vm\/)/.test(name))
    expect(outside).toEqual([])
    await opened.page.context().setOffline(true)
    await page.click("#read")
    await expect.poll(() => result().innerText()).toBe("0x66")
  })
})
