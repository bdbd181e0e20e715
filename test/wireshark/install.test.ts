// `virtio-msg wireshark`: what it writes, Wireshark finds by itself.

import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { stat } from "node:fs/promises"
import path from "node:path"
import { text } from "node:stream/consumers"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { MAIN, virtioMsg, withFolder } from "../cli/command.js"
import { skippedWithoutTshark } from "./tshark.js"
import { asUser } from "./user.js"

const LIMIT_MS = 60_000

const run = promisify(execFile)

const skipped = skippedWithoutTshark()

describe.skipIf(skipped)(`virtio-msg wireshark${skipped}`, () => {
  it("makes tshark dissect captures and list our interfaces; --remove undoes it", {
    timeout: LIMIT_MS,
  }, async () => {
    await withFolder(async (folder) => {
      const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: "", XDG_RUNTIME_DIR: folder }
      const call = async (...args: string[]) => {
        const child = spawn(...asUser(process.execPath, [MAIN, ...args]), { env })
        const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
        if (child.exitCode === null) await once(child, "exit")
        return { code: child.exitCode, stdout, stderr }
      }
      const { code, stdout, stderr } = await call("wireshark")
      expect(code).toBe(0)
      const [dissector = "", extcap = ""] = stdout.trimEnd().split("\n")
      expect(path.basename(dissector)).toBe("virtio-msg.lua")
      expect((await stat(extcap)).mode & 0o111).toBe(0o111)
      const [, extcapFolder = ""] = /WIRESHARK_EXTCAP_DIR=(\S+)$/m.exec(stderr) ?? []

      const capture = path.join(folder, "read.pcapng")
      expect(await call("--port", "sim", "--trace", capture, "i2c", "get", "0x54", "14")).toMatchObject({
        code: 0,
      })
      const shown = await run(...asUser("tshark", ["-r", capture, "-Y", "virtio_msg.request_ok"]), { env })
      expect(shown.stdout).toContain("< i2c 0x54 read 66")
      const extcapEnv = { ...env, WIRESHARK_EXTCAP_DIR: extcapFolder || path.dirname(extcap) }
      expect((await run(...asUser("tshark", ["-D"]), { env: extcapEnv })).stdout).toContain("virtio-msg-sim")

      expect((await call("wireshark", "--remove")).stdout).toBe(`removed ${dissector}\nremoved ${extcap}\n`)
      await expect(stat(dissector)).rejects.toMatchObject({ code: "ENOENT" })
    })
  })
})

describe("virtio-msg wireshark without Wireshark", () => {
  it("says what to install", async () => {
    expect(await virtioMsg("wireshark", { PATH: "/nowhere" })).toEqual({
      code: 4,
      stdout: "",
      stderr: expect.stringMatching(
        /^error: Wireshark is not installed\.\nhint: .*apt-get install wireshark/,
      ),
    })
  })
})
