// The live view: the page shows what commands do in other processes, from their first packet or from the middle.

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Browser } from "playwright-core"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { Simulator, startUntilLine, stdoutOf, withFolder } from "../../cli/command.js"
import { launch, open, skipReason } from "./chromium.js"

const skip = await skipReason()
const patient = { timeout: 15_000 }

describe.skipIf(skip)(`the live view${skip && `, skipped: ${skip}`}`, () => {
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

  it("shows the command behind --, from HELLO to the last answer, and only looks on", {
    timeout: 60_000,
  }, async () => {
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
    await expect.poll(() => page.locator("#status").innerText(), patient).toContain("It has ended")
    expect(await page.locator("#source-live").getAttribute("aria-pressed")).toBe("true")
    await page.locator("#ladder").focus()
    await page.keyboard.press("Home")
    await expect.poll(() => rungs.first().innerText()).toContain("virtio-msg i2c get 0x54 14")
    expect(await rungs.locator(".name").allInnerTexts()).toEqual(expect.arrayContaining(["HELLO"]))
    await page.keyboard.press("End")
    await page.keyboard.press("ArrowUp")
    await expect.poll(() => page.locator("#inspector-title").innerText()).toBe("EVENT_USED, event")
    expect(await page.locator("#inspector-body").innerText()).toContain("i2c 0x54 read 66")
    expect(await page.locator("#read").isDisabled()).toBe(true)
    expect(await page.locator("#cut").isDisabled()).toBe(true)
    expect(errors).toEqual([])
    await close()
    expect((await dashboard.stop()).code).toBe(0)
  })

  it("joins a running simulated board in the middle, pauses the view, and steps through what was kept", {
    timeout: 60_000,
  }, async () => {
    await withFolder(async (folder) => {
      const board = await start(Simulator.start(`unix:${folder}/board.sock`))
      const dashboard = await start(startUntilLine(["dashboard", "--listen", "127.0.0.1:0"]))
      const { page, close } = await open(browser, dashboard.line)
      const last = () => page.locator(".rung .says").last().innerText()
      const read = (register: number) => stdoutOf(`--port ${board.port} i2c get 0x54 ${register}`)
      await expect.poll(() => page.locator("#status").innerText(), patient).toMatch(/sim-\d+/)
      await read(3)
      await expect.poll(last, patient).toContain("i2c 0x54 write 03")
      await page.click("#pause")
      const seen = await page.locator("#out-packets").innerText()
      await read(5)
      expect(await page.locator("#out-packets").innerText()).toBe(seen)
      await page.click("#step")
      await expect.poll(() => page.locator(".rung .name").last().innerText()).toBe("HELLO")
      await page.click("#pause")
      await expect.poll(last, patient).toContain("i2c 0x54 write 05")
      await close()
      expect((await dashboard.stop()).code).toBe(0)
      await board.stop()
    })
  })
})
