// `virtio-msg serve` with a real Linux on its socket, watched while that uses the bus: by the page's live view in a
// browser, by `virtio-msg trace`, and by a capture that the command writes. One guest boots for all of it.

import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { LinuxGuest } from "../../host/src/node/linux-guest/boot.js"
import { spawnCommand, startUntilLine, stdoutOf } from "../cli/command.js"
import { because } from "../support/because.js"
import * as chromium from "../web/browser/chromium.js"
import { preparedGuest } from "./prepared-guest.js"
import { skipReason } from "./requirements.js"

/** A busy machine boots slowly; what hangs is ended, and fails its test. */
const LIMIT_MS = 280_000

const skip = await skipReason({ koffi: true, guest: true })
const skipBrowser = await chromium.skipReason()

const MORE_DEVICES = ["gpio", "rng", "console"] as const

const limits = { timeout: LIMIT_MS }
const poll = { timeout: 60_000 }

describe.skipIf(skip)(`a guest on virtio-msg serve${because(skip)}`, limits, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-watched-"))
  const capture = path.join(folder, "guest.pcapng")
  // what else runs on this computer is not to be seen here
  const env = { XDG_RUNTIME_DIR: folder }
  let guest: LinuxGuest
  let serve: ReturnType<typeof spawnCommand>
  let printed = ""

  /** Runs a command that has to succeed, and returns its output. */
  async function sh(command: string): Promise<string> {
    const { code, output } = await guest.sh(command)
    expect(`${code}: ${output}`).toMatch(/^0:/)
    return output
  }

  beforeAll(async () => {
    guest = new LinuxGuest({ image: await preparedGuest(), moreDevices: MORE_DEVICES })
    const sockets = MORE_DEVICES.flatMap((device) => [`--${device}`, guest.socketOf(device)])
    const args = ["--port", "sim", "--trace", capture, "serve", "--socket", guest.socketPath, ...sockets]
    serve = spawnCommand(args, env)
    serve.stdout.on("data", (text) => {
      printed += text
    })
    await guest.boot() // QEMU waits for all four
  }, LIMIT_MS)

  afterAll(async () => {
    await guest?.shutdown()
    serve?.kill("SIGTERM")
    rmSync(folder, { recursive: true, force: true })
  }, LIMIT_MS)

  it("uses all devices that it gives, and it prints QEMU's arguments for them", async () => {
    expect(await sh("i2cget -y 0 0x54 14")).toBe("0x66")
    expect(await sh("gpioinfo")).toMatch(/line +1: +"BUTTON"/)
    expect(await sh("head -c 8 /dev/hwrng | wc -c")).toBe("8")
    const shell = "exec 3<> /dev/vport0p1; echo pins >&3; grep -m 1 BUTTON <&3"
    expect(await sh(shell)).toMatch(/^1 +BUTTON +- +0$/)
    for (const [device, name] of [
      ["vu", "vhost-user-i2c-device,chardev=vu"],
      ["vu-gpio", "vhost-user-gpio-device,chardev=vu-gpio"],
      ["vu-rng", "vhost-user-rng,chardev=vu-rng"],
      ["vu-console", "virtserialport,chardev=vu-console,name=m4"],
    ])
      expect(printed).toMatch(
        new RegExp(`-chardev socket,id=${device},path=[^ ]+,server=on [^\n]*-device ${name}( |$)`, "m"),
      )
  })

  describe.skipIf(skipBrowser)(`in a browser${because(skipBrowser)}`, () => {
    let browser: Browser

    beforeAll(async () => {
      browser = await chromium.launch()
    })

    afterAll(async () => {
      await browser?.close()
    })

    it("is seen by the page's live view: its transfers, its queue, its window", async () => {
      const dashboard = await startUntilLine(["dashboard", "--listen", "127.0.0.1:0"], "stdout", env)
      const { page, errors, close } = await chromium.open(browser, dashboard.line)
      try {
        await page.getByRole("button", { name: "Live" }).click()
        await page.locator("#status", { hasText: "serve-" }).waitFor() // idle so far, and named all the same
        const rung = (name: string, says: string) =>
          page.locator(".rung", { hasText: name }).filter({ hasText: says }).last()
        await sh("i2cset -y 0 0x54 14 0x27")
        await rung("EVENT_USED", "i2c 0x54 write 0e 27").waitFor()
        expect(await sh("i2cget -y 0 0x54 14")).toBe("0x27")
        await rung("EVENT_USED", "i2c 0x54 write 0e, and 1 more").click()
        const inspector = page.locator("#inspector-body")
        await expect.poll(() => inspector.innerText(), poll).toContain("i2c 0x54 read 27")
        // Linux asks every address by itself: the page keeps up with it, and its queue comes to rest
        expect(await sh("i2cdetect -y 0 | grep -o -E ' [0-9a-f]{2}' | sort -u | wc -l")).not.toBe("0")
        const dial = page.locator(".queue", { hasText: "i2c" }).locator("svg")
        await expect
          .poll(() => dial.getAttribute("aria-label"), poll)
          .toMatch(/^avail\.idx ([1-9]\d+), used\.idx \1, 0 in flight$/)
        expect(await page.locator("#area-driver .map").getAttribute("aria-label")).toContain(
          "available ring of queue 0",
        )
        expect(errors).toEqual([])
      } finally {
        await close()
        expect((await dashboard.stop()).code).toBe(0)
      }
    })
  })

  it("is traced from another process, with the requests of its kernel", async () => {
    const trace = spawnCommand(["trace", "--no-spans"], env)
    try {
      await once(trace.stderr, "data") // whom it traces: it is connected
      await sh("i2cset -y 0 0x56 3 0x41")
      let seen = ""
      for await (const chunk of trace.stdout) {
        seen += chunk
        if (/A7 <-- M4 +device 0 +< queue 0 +i2c 0x56 write 03 41 \(\d+\.\d ms\)/.test(seen)) break
      }
      expect(seen).toMatch(/A7 --> M4 +device 0 +> queue 0 +i2c 0x56 write 03 41\n/)
    } finally {
      trace.kill("SIGTERM")
    }
  })

  it("is in the capture that the command wrote, each transfer with its answer", async () => {
    await guest.shutdown()
    serve.kill("SIGTERM")
    expect((await once(serve, "exit"))[0]).toBe(0)
    const shown = await stdoutOf(`trace ${capture}`)
    expect(shown).toMatch(/> queue 0 +i2c 0x54 write 0e 27\n/)
    expect(shown).toMatch(/< queue 0 +i2c 0x54 write 0e 27 \(\d+\.\d ms\)/)
    expect(shown).toMatch(/< queue 0 +i2c 0x54 read 27 \(\d+\.\d ms\)/)
    expect(shown).toMatch(/< queue 0 +i2c 0x56 write 03 41 /)
  })
})
