// Which program has a serial port open: a real one, at the other end of a pseudo-terminal.

import { spawn } from "node:child_process"
import { closeSync, constants, openSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { findPortHolders, holdersHint } from "../../host/src/node/port-holders.js"
import { openPty } from "../../host/src/node/pty.js"
import { UNLESS_LINUX } from "../support/because.js"

describe.skipIf(UNLESS_LINUX)(`findPortHolders${UNLESS_LINUX}`, () => {
  it("names the other processes that have a port open, and not this one", async () => {
    const pty = await openPty()
    const free = await openPty()
    const end = openSync(pty.path, constants.O_RDWR | constants.O_NOCTTY)
    const other = spawn("sleep", ["600"], { stdio: [end, "ignore", "ignore"] })
    closeSync(end)
    try {
      const holders = await findPortHolders([pty.path, free.path, "/dev/ttyACM99"])
      expect(holders.get(pty.path)).toEqual([{ pid: other.pid, name: "sleep" }])
      expect(holders.get(free.path)).toEqual([])
      expect(holders.get("/dev/ttyACM99")).toEqual([])
    } finally {
      other.kill()
      pty.close()
      free.close()
    }
  })

  it("looks for nobody where there is no port", async () => {
    expect(await findPortHolders([])).toEqual(new Map())
  })
})

describe("the hint", () => {
  it("says who is to be ended", () => {
    expect(holdersHint([])).toBe("")
    expect(holdersHint([{ pid: 7, name: "picocom" }])).toBe("picocom (process 7) uses it: end that first.")
    expect(
      holdersHint([
        { pid: 7, name: "picocom" },
        { pid: 8, name: "node" },
      ]),
    ).toBe("picocom (process 7) and node (process 8) use it: end that first.")
  })
})
