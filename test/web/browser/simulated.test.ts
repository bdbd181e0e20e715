// The page with the whole system in it, in a real browser: no server behind it but one for plain files.

import type { Browser, Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { because } from "../../support/because.js"
import {
  connected,
  drawn,
  launch,
  type OpenPage,
  open,
  pause,
  skipReason,
  still,
  stopMeasuring,
} from "./chromium.js"
import { hostPage, type StaticServer } from "./static-server.js"

const skip = await skipReason()

/** Chance, spread so evenly that a tenth is a tenth of every few packets: no run of bad luck, nor of good. */
const EVEN_CHANCE = "{ let drawn = 0; Math.random = () => (drawn += 0.6180339887) % 1 }"

describe.skipIf(skip)(`the page with a simulated board${because(skip)}`, () => {
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
    opened = await open(browser, server.url, {}, async (made) => {
      await made.addInitScript(EVEN_CHANCE)
    })
    page = opened.page
    await connected(page)
  })

  afterEach(async () => {
    expect(opened.errors).toEqual([])
    await opened.close()
  })

  const result = () => page.locator("#register-result")
  const newest = (name = "") => page.locator(".rung.message", { hasText: name }).last()
  const count = async (id: string) => Number(await page.locator(id).innerText())

  /** Where the bytes of an area lie that glow: more orange than anything else on the map. */
  const glowing = (area: "driver" | "device") =>
    page.evaluate<number[]>(
      `(() => {
        const copy = new OffscreenCanvas(64, 128).getContext("2d")
        copy.drawImage(document.querySelector("#area-${area} canvas"), 0, 0)
        const { data } = copy.getImageData(0, 0, 64, 128)
        return Array.from({ length: 8192 }, (_, i) => i).filter((i) => data[4 * i] > 160 && data[4 * i + 2] < 100)
      })()`,
    )

  /** Whether nothing on the map is as bright as when it was written, or changes from frame to frame. */
  const hasFaded = () =>
    page.evaluate<boolean>(
      `(async () => {
        const look = () => [...document.querySelectorAll(".map canvas")].map((canvas) => {
          const copy = new OffscreenCanvas(64, 128).getContext("2d")
          copy.drawImage(canvas, 0, 0)
          const { data } = copy.getImageData(0, 0, 64, 128)
          return Array.from({ length: 8192 }, (_, i) => data.slice(4 * i, 4 * i + 3).join())
        }).flat()
        const before = look()
        for (let frame = 0; frame < 8; frame++) await new Promise(requestAnimationFrame)
        return !before.includes("255,157,0") && look().join(" ") === before.join(" ")
      })()`,
    )

  /** What the page does in so many frames: paintings of canvases, and changes of its elements. */
  const doneIn = (frames: number) =>
    page.evaluate(
      `(async () => {
        const canvas = CanvasRenderingContext2D.prototype
        const { putImageData } = canvas
        let [paintings, changes] = [0, 0]
        canvas.putImageData = function (...image) {
          paintings++
          return putImageData.apply(this, image)
        }
        const observer = new MutationObserver((records) => { changes += records.length })
        observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true })
        for (let i = 0; i < ${frames}; i++) await new Promise(requestAnimationFrame)
        canvas.putImageData = putImageData
        return { paintings, changes }
      })()`,
    )

  it("finds five chips as soon as it is connected, reads a register, writes it and reads it back", async () => {
    await expect.poll(() => result().innerText()).toBe("5 chips: 0x48 0x50 0x54 0x56 0x76")
    expect(await page.locator("#detect-key").innerText()).toBe("·· not asked yet, -- no chip there")
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

  it("reads another sensor that is on the bus, too", async () => {
    await page.locator("#sensor-choice:enabled").waitFor()
    expect(await page.locator("#sensor-choice option").allInnerTexts()).toEqual([
      "LM75 at 0x48",
      "BME280 at 0x76",
    ])
    await page.selectOption("#sensor-choice", "LM75 at 0x48")
    await expect.poll(() => page.locator("#temperature").innerText()).toMatch(/^2\d\.\d °C$/)
    expect(await page.locator(".plot").count()).toBe(1)
    expect(await page.locator("#sensor-note").innerText()).toContain("An LM75 at 0x48")
  })

  it("folds what repeats, so that it does not push away what a person did", async () => {
    await page.locator(".rung .times").first().waitFor()
    await page.fill("#register", "14")
    await page.click("#read")
    await expect.poll(() => result().innerText()).toBe("0x66")
    const done = page.locator(".rung", { hasText: "i2c 0x54 write 0e" })
    const polled = page.locator(".rung", { hasText: "×8" })
    await polled.first().waitFor()
    expect(await done.count()).toBe(2)
    await page.selectOption("#only", "chip 0x76")
    await expect.poll(() => done.count()).toBe(0)
    await page.selectOption("#only", "chip 0x54")
    await expect.poll(() => done.count()).toBe(2)
    await page.uncheck("#fold")
    await expect.poll(() => page.locator(".rung .times").count()).toBe(0)
  })

  it("shows of a chosen message its bytes, its fields and what the specification says", async () => {
    await newest("EVENT_USED").waitFor()
    await pause(page)
    await newest("EVENT_USED").click()
    const inspector = page.locator("#inspector-body")
    await expect.poll(() => page.locator("#inspector-title").innerText()).toBe("EVENT_USED, event")
    const text = await inspector.innerText()
    expect(text).toContain("The interrupt: the device has put buffers into the used ring")
    expect(text).toContain("used ring: idx")
    expect(text).toMatch(/vq_index\t0|index\t0/)
    expect(await inspector.locator(".bytes .here").count()).toBe(12)
  })

  it("pauses, and goes on message by message", async () => {
    await stopMeasuring(page)
    await pause(page)
    const counted = async () => [await count("#out-messages"), await count("#in-messages")]
    const [out = 0, back = 0] = await counted()
    await page.click("#read")
    await expect.poll(counted).toEqual([out + 1, back])
    expect(await newest().innerText()).toContain("EVENT_AVAIL")
    await newest().click()
    const time = page.locator("#inspector-body td.short")
    expect(await time.allInnerTexts()).toEqual(["in flight", "in flight"])
    await drawn(page, 20)
    expect(await counted()).toEqual([out + 1, back])
    expect(await result().innerText()).toBe("…")
    await page.click("#step")
    await expect.poll(counted).toEqual([out + 1, back + 1])
    await still(page)
    // the kick is still chosen: what it announced has come back
    expect(await time.allInnerTexts()).toEqual([
      expect.stringMatching(/^\d+\.\d ms$/),
      expect.stringMatching(/^\d+\.\d ms$/),
    ])
    await page.locator("#ladder").press("Escape")
    await drawn(page)
    expect(await newest().innerText()).toContain("EVENT_USED")
    await drawn(page, 20)
    // that packet came out of the M4's budget, and time stands still: nothing grows back
    const left = await page.evaluate<number>(`document.getElementById("budget").value`)
    expect(left).toBeLessThan(4.6)
    expect(await page.locator("#budget-text").innerText()).toBe(
      `${left.toFixed(1)} of 5 packets, 50 a second`,
    )
    expect(await counted()).toEqual([out + 1, back + 1])
    await page.click("#pause")
    await expect.poll(() => result().innerText()).toBe("0x66")
  })

  it("shows the result of what was asked for last, though what was asked for before it ends later", async () => {
    await stopMeasuring(page)
    await pause(page)
    await page.click("#detect")
    await page.click("#read")
    await page.locator("#detect-grid").evaluate((grid) => {
      for (const cell of grid.querySelectorAll("td")) cell.replaceChildren()
    })
    await page.click("#pause")
    await page.locator("#detect-grid button").first().waitFor()
    await expect.poll(() => result().innerText()).toBe("0x66")
  })

  it("moves the queue's indexes and names the bytes of the window", async () => {
    await stopMeasuring(page)
    await drawn(page)
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
    await expect
      .poll(() => map.getAttribute("aria-label"))
      .toContain("available ring of queue 0, device 0: 518 bytes")
    // three parts, each with bytes that are 0 and others, and paper: what glows while it fades is not counted
    const colours = () =>
      page.evaluate(
        `(() => {
          const copy = new OffscreenCanvas(64, 128).getContext("2d")
          copy.drawImage(document.querySelector("#area-driver canvas"), 0, 0)
          const { data } = copy.getImageData(0, 0, 64, 128)
          return new Set(Array.from({ length: 8192 }, (_, i) => data.slice(4 * i, 4 * i + 3).join())).size
        })()`,
      )
    await expect.poll(colours).toBeGreaterThanOrEqual(5)
  })

  it("lets the last packet's bytes glow on the map, those and no others, for as long as it is the last", async () => {
    await stopMeasuring(page)
    await pause(page)
    await page.click("#read")
    for (const [name, area] of [
      ["EVENT_AVAIL", "driver"],
      ["EVENT_USED", "device"],
    ] as const) {
      if (name === "EVENT_USED") await page.click("#step")
      await expect.poll(() => newest().innerText()).toContain(name)
      await still(page)
      await newest().click()
      const spans = page.locator("#inspector-body table", { hasText: "place" }).locator("tbody tr")
      const written = (await spans.allInnerTexts()).flatMap((text) => {
        const [, from = "", bytes = ""] = /^[12]:(0x[0-9a-f]+)\s+((?:[0-9a-f]{2} ?)+)/.exec(text) ?? []
        return bytes
          .trim()
          .split(" ")
          .map((_, i) => Number(from) + i)
      })
      expect(written.length).toBeGreaterThan(5)
      await expect.poll(hasFaded).toBe(true)
      expect(await glowing(area)).toEqual(written.sort((a, b) => a - b))
      expect(await glowing(area === "driver" ? "device" : "driver")).toEqual([])
    }
    // a page that is left open costs nothing while nothing happens
    expect(await doneIn(30)).toEqual({ paintings: 0, changes: 0 })
  })

  it("lights the LED, and hears of the button by interrupt", async () => {
    const note = () => page.locator("#gpio-note").innerText()
    await page.click("#led")
    await expect.poll(note).toContain("LED drives 1")
    expect(await page.locator("#led").getAttribute("aria-pressed")).toBe("true")
    await page.click("#led")
    await expect.poll(note).toContain("LED drives 0")
    // the button is held for 400 ms: who looks only now and then may miss it
    await page.evaluate(
      `(() => {
        window.notes = []
        new MutationObserver((changes) => {
          for (const { addedNodes } of changes) for (const { data } of addedNodes) window.notes.push(data)
        }).observe(document.getElementById("gpio-note"), { childList: true })
      })()`,
    )
    await page.click("#button")
    await expect
      .poll(() => page.evaluate("window.notes"))
      .toEqual(["BUTTON was pressed: rising edge, press 1.", "BUTTON was released: falling edge, press 1."])
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
    await stopMeasuring(page)
    await pause(page) // so that the second is not over before the register is read
    await page.click("#cut")
    expect(await page.locator("#ends").getAttribute("data-cable")).toBe("cut")
    await page.click("#read")
    await page.click("#pause")
    await expect.poll(() => result().innerText()).toBe("0x66")
    await expect.poll(() => page.locator("#ends").getAttribute("data-cable")).toBe("whole")
    await expect.poll(() => count("#out-lost")).toBeGreaterThan(0)
    await expect.poll(() => count("#out-again")).toBeGreaterThan(0)
  })

  for (const [slider, what] of [
    ["drop", "loses"],
    ["damage", "damages"],
  ] as const)
    it(`${what} packets by the slider, and every call comes back right`, async () => {
      await stopMeasuring(page)
      await page.locator(`#${slider}`).fill("15")
      expect(await page.locator(`#${slider}-text`).innerText()).toBe("15 %")
      const lost = async () => [await count("#out-lost"), await count("#in-lost")]
      for (let value = 10; value < 14 || (await lost()).includes(0); value++) {
        expect(value, `${await lost()} packets were lost`).toBeLessThan(99)
        await page.fill("#value", String(value))
        await page.click("#write")
        await expect.poll(() => result().innerText()).toBe("1 byte written")
        await page.click("#read")
        await expect.poll(() => result().innerText()).toBe(`0x${value.toString(16).padStart(2, "0")}`)
      }
      await expect.poll(() => count("#out-again")).toBeGreaterThan(0)
    })

  it("works without a connection once it is there: everything comes from its own files", async () => {
    const outside = server.asked.filter((name) => !/^(index\.html|assets\/|firmware\/|vm\/)/.test(name))
    expect(outside).toEqual([])
    await opened.page.context().setOffline(true)
    await page.click("#read")
    await expect.poll(() => result().innerText()).toBe("0x66")
  })
})
