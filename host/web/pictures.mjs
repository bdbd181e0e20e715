// Takes the pictures for docs/ and README from the running page: npm run pictures. Needs Chromium.

import { mkdirSync, statSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import { DashboardServer } from "../../dist/host/src/node/dashboard/dashboard-server.js"
import { LiveFeed } from "../../dist/host/src/node/dashboard/live-feed.js"

const folder = fileURLToPath(new URL("../../docs/pictures", import.meta.url))
const MOST_BYTES = 300_000

const DESK = { width: 1280, height: 800 }
const TELEPHONE = { width: 360, height: 740 }

/** After this time the curves have a shape. */
const WEATHER_MS = 12_000

/** Waits for the curves, looks for chips, and chooses the last message of that name. */
const detected = (name) => async (page) => {
  await page.waitForTimeout(WEATHER_MS)
  await page.click("#detect")
  await page.waitForTimeout(500)
  await page.click("#pause")
  await page.locator(".rung.message", { hasText: name }).last().click()
}

/** Name, size, theme, and the actions before the picture is taken. */
const PICTURES = [
  {
    name: "dashboard",
    viewport: DESK,
    colorScheme: "light",
    act: detected("EVENT_USED"),
  },
  {
    name: "dashboard-dark",
    viewport: DESK,
    colorScheme: "dark",
    act: detected("EVENT_AVAIL"),
  },
  {
    name: "dashboard-trouble",
    viewport: DESK,
    colorScheme: "dark",
    act: async (page) => {
      await page.locator("#trouble").scrollIntoViewIfNeeded()
      await page.locator("#drop").fill("20")
      await page.waitForTimeout(3000)
      await page.click("#reset")
      await page.locator(".rung.remark.good").last().waitFor()
      await page.waitForTimeout(300)
      await page.click("#pause")
    },
  },
  {
    name: "dashboard-tour",
    viewport: DESK,
    colorScheme: "light",
    act: async (page) => {
      await page.click("#tour-start")
      for (let step = 1; step < 8; step++) {
        await page.locator("#tour-next:enabled").click()
        await page.getByText(`Step ${step + 1} of 12`).waitFor()
      }
      await page.locator("#tour-next:enabled").waitFor()
    },
  },
  {
    name: "dashboard-telephone",
    viewport: TELEPHONE,
    colorScheme: "dark",
    act: async (page) => {
      await page.click("#detect")
      await page.click("#pause")
      await page.evaluate("scrollTo(0, 0)")
    },
  },
]

async function takeAll() {
  mkdirSync(folder, { recursive: true })
  const server = await DashboardServer.start({ host: "127.0.0.1", port: 0, feed: new LiveFeed() })
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
    ],
  })
  for (const { name, viewport, colorScheme, act } of PICTURES) {
    const page = await browser.newPage({ viewport, colorScheme })
    await page.goto(server.url)
    await page.click("#source-simulated")
    await page.locator("#queue-list .queue").first().waitFor()
    await act(page)
    await page.waitForTimeout(400) // until the arrows have arrived
    const file = path.join(folder, `${name}.png`)
    await page.screenshot({ path: file })
    const { size } = statSync(file)
    console.log(`${path.relative(process.cwd(), file)} ${size} bytes`)
    if (size > MOST_BYTES) throw new Error(`${name}.png has more than ${MOST_BYTES} bytes`)
    await page.close()
  }
  await browser.close()
  await server.close()
}

await takeAll()
