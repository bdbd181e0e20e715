// `virtio-msg conform` as its users run it: processes, exit codes, reports for people and for programs.

import { readFile, writeFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { MAIN, stdoutOf, virtioMsg, withFolder } from "../cli/command.js"

/** Thirty processes, three at a time. */
const DRIVER_LIMIT_MS = 120_000

// each is a process or two of its own
describe.concurrent("virtio-msg conform", () => {
  it("says in a sentence that the simulated board conforms, and shows what was not seen and why", async ({
    expect,
  }) => {
    const [text, xml] = await withFolder(async (folder) => {
      const file = path.join(folder, "report.xml")
      return [await stdoutOf(`--port sim conform --junit ${file}`), await readFile(file, "utf8")] as const
    })
    expect(text).toMatch(/^Conformance of sim\n {2}serial mailbox bus, revision 1, messages up to 228 bytes/)
    expect(text).toMatch(/^B35 +unseen +The bus's specification says/m)
    expect(text).toMatch(/^V14 +skipped /m)
    expect(text).toMatch(
      /Conforms, as far as it could be seen: (\d+) of \1 MUST and (\d+) of \2 SHOULD rows hold\.\n/,
    )
    expect(text).not.toMatch(/^[GBVDRI][-SM\d]+ +(pass|FAIL|BLOCKED)/m)
    const [, rows, passed] = /^(\d+) rows: (\d+) passed, 0 failed/m.exec(text) ?? []
    expect(Number(rows)).toBeGreaterThan(150)
    expect(xml.match(/<testcase /g)).toHaveLength(Number(rows))
    expect(Number(rows) - (xml.match(/<skipped/g) ?? []).length).toBe(Number(passed))
  })

  it("says of a chip that is not there that it does not answer, not that the device is wrong", async ({
    expect,
  }) => {
    const { code, stdout } = await virtioMsg("--port sim conform --chip 0x20 --row I5,I7,I8 -v")
    const why = "No chip answers at 0x20, which --chip names; chips answer at 0x48, 0x50, 0x54, 0x56, 0x76."
    expect(stdout.split(why)).toHaveLength(4)
    expect({ code, isWrong: stdout.includes("Does not conform") }).toEqual({ code: 0, isWrong: false })
  })

  it("shows one row, also when it passes", async ({ expect }) => {
    const text = await stdoutOf("--port sim conform --row v57 -v")
    expect(text).toMatch(/^V57 +pass +A reserved field/m)
    expect(text).toContain("1 row: 1 passed, 0 failed")
  })

  it("writes JSON, and JUnit beside it", async ({ expect }) => {
    await withFolder(async (folder) => {
      const file = path.join(folder, "report.xml")
      const report = JSON.parse(await stdoutOf(`--port sim conform --row V57,V14,B35 --json --junit ${file}`))
      expect(report).toMatchObject({ subject: "sim", conforming: true, draft: null })
      expect(report.rows.find((row: { id: string }) => row.id === "V57")).toMatchObject({
        side: "device",
        level: "MUST",
        section: "SET_VQUEUE",
        status: "pass",
        detail: null,
        exchanges: [],
      })
      const xml = await readFile(file, "utf8")
      expect(xml).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites>/)
      const [, tests, failures, skipped] = /tests="(\d+)" failures="(\d+)" skipped="(\d+)"/.exec(xml) ?? []
      expect(Number(tests)).toBe(3)
      expect(Number(failures)).toBe(0)
      expect(Number(skipped)).toBe(2)
      expect(report.counts).toMatchObject({ pass: 1, skipped: 1, "not observable": 1 })
      expect(xml.match(/<testcase /g)).toHaveLength(3)
    })
  })

  it("lists every row, as text and as JSON", async ({ expect }) => {
    const text = await stdoutOf("conform --list")
    expect(text).toMatch(/^D47 +MUST +driver +A queue's size is at most/m)
    const rows = JSON.parse(await stdoutOf("conform --list --json"))
    expect(rows.length).toBe(text.trim().split("\n").length - 1)
    expect(rows.find((row: { id: string }) => row.id === "B35")).toMatchObject({
      checkedAgainst: [],
      notObservable: expect.stringContaining("no message shows what it says"),
    })
  })

  it("knows wrong rows, numbers and files", async ({ expect }) => {
    expect(await virtioMsg("--port sim conform --row V99")).toEqual({
      code: 2,
      stdout: "",
      stderr: "error: There is no row V99.\nhint: List the rows: virtio-msg conform --list\n",
    })
    const chip = await virtioMsg("--port sim conform --chip 0x54z")
    expect(chip).toMatchObject({ code: 2, stdout: "" })
    expect(chip.stderr).toContain("It is a number from 0 to 65535, as 7 or 0x54.")
    const file = await virtioMsg("--port sim conform --row V39 --junit /no/such/folder/report.xml")
    expect(file).toMatchObject({ code: 2 })
    expect(file.stderr).toMatch(/^error: Cannot write \/no\/such\/folder\/report\.xml: ENOENT/)
    expect(await virtioMsg("--port sim conform --device 77")).toMatchObject({
      code: 3,
      stderr:
        "error: No device 77 answers GET_DEVICE_INFO on sim.\nhint: See what is there: virtio-msg info\n",
    })
  })

  it("says what is not there on the plain profile", async ({ expect }) => {
    const port = `plain:unix:${import.meta.dirname}/no-such.sock`
    const nobody = await virtioMsg(`--port ${port} conform`)
    expect(nobody).toMatchObject({ code: 3, stdout: "" })
    expect(nobody.stderr).toContain(`error: Cannot connect to ${port}: `)
    // which is a command that works: test/conformance/plain-device.test.ts
    expect(nobody.stderr).toContain(`virtio-msg sim --listen ${port}\n`)
    const noFolder = await virtioMsg("--port plain:unix:/no/such/socket conform")
    expect(noFolder).toMatchObject({ code: 3, stdout: "" })
    expect(noFolder.stderr).toContain("there is no folder /no/such.")
  })
})

describe("virtio-msg conform driver", { timeout: DRIVER_LIMIT_MS }, () => {
  it("checks our own driver as a process of its own", async () => {
    const { code, stdout, stderr } = await virtioMsg("conform driver --json", {}, DRIVER_LIMIT_MS)
    const report = JSON.parse(stdout)
    const bad = report.rows.filter(
      (row: { status: string }) => row.status === "fail" || row.status === "blocked",
    )
    expect({ bad, code, stderr }).toEqual({ bad: [], code: 0, stderr: "" })
    expect(report.conforming).toBe(true)
  })

  it("checks a command that finds the port among its arguments", async () => {
    const command = ["conform", "driver", "--row", "D47", "--row", "D31,D59", "-v", "--"]
    const driver = [process.execPath, MAIN, "--port", "{port}", "i2c", "get", "0x54", "14"]
    const { code, stdout, stderr } = await virtioMsg([...command, ...driver], {}, DRIVER_LIMIT_MS)
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toContain("3 rows: 3 passed")
  })

  it("says what a driver did wrong, and ends with 1", async () => {
    await withFolder(async (folder) => {
      // a driver that does nothing, and says that all is well
      const idle = path.join(folder, "idle.mjs")
      await writeFile(idle, "process.exit(0)\n")
      const run = await virtioMsg(["conform", "driver", "--row", "D31", "--", process.execPath, idle])
      expect(run).toMatchObject({ code: 1, stderr: "" })
      expect(run.stdout).toMatch(/^D31 +FAIL +The driver sends EVENT_AVAIL/m)
      expect(run.stdout).toContain("Does not conform: 0 of 1 MUST")
    })
  })

  it("says so when the command cannot be started", async () => {
    const run = await virtioMsg(["conform", "driver", "--row", "D31", "--", "/no/such/driver"])
    expect(run).toMatchObject({ code: 2, stdout: "" })
    expect(run.stderr).toMatch(/^error: Cannot start \/no\/such\/driver: .*ENOENT\nhint: The command/)
  })
})
