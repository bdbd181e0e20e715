// Pulling the board's cable while a Linux guest boots from it: `virtio-msg linux` says so, the guest's driver gets
// errors instead of answers, and all ends in order.

import path from "node:path"
import { describe, expect, it } from "vitest"
import { startUntilLine, withFolder } from "../cli/command.js"
import { because } from "../support/because.js"
import { FakeCable } from "../support/fake-cable.js"
import { preparedGuest } from "./prepared-guest.js"
import { skipReason } from "./requirements.js"

const skip = await skipReason({ koffi: true, guest: true })

describe.skipIf(skip)(`a guest${because(skip)}`, () => {
  it("whose board is pulled boots, is told by its driver, and ends", async () => {
    await preparedGuest()
    await withFolder(async (folder) => {
      const cable = await FakeCable.lay(path.join(folder, "board.sock"), "pull")
      const args = ["--port", cable.port, "linux", "--run", "i2cget -y 0 0x54 14; echo ended with $?"]
      const linux = await startUntilLine(args, "stderr")
      expect(linux.line).toMatch(/^Booting Linux /)
      cable.cause()
      const { code, stdout, stderr } = await linux.ended
      expect(stderr).toContain("The board is gone.\n")
      expect(stdout).toMatch(/^Error: Read failed\nended with 2\n$/m)
      expect(code).toBe(0)
      await cable.takeUp()
    })
  })
})
