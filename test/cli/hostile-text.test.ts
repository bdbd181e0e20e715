// What a hostile board says, printed by the real command: no terminal may obey any of it (docs/security.md).

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { visibleLines, visibleText } from "../../host/src/visible-text.js"
import { FakeRoot, PICO_USB } from "../support/fake-root.js"
import { HostileBoard } from "../support/hostile-board.js"
import { virtioMsg } from "./command.js"

let folder: string
let board: HostileBoard
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-hostile-"))
  board = await HostileBoard.listen(path.join(folder, "board"))
})
afterAll(async () => {
  await board.close()
  await rm(folder, { recursive: true })
})

/** Control characters but for the ends of lines and tabulators; output is no terminal here, so no colours either. */
const OBEYED = /[^\n\t\P{Cc}]|\p{Bidi_Control}/u

describe("a hostile board's words reach no terminal as orders", () => {
  it.each([
    ["info", "Board"],
    ["info --json", "board"],
    ["gpio info", "led"],
    ["gpio info --json", "led"],
    ["gpio get nothing", "led"],
    ["gpio get --numeric 0", ""],
    ["logs --lines 3", "log"],
    ["logs --lines 3 --json", "log"],
    ["trace -- gpio info", "GPIO"],
    ["trace --json -- gpio info", "virtio"],
    ["doctor", ""],
  ])("virtio-msg %s", async (words, said) => {
    const { stdout, stderr } = await virtioMsg(`--port ${board.port} ${words}`)
    expect(stdout + stderr).toContain(said)
    expect(stdout).not.toMatch(OBEYED)
    expect(stderr).not.toMatch(OBEYED)
    // nor can it write a line of ours
    expect(stdout + stderr).not.toMatch(/^error: fake/m)
  })

  it("and JSON stays JSON", async () => {
    const { stdout } = await virtioMsg(`--port ${board.port} gpio info --json`)
    expect(JSON.stringify(JSON.parse(stdout))).toContain("led")
  })
})

describe("a hostile USB device's strings reach no terminal as orders", () => {
  it.each(["ports", "ports --json", "doctor", "--port auto info"])("virtio-msg %s", async (words) => {
    const root = new FakeRoot(path.join(folder, `root-${words.replace(/\W/g, "-")}`))
    const spoken = "led\u001b[2J\u001b]0;title\u0007\u009b1m\nerror: fake\u202e"
    const usb = { idVendor: "dead", idProduct: "beef", manufacturer: spoken, product: spoken, serial: spoken }
    await root.addUsbPort("ttyACM0", usb)
    await root.addUsbPort("ttyACM1", { ...PICO_USB, manufacturer: spoken, product: spoken, serial: spoken })
    const { stdout, stderr } = await virtioMsg(words, { VIRTIO_MSG_ROOT: root.folder })
    expect(stdout + stderr).toContain("ttyACM0")
    expect(stdout).not.toMatch(OBEYED)
    expect(stderr).not.toMatch(OBEYED)
    expect(stdout + stderr).not.toMatch(/^error: fake/m)
  })
})

describe("visible text", () => {
  it("has no control character, no change of direction, and all else as it was", () => {
    expect(visibleText("a\u001b[2Jb\n\u009b1m\u007f\u202e\u2028 Grüße, 漢字 \u{1f600}")).toBe(
      "a\\u001b[2Jb\\u000a\\u009b1m\\u007f\\u202e\\u2028 Grüße, 漢字 \u{1f600}",
    )
  })

  it("keeps of lines their ends and our colours, and no other sequence", () => {
    expect(visibleLines("\u001b[1;32mgreen\u001b[0m\n\ttab\u001b[2J\u001b]0;x\u0007\u001b[31")).toBe(
      "\u001b[1;32mgreen\u001b[0m\n\ttab\\u001b[2J\\u001b]0;x\\u0007\\u001b[31",
    )
  })
})
