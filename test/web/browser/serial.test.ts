// The page with a board on Web Serial: the port is a fake, the framing and the firmware behind it are not.

import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { connected, launch, open, skipReason } from "./chromium.js"
import { FakeSerial } from "./fake-serial.js"
import { hostPage, type StaticServer } from "./static-server.js"

const skip = await skipReason()

describe.skipIf(skip)(`the page with a board on Web Serial${skip && `, skipped: ${skip}`}`, () => {
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

  it("connects, reads a register, survives the board's restart, and notices when it is unplugged", {
    timeout: 60_000,
  }, async () => {
    const serial = new FakeSerial()
    const { page, errors, close } = await open(browser, server.url, {}, (made) => serial.plugInto(made))
    try {
      const status = () => page.locator("#status").innerText()
      const result = () => page.locator("#register-result").innerText()
      const patient = { timeout: 10_000 }
      await page.click("#source-serial")
      await expect.poll(status, patient).toContain("Connected to a board on this computer's USB")
      expect(await page.locator("#source-serial").getAttribute("aria-pressed")).toBe("true")
      // the first bytes ask the board's USB bridge for frames (docs/bus.md "On Jacdac")
      expect(serial.received.slice(0, 2)).toEqual([0xfe, 0xfc])
      await page.uncheck("#sampling")
      await page.click("#read")
      await expect.poll(result, patient).toBe("0x66")
      expect(await page.locator("#reset").isDisabled()).toBe(true)
      expect(await page.locator("#speed-field").isVisible()).toBe(false)

      const before = await status()
      await serial.machine.restart()
      await page.click("#read")
      await expect.poll(status, patient).toMatch(/^Connected to/)
      await expect.poll(status, patient).not.toBe(before)
      // calls may end without an answer until the board is up again; none is repeated behind the user's back
      const readAgain = async () => {
        await page.click("#read")
        await expect.poll(result, patient).not.toBe("…")
        return result()
      }
      await expect.poll(readAgain, { timeout: 10_000, interval: 200 }).toBe("0x66")

      await page.click("#pause") // holds the view, not the board
      await page.click("#read")
      await expect.poll(result, patient).toBe("0x66")

      await page.evaluate("window.unplugBoard()")
      await expect.poll(status, patient).toContain("is gone")
      expect(errors).toEqual([])
    } finally {
      await close()
      serial.machine.stop()
    }
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
