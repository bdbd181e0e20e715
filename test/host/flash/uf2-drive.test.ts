// Copying to the drive of a boot loader, which goes away at the end, or too early.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { copyToDrive } from "../../../host/src/flash/uf2-drive.js"
import { UNLESS_LINUX } from "../../support/because.js"
import { makeUf2 } from "../../support/firmware-files.js"

const file = makeUf2(400)
let folder: string
let drive: { folder: string; boardId: string }

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-drive-"))
  drive = { folder: path.join(folder, "RPI-RP2"), boardId: "RPI-RP2" }
  mkdirSync(drive.folder)
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Copies; the drive goes away when so many bytes were reported. Returns what was reported. */
async function copy(goneAfterBytes: number): Promise<number[]> {
  const reports: number[] = []
  await copyToDrive(drive, file, (done, total) => {
    expect(total).toBe(file.length)
    reports.push(done)
    if (done >= goneAfterBytes) rmSync(drive.folder, { recursive: true, force: true })
  })
  return reports
}

describe("copyToDrive", () => {
  it("writes every byte, and reports as it goes", async () => {
    const reports = await copy(Number.POSITIVE_INFINITY)
    expect(readFileSync(path.join(drive.folder, "firmware.uf2")).equals(file)).toBe(true)
    expect(reports).toEqual([0, 32_768, 65_536, 98_304, 131_072, 163_840, 196_608, file.length])
  })

  it("takes it for done when the drive goes away with the last bytes, as a boot loader's does", async () => {
    expect((await copy(196_608)).at(-1)).toBe(file.length)
  })

  it("tells a drive that takes no more from one that is gone", async () => {
    const file = makeUf2(400)
    const stopped = copyToDrive(drive, file, (done) => {
      if (done === 98_304) rmSync(path.join(drive.folder, "firmware.uf2"))
    })
    await expect(stopped).rejects.toMatchObject({
      code: "DEVICE_FAILED",
      message: expect.stringMatching(
        /refused to be written \(ENOENT: .+\) after 98304 of 204800 bytes: the board holds half a firmware\.$/,
      ),
    })
  })

  it.skipIf(UNLESS_LINUX)(
    `says that nothing was written on a drive that is full${UNLESS_LINUX}`,
    async () => {
      symlinkSync("/dev/full", path.join(drive.folder, "firmware.uf2"))
      await expect(copy(Number.POSITIVE_INFINITY)).rejects.toMatchObject({
        code: "CONNECT_FAILED",
        message: expect.stringContaining("ENOSPC"),
        hint: expect.stringContaining("nothing was written"),
      })
    },
  )

  it("is not silent about half a firmware", async () => {
    await expect(copy(98_304)).rejects.toMatchObject({
      code: "LINK_CLOSED",
      message: `The drive ${drive.folder} went away after 98304 of 204800 bytes: the board holds half a firmware.`,
      hint: expect.stringContaining("Nothing is broken: hold BOOTSEL"),
    })
  })

  it("says that nothing was written when it cannot begin", async () => {
    rmSync(drive.folder, { recursive: true })
    await expect(copy(Number.POSITIVE_INFINITY)).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: expect.stringContaining(`Cannot write to ${drive.folder}`),
      hint: expect.stringContaining("nothing was written"),
    })
  })
})
