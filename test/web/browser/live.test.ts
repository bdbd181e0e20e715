// The live view: the page shows what commands do in other processes, from their first packet or from the middle.

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Browser, Locator, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { Simulator, startUntilLine, stdoutOf, withFolder } from "../../cli/command.js"
import { because } from "../../support/because.js"
import { drawn, launch, open, pause, skipReason, still } from "./chromium.js"

const skip = await skipReason()

/** The interrupt that brings a transfer back. On a busy computer packets are sent again behind it. */
function transferred(page: Page, register: string): Locator {
  return page.locator(".rung", { hasText: "EVENT_USED" }).filter({ hasText: `i2c 0x54 write ${register}` })
}

describe.skipIf(skip)(`the live view${because(skip)}`, () => {
  let browser: Browser

  let folder: string
  /** What was started, to be ended also after a failure. */
  let started: { stop(): Promise<unknown> }[] = []

  const start = async <T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> => {
    const process = await starting
    started.push(process)
    return process
  }

  afterEach(async () => {
    await Promise.all(started.map((process) => process.stop()))
    started = []
  })

  beforeAll(async () => {
    browser = await launch()
    // what else runs on this computer is not to be seen here
    folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-live-"))
    vi.stubEnv("XDG_RUNTIME_DIR", folder)
  })

  afterAll(async () => {
    vi.unstubAllEnvs()
    await browser?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it("shows the command behind --, from HELLO to the last answer, and only looks on", async () => {
    const dashboard = await start(
      startUntilLine([
        "--port",
        "sim",
        "dashboard",
        "--listen",
        "127.0.0.1:0",
        "--",
        "i2c",
        "get",
        "0x54",
        "14",
      ]),
    )
    const { page, errors, close } = await open(browser, dashboard.line)
    const rungs = page.locator(".rung")
    await expect.poll(() => page.locator("#status").innerText()).toContain("It has ended")
    expect(await page.locator("#source-live").getAttribute("aria-pressed")).toBe("true")
    await page.locator("#ladder").focus()
    await page.keyboard.press("Home")
    await expect.poll(() => rungs.first().innerText()).toContain("virtio-msg i2c get 0x54 14")
    expect(await rungs.locator(".name").allInnerTexts()).toEqual(expect.arrayContaining(["HELLO"]))
    await page.keyboard.press("End")
    await transferred(page, "0e").click()
    await expect.poll(() => page.locator("#inspector-title").innerText()).toBe("EVENT_USED, event")
    expect(await page.locator("#inspector-body").innerText()).toContain("i2c 0x54 read 66")
    expect(await page.locator("#read").isDisabled()).toBe(true)
    expect(await page.locator("#cut").isDisabled()).toBe(true)
    expect(errors).toEqual([])
    await close()
    expect((await dashboard.stop()).code).toBe(0)
  })

  it("draws the weather that others read, and the chips that answer them", async () => {
    const words = ["dashboard", "--listen", "127.0.0.1:0", "--", "sensor", "bme280"]
    const dashboard = await start(startUntilLine(["--port", "sim", ...words]))
    const { page, errors, close } = await open(browser, dashboard.line)
    await expect.poll(() => page.locator("#temperature").innerText()).toMatch(/^2\d\.\d\d °C$/)
    expect(await page.locator("#sensor-note").innerText()).toBe("A BME280 at 0x76, as others read it.")
    expect(await page.locator("#sampling").isVisible()).toBe(false)
    await page.getByRole("button", { name: "Chip 76" }).waitFor()
    // and a board of the page's own has nothing of it
    await page.click("#source-simulated")
    await expect.poll(() => page.locator("#trouble").isVisible()).toBe(true)
    expect(await page.locator("#process").isVisible()).toBe(false)
    expect(errors).toEqual([])
    await close()
  })

  it("steps through a capture with all its views, as if it were live", async () => {
    await withFolder(async (folder) => {
      const file = path.join(folder, "read.pcapng")
      await stdoutOf(`--port sim --trace ${file} i2c get 0x54 14`)
      const dashboard = await start(
        startUntilLine(["dashboard", "--listen", "127.0.0.1:0", "--replay", file]),
      )
      const { page, errors, close } = await open(browser, dashboard.line)
      await expect.poll(() => page.locator("#status").innerText()).toBe("the capture read.pcapng")
      expect(await page.locator("#source-live").getAttribute("aria-pressed")).toBe("true")
      const names = page.locator(".rung .name")
      const counted = async () => Number(await page.locator("#out-packets").innerText())
      expect(await names.count()).toBe(0)
      await page.click("#step")
      await expect.poll(() => names.allInnerTexts()).toEqual(["HELLO"])
      expect(await counted()).toBe(1)
      await page.click("#step")
      // the board's answer to the search for it may stand between the two, and has no name
      const named = async () => (await names.allInnerTexts()).filter((name) => name !== "")
      await expect.poll(named).toEqual(["HELLO", "HELLO"])
      expect(await page.locator("#ladder").innerText()).not.toContain("started again")
      expect(await page.locator("#queue-list .queue").count()).toBe(0)
      await page.click("#pause")
      await transferred(page, "0e").waitFor()
      expect(await page.locator("#queue-list .queue").count()).toBe(1)
      await page.getByRole("button", { name: "Chip 54" }).waitFor()
      expect(errors).toEqual([])
      await close()
    })
  })

  it("joins a running simulated board in the middle, pauses the view, and steps through what was kept", async () => {
    await withFolder(async (folder) => {
      const board = await start(Simulator.start(`unix:${folder}/board.sock`))
      const dashboard = await start(startUntilLine(["dashboard", "--listen", "127.0.0.1:0"]))
      const { page, close } = await open(browser, dashboard.line)
      // without a command to show, there may be nothing to see
      expect(await page.locator("#source-simulated").getAttribute("aria-pressed")).toBe("true")
      await page.click("#source-live")
      const read = (register: number) => stdoutOf(`--port ${board.port} i2c get 0x54 ${register}`)
      // a board at which nothing passes is no beginning
      await expect.poll(() => page.locator("#status").innerText()).toMatch(/^Waiting: .* at sim-\d+$/)
      await expect.poll(() => page.locator("#process").innerText()).toMatch(/active\s+sim-\d+ \(idle\)$/)
      for (const id of ["trouble", "gpio", "registers", "detect", "sensor"])
        expect(await page.locator(`#${id}`).isVisible(), id).toBe(false)
      await read(3)
      await transferred(page, "03").waitFor()
      expect(await page.locator("#status").innerText()).toMatch(/^Watching sim-\d+: firmware/)
      await expect.poll(() => page.locator("#detect-grid button").allTextContents()).toEqual(["Chip 54"])
      await pause(page)
      const seen = await page.locator("#out-packets").innerText()
      await read(5)
      await drawn(page, 20)
      expect(await page.locator("#out-packets").innerText()).toBe(seen)
      // what was kept: perhaps a packet that was sent again, then another driver's HELLO
      const newest = page.locator(".rung .name").last()
      for (let steps = 0; steps === 0 || (await newest.innerText()) !== "HELLO"; steps++) {
        expect(steps, "steps to the next HELLO").toBeLessThan(20)
        await page.click("#step")
        await still(page)
      }
      expect(Number(await page.locator("#out-packets").innerText())).toBeGreaterThan(Number(seen))
      expect(await transferred(page, "05").count()).toBe(0)
      await page.click("#pause")
      await transferred(page, "05").waitFor()
      await close()
      expect((await dashboard.stop()).code).toBe(0)
      await board.stop()
    })
  })
})
