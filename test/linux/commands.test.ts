// `virtio-msg linux` as a user types it.

import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { stdoutOf, virtioMsg } from "../cli/command.js"
import { examplesIn, words } from "../cli/help-examples.js"
import { because } from "../support/because.js"
import { preparedGuest } from "./prepared-guest.js"
import { skipReason } from "./requirements.js"

/** A busy machine boots slowly; a guest that hangs is ended, and fails its test. */
const BOOT_LIMIT_MS = 240_000

const skip = await skipReason({ koffi: true, guest: true })
const folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-commands-"))
afterAll(() => rmSync(folder, { recursive: true }))

describe("virtio-msg linux", () => {
  it("says what to install on a machine without QEMU, and leaves nothing behind", async () => {
    const cache = path.join(folder, "cache")
    const env = { PATH: folder, VIRTIO_MSG_CACHE: cache }
    const { code, stdout, stderr } = await virtioMsg("--port sim linux --run true", env)
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" })
    expect(stderr).toMatch(/^error: .+\nhint: .+\n$/)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe.skipIf(skip)(`a guest${because(skip)}`, { timeout: 300_000 }, () => {
  it("that is prepared is not said to boot where QEMU is missing", async () => {
    await preparedGuest()
    const { code, stdout, stderr } = await virtioMsg("--port sim linux --run true", { PATH: folder })
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" })
    expect(stderr).toMatch(
      /^error: To boot the Linux guest, this machine lacks qemu-system-arm\.\nhint: .+\n$/,
    )
  })

  it("runs the examples of `virtio-msg linux --help`", async () => {
    await preparedGuest()
    for (const example of examplesIn(await stdoutOf("linux --help"))) {
      const { code, stdout } = await virtioMsg(words(example), {}, BOOT_LIMIT_MS)
      expect({ code, chips: stdout.includes("48") }).toEqual({ code: 0, chips: true })
    }
  })

  it("runs one command of `virtio-msg linux`, whose output and exit code come back", async () => {
    await preparedGuest()
    const args = ["--port", "sim", "linux", "--run", "i2cget -y 0 0x54 14; uname -m; exit 7"]
    const { code, stdout } = await virtioMsg(args, {}, BOOT_LIMIT_MS)
    expect({ code, stdout }).toEqual({ code: 7, stdout: "0x66\narmv7l\n" })
  })

  it("finds ST's five lines going through in `virtio-msg linux --demo`", async () => {
    const { code, stdout } = await virtioMsg("--port sim linux --demo", {}, BOOT_LIMIT_MS)
    expect(code).toBe(0)
    // the guest's thread for entropy may have a packet of its own meanwhile; linux.test.ts counts those of I2C
    expect(stdout).toMatch(
      /i2cget -y 0 0x54 14\n {4}0x66\nM4 {2}0x54: write 0e, 0x54: read 66 \(packets: [12] in, [12] out\)/,
    )
    expect(stdout).toMatch(/i2cset -y 0 0x54 14 0x25\nM4 {2}0x54: write 0e25/)
    expect(stdout).toMatch(/\n {4}0x25\nM4 .+\n\nDone: /)
  })
})
