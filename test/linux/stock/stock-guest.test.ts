// What becomes of the stock guest when it cannot be set up. A script stands for QEMU here: it takes the console as the
// guest's first program does, and every command fails in it.

import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { expect, it } from "vitest"
import { LinuxGuest } from "../../../host/src/node/linux-guest/boot.js"
import { StockGuest } from "./stock-guest.js"

const STAND_IN = `
const console = require("node:net").connect(process.argv[2])
console.write("@@ready 1 6.1.0 x86_64\\n")
console.on("data", (bytes) => {
  const id = /@@run (\\d+)/.exec(bytes)?.[1]
  if (id) console.write("process " + process.pid + "\\n@@end " + id + " 1\\n")
  if (/@@off/.test(bytes)) process.exit()
})
console.on("close", () => {}) // and it goes on, as QEMU does
setInterval(() => {}, 1000)
`

it("a guest that cannot be set up is switched off before boot rejects", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "stand-in-"))
  const script = path.join(folder, "qemu.cjs")
  await writeFile(script, STAND_IN)
  const machine = new LinuxGuest({
    image: { folder, kernelPath: "", initrdPath: "", kernelRelease: "" },
    machine: { program: process.execPath, arguments: ({ consolePath }) => [script, consolePath] },
  })
  try {
    const problem = await StockGuest.boot({ machine }).then(
      () => "",
      (error: Error) => error.message,
    )
    const [, pid] = /^the guest cannot be set up: process (\d+)$/.exec(problem) ?? []
    expect(Number(pid)).toBeGreaterThan(0)
    expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH")
  } finally {
    await machine.shutdown()
    await rm(folder, { recursive: true })
  }
})
