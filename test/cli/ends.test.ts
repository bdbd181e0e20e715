// How the command ends where the system refuses: one sentence, a hint, and README's exit code.

import { spawnSync } from "node:child_process"
import { stat, writeFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { makeFolder } from "../../host/src/node/make-folder.js"
import { MAIN, virtioMsg, withFolder } from "./command.js"

const CACHE_HINT = "hint: Name a folder that you may write to: export VIRTIO_MSG_CACHE=FOLDER\n"
const isLinux = process.platform === "linux"

describe.concurrent("a cache that cannot be made ends the command with exit code 1", () => {
  it.each(["flash --board pico", "linux --run true"])("a file in its place: %s", (line) =>
    withFolder(async (folder) => {
      const file = path.join(folder, "file")
      await writeFile(file, "")
      const { code, stderr } = await virtioMsg(line, { VIRTIO_MSG_CACHE: path.join(file, "cache") })
      expect(stderr).toMatch(/^error: Cannot keep files in .*\/file\/cache\/\w+: .*\.\n/m)
      expect(stderr.endsWith(CACHE_HINT)).toBe(true)
      expect(code).toBe(1)
    }),
  )

  it.skipIf(!isLinux).each(["VIRTIO_MSG_CACHE", "HOME"])(
    "below /proc, where Node's own mkdir hangs: %s",
    async (name) => {
      const environment = { VIRTIO_MSG_CACHE: undefined, [name]: "/proc/x/y" }
      const { code, stderr } = await virtioMsg("linux --run true", environment)
      expect(stderr).toMatch(/^error: Cannot keep files in \/proc\/x\/y\/.*ENOENT.*\.\n/)
      expect(code).toBe(1)
    },
  )
})

describe.concurrent("a trace that could not be written is exit code 1, after the work was done", () => {
  it
    .skipIf(!isLinux)
    .each([
      "--port sim --trace /dev/full i2c get 0x54 14",
      "trace --write /dev/full -- --port sim i2c get 0x54 14",
    ])("%s", async (line) => {
    const { code, stdout, stderr } = await virtioMsg(line)
    expect(`${stdout}${stderr}`).toContain("0x66\n")
    expect(stderr).toMatch(
      /^error: The trace in \/dev\/full ends here: ENOSPC.*\.\nhint: Is the disk full\?\n/,
    )
    expect(code).toBe(1)
  })
})

describe.concurrent("what the board's shell does not know is exit code 1", () => {
  it("as the command's words", async () => {
    expect(await virtioMsg("--port sim console nonsense")).toMatchObject({
      code: 1,
      stdout: "nonsense: no such command; try help\n",
    })
  })
})

describe.concurrent("other places that cannot be used", () => {
  it.skipIf(!isLinux)("a flash memory that is a device, which has no end", async () => {
    expect(await virtioMsg("sim --flash /dev/full")).toMatchObject({
      code: 2,
      stderr:
        "error: Cannot use /dev/full: it is not a regular file\n" +
        "hint: Choose a file in a folder that you may write to.\n",
    })
  })

  it.skipIf(!isLinux)("a folder below /proc, for whoever makes one", () => {
    expect(() => makeFolder("/proc/x/y")).toThrow("ENOENT")
  })

  it("a folder that is there already, or is made with those above it", () =>
    withFolder(async (folder) => {
      const deep = path.join(folder, "a", "b")
      for (let times = 0; times < 2; times++) makeFolder(deep, 0o700)
      expect((await stat(deep)).mode & 0o777).toBe(0o700)
    }))

  it.skipIf(!isLinux)("too few open files are told in a sentence, where they do not do", () => {
    const line = `ulimit -n 40; exec "${process.execPath}" "${MAIN}" --port sim i2c get 0x54 14`
    const { status, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8" })
    if (status === 0) return // another Node.js opens fewer files at a time
    expect(stderr).toMatch(/^error: The system refused: EMFILE.*\.\nhint: .*ulimit -n 1024\n$/)
    expect(status).toBe(1)
  })
})
