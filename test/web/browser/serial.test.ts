// The page with a board on Web Serial: the port is a fake, the framing and the firmware behind it are not.

import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { because } from "../../support/because.js"
import { connected, drawn, launch, open, pause, skipReason, stopMeasuring } from "./chromium.js"
import { FakeSerial } from "./fake-serial.js"
import { hostPage, type StaticServer } from "./static-server.js"

const skip = await skipReason()

describe.skipIf(skip)(`the page with a board on Web Serial${because(skip)}`, () => {
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

  it("connects, reads a register, survives the board's restart, and notices when it is unplugged", async () => {
    const serial = new FakeSerial()
    const { page, errors, close } = await open(browser, server.url, {}, (made) => serial.plugInto(made))
    serial.run(page)
    try {
      const status = () => page.locator("#status").innerText()
      const result = () => page.locator("#register-result").innerText()
      const epoch = async () => /^Connected to .* epoch (0x\w+)/.exec(await status())?.[1]
      await page.click("#source-serial")
      await expect.poll(status).toContain("Connected to a board on this computer's USB")
      expect(await page.locator("#source-serial").getAttribute("aria-pressed")).toBe("true")
      // the first bytes ask the board's USB bridge for frames (docs/bus.md "On Jacdac")
      expect(serial.received.slice(0, 2)).toEqual([0xfe, 0xfc])
      await connected(page)
      await stopMeasuring(page)
      await page.click("#read")
      await expect.poll(result).toBe("0x66")
      expect(await page.locator("#reset").isDisabled()).toBe(true)
      expect(await page.locator("#speed-field").isVisible()).toBe(false)

      const before = await epoch()
      await serial.machine.restart()
      // calls may end without an answer until the board is up again; none is repeated behind the user's back
      const readAgain = async () => {
        await page.click("#read")
        await page.locator("#register-result", { hasNotText: "…" }).waitFor()
        return result()
      }
      await expect.poll(readAgain).toBe("0x66")
      await expect.poll(epoch).toMatch(/^0x/)
      expect(await epoch()).not.toBe(before)

      await pause(page) // holds the view, not the board
      const seen = await page.locator("#out-packets").innerText()
      await page.click("#read")
      await expect.poll(result).toBe("0x66")
      await drawn(page)
      expect(await page.locator("#out-packets").innerText()).toBe(seen)

      await page.evaluate("window.unplugBoard()")
      await expect.poll(status).toContain("is gone")
      expect(errors).toEqual([])
    } finally {
      await serial.stop()
      await close()
    }
  })

  it("says that no port was chosen when somebody closes the chooser, and stays connected to what it was", async () => {
    const { page, errors, close } = await open(browser, server.url, {}, async (made) => {
      await made.addInitScript(`Object.defineProperty(navigator, "serial", { value: {
        requestPort: async () => { throw new DOMException("No port selected by the user.", "NotFoundError") } } })`)
    })
    await connected(page)
    const status = () => page.locator("#status").innerText()
    const before = await status()
    for (let times = 0; times < 2; times++) {
      await page.click("#source-serial")
      await expect.poll(status).toBe(`No serial port was chosen. ${before}`)
    }
    expect(await page.locator("#source-simulated").getAttribute("aria-pressed")).toBe("true")
    expect(await page.locator("#read").isEnabled()).toBe(true)
    expect(errors).toEqual([])
    await close()
  })

  it("says of a silent board what to do, whole, and offers nothing that needs the board", async () => {
    const { page, errors, close } = await open(browser, server.url, {}, async (made) => {
      await made.addInitScript(`Object.defineProperty(navigator, "serial", { value: { requestPort: async () => ({
        readable: new ReadableStream(), writable: new WritableStream(), open: async () => {}, close: async () => {} }) } })`)
    })
    await connected(page)
    await page.click("#source-serial")
    await page.locator('#status[data-tone="bad"]').waitFor()
    const cut = await page
      .locator("#status")
      .evaluate((line) => [line.scrollWidth - line.clientWidth, line.scrollHeight - line.clientHeight])
    expect(Math.max(...cut)).toBeLessThanOrEqual(0)
    for (const id of [
      "detect",
      "read",
      "write",
      "led",
      "button",
      "pause",
      "step",
      "reset",
      "cut",
      "drop",
      "damage",
    ])
      expect(await page.locator(`#${id}`).isDisabled(), id).toBe(true)
    // and another board is not kept from anything by that
    await page.click("#source-simulated")
    await connected(page)
    for (const id of ["detect", "led", "pause", "cut", "drop"])
      expect(await page.locator(`#${id}`).isEnabled(), id).toBe(true)
    expect(errors).toEqual([])
    await close()
  })

  it("says so in a browser without Web Serial", async () => {
    const { page, close } = await open(browser, server.url, {}, async (made) => {
      await made.addInitScript(
        'delete Navigator.prototype.serial; Object.defineProperty(navigator, "serial", { value: undefined })',
      )
    })
    await connected(page)
    await page.click("#source-serial")
    await expect.poll(() => page.locator("#status").innerText()).toContain("no Web Serial")
    await close()
  })
})
