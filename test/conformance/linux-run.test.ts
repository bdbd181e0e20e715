// `conform driver --linux --kernel FILE`, before anything is booted.

import { describe, expect, it } from "vitest"
import { withLinuxSubject } from "../../host/src/conformance/driver/linux-run.js"

describe("--kernel", () => {
  it.each(["/nowhere/vmlinuz", "/"])(
    "%s, which cannot be read, is said before anything is prepared",
    async (kernelPath) => {
      const notes: string[] = []
      const run = withLinuxSubject({ kernelPath, onNote: (note) => notes.push(note) }, async () => "booted")
      await expect(run).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining(`Cannot read the kernel ${kernelPath}`),
      })
      expect(notes).toEqual([])
    },
  )
})
