// A real browser for the tests of the page: Debian's Chromium, driven by playwright-core, which downloads none itself.

import { access } from "node:fs/promises"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"

/** Longer than anything takes, also where many other programs want the processor. */
const PATIENCE_MS = 100_000

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium"
/** Without a graphics card, as root, and without a word to anybody outside. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage", // containers give it 64 MB, too little for a picture of 4K
]

/**
 * Why tests have to be skipped, as the command that enables them; empty when there is a browser. In CI, where it
 * has to be there, throws instead.
 */
export async function skipReason(): Promise<string> {
  const isThere = await access(EXECUTABLE).then(
    () => true,
    () => false,
  )
  if (isThere) return ""
  const reason = "enable with: apt-get install chromium (or set CHROMIUM to its path)"
  if (process.env.CI) throw new Error(`In CI nothing may be missing: there is no ${EXECUTABLE}; ${reason}`)
  return reason
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS, timeout: PATIENCE_MS })
}

/** A page, and what went wrong in it. */
export interface OpenPage {
  readonly page: Page
  /** Errors on the console and uncaught ones; a test ends with none. */
  readonly errors: readonly string[]
  close(): Promise<void>
}

/** Opens a page of its own at `url`; `prepare` gets it before. */
export async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  prepare: (page: Page) => Promise<void> = async () => {},
): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  context.setDefaultTimeout(PATIENCE_MS)
  const page = await context.newPage()
  const errors: string[] = []
  page.on("pageerror", (error) => errors.push(String(error.stack ?? error)))
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") errors.push(message.text())
  })
  await prepare(page)
  await page.goto(url)
  return { page, errors, close: () => context.close() }
}

/** Waits until the page is connected to a board, its I2C device is live, and its chips are found. */
export async function connected(page: Page): Promise<void> {
  await page.locator('#status[data-tone="good"]').waitFor()
  await page.locator("#queue-list .queue").first().waitFor()
  await page.locator("#detect-grid button").first().waitFor()
}

/** Waits until everything that has happened so far is drawn, and then for so many frames more. */
export async function drawn(page: Page, moreFrames = 0): Promise<void> {
  await page.evaluate(
    `(async () => {
      for (let i = 0; i < ${2 + moreFrames}; i++) await new Promise(requestAnimationFrame)
    })()`,
  )
}

/** Measures no weather any more, and waits until the last measurement has ended: nothing is in flight then. */
export async function stopMeasuring(page: Page): Promise<void> {
  await page.uncheck("#sampling")
  await page.locator("#sensor-note", { hasText: "not read at present" }).waitFor()
}

/** Pauses, and waits until time stands still and everything before is drawn. */
export async function pause(page: Page): Promise<void> {
  await page.click("#pause")
  await still(page)
}

/** Waits until time stands still and everything before is drawn. */
export async function still(page: Page): Promise<void> {
  await page.locator('#wire[data-time="still"]').waitFor()
  await drawn(page)
}

/** Waits until no arrow flies any more, and nothing fades. Time has to stand still. */
export async function atRest(page: Page): Promise<void> {
  await still(page)
  await page.waitForFunction("document.getAnimations().length === 0")
}
