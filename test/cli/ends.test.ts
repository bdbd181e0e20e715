// How the command ends where the system refuses: one sentence, a hint, and README's exit code.

import { execFile, execFileSync } from "node:child_process"
import { stat, writeFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { systemError } from "../../host/src/cli/system-error.js"
import { makeFolder } from "../../host/src/node/make-folder.js"
import { skipReason } from "../linux/requirements.js"
import { because, UNLESS_LINUX } from "../support/because.js"
import { type Outcome, plainEnvironment, virtioMsg, withFolder } from "./command.js"

const CACHE_HINT = "hint: Name a folder that you may write to: export VIRTIO_MSG_CACHE=FOLDER\n"
const isLinux = process.platform === "linux"
const BIN = path.join(import.meta.dirname, "../../host/bin/virtio-msg.js")

/** `linux` looks for QEMU before it keeps files. */
const noGuest = await skipReason({ guest: true })
const skipped = because(noGuest)

describe.concurrent("a cache that cannot be made ends the command with exit code 1", () => {
  const inPlaceOf = (line: string) =>
    withFolder(async (folder) => {
      const file = path.join(folder, "file")
      await writeFile(file, "")
      const { code, stderr } = await virtioMsg(line, { VIRTIO_MSG_CACHE: path.join(file, "cache") })
      expect(stderr).toMatch(/^error: Cannot keep files in .*\/file\/cache\/\w+: .*\.\n/m)
      expect(stderr.endsWith(CACHE_HINT)).toBe(true)
      expect(code).toBe(1)
    })

  it("a file in its place: flash", () => inPlaceOf("flash --board pico"))

  it.skipIf(noGuest)(`a file in its place: linux${skipped}`, () => inPlaceOf("linux --run true"))

  it.skipIf(noGuest).each(["VIRTIO_MSG_CACHE", "HOME"])(
    `below /proc, where Node's own mkdir hangs: %s${skipped}`,
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
    .skipIf(UNLESS_LINUX)
    .each([
      "--port sim --trace /dev/full i2c get 0x54 14",
      "trace --write /dev/full -- --port sim i2c get 0x54 14",
    ])(`%s${UNLESS_LINUX}`, async (line) => {
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
  it.skipIf(UNLESS_LINUX)(`a flash memory that is a device, which has no end${UNLESS_LINUX}`, async () => {
    expect(await virtioMsg("sim --flash /dev/full")).toMatchObject({
      code: 2,
      stderr:
        "error: Cannot use /dev/full: it is not a regular file\n" +
        "hint: Choose a file in a folder that you may write to.\n",
    })
  })

  it.skipIf(UNLESS_LINUX)(`a folder below /proc, for whoever makes one${UNLESS_LINUX}`, () => {
    expect(() => makeFolder("/proc/x/y")).toThrow("ENOENT")
  })

  it("a folder that is there already, or is made with those above it", () =>
    withFolder(async (folder) => {
      const deep = path.join(folder, "a", "b")
      for (let times = 0; times < 2; times++) makeFolder(deep, 0o700)
      expect((await stat(deep)).mode & 0o777).toBe(0o700)
    }))
})

describe.skipIf(UNLESS_LINUX).concurrent(`too few open files are told in a sentence${UNLESS_LINUX}`, () => {
  const HINT = "Allow more, in a new terminal if this one refuses: ulimit -n 1024"

  /** As typed in a shell that allows so many open files. */
  const withFiles = (count: number, line: string) =>
    new Promise<Outcome>((resolve) => {
      const command = `ulimit -n ${count}; exec "${process.execPath}" "${BIN}" ${line}`
      execFile("bash", ["-c", command], { env: plainEnvironment() }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      )
    })

  /** So many Node.js has open by itself. */
  const least = isLinux
    ? Number(execFileSync(process.execPath, ["-p", "fs.readdirSync('/proc/self/fd').length"]))
    : 0

  // from version 22 on it opens the files of a program one after the other
  const opensMany = Number.parseInt(process.versions.node, 10) < 22

  it.each([4, 6, 12, 20])(
    "%d more than Node.js itself has, which may not do to load the program",
    async (more) => {
      const { code, stdout, stderr } = await withFiles(least + more, "--port sim i2c get 0x54 14")
      if (!opensMany) return expect({ code, stdout }).toEqual({ code: 0, stdout: "0x66\n" })
      expect(stderr).toMatch(/^error: The system refused: EMFILE: .*\.\nhint: .*\n$/)
      expect(stderr).toContain(HINT)
      expect(code).toBe(1)
    },
  )

  it.each([46, 50, 54, 58])("%d, where it may be, or fails later", async (count) => {
    const { code, stdout, stderr } = await withFiles(count, "--port sim i2c get 0x54 14")
    if (code === 0) return expect({ stdout, stderr }).toEqual({ stdout: "0x66\n", stderr: "" })
    expect(stderr).toMatch(/^error: The system refused: EMFILE: .*\.\nhint: .*\n$/)
    expect(code).toBe(1)
  })

  it("as JSON, too", async () => {
    const { code, stderr } = await withFiles(least + 5, "--port sim info --json")
    if (!opensMany) return expect(code).toBe(0)
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: "SYSTEM_FAILED",
        message: expect.stringMatching(/EMFILE/),
        hint: expect.stringContaining(HINT),
      },
    })
    expect(code).toBe(1)
  })

  it("in the words of other errors of the system", () => {
    const error = Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE", syscall: "open" })
    expect(systemError(error)?.hint).toContain(HINT)
  })
})
