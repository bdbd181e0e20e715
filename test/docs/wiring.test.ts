// The wiring pictures and the quick start say what boards/ and the command line say.

import { existsSync, readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { BOARDS } from "../../boards/src/index.js"
import { stdoutOf } from "../cli/command.js"

const ROOT = path.join(import.meta.dirname, "../..")
const readme = readFileSync(path.join(ROOT, "README.md"), "utf8")
const pictures = [
  ["pico", "wiring-pico.svg"],
  ["esp32c3_supermini", "wiring-esp32c3.svg"],
] as const

describe("the wiring picture", () => {
  it.each(pictures)(
    "of %s has the board's I2C pins, in its text for those who cannot see it, too",
    (id, file) => {
      const [sda = "", scl = ""] = BOARDS.find((board) => board.id === id)?.i2c.labels ?? []
      const svg = readFileSync(path.join(ROOT, "docs", file), "utf8")
      const [, description = ""] = /<desc id="d">(.+)<\/desc>/.exec(svg) ?? []
      expect(description).toMatch(
        new RegExp(`\\b${sda}( \\(pin \\d+\\))? to SDA, ${scl}( \\(pin \\d+\\))? to SCL`),
      )
      for (const label of [sda, scl]) expect(svg).toContain(`>${label}</text>`)
      expect(svg).not.toMatch(/<script|href=|url\(/) // nothing that a page that shows it would refuse
    },
  )
})

describe("the README's quick start", () => {
  const [section = ""] = /^## With a board\n[\s\S]+?(?=^## )/m.exec(readme) ?? []

  it("is three commands that exist", async () => {
    const commands = [...section.matchAll(/^npx virtio-msg ([^#\n]+)/gm)].map(
      ([, line]) => line?.trim() ?? "",
    )
    expect(commands).toEqual(["flash --board pico", "deploy", "i2c detect"])
    for (const line of commands) {
      const [name = "", option] = line.split(" --")
      const help = await stdoutOf(`${name} --help`)
      expect(help).toMatch(new RegExp(`^Usage: virtio-msg ${name}`))
      if (option) expect(help).toContain(`--${option.split(" ")[0]}`)
    }
  })

  it("shows pictures and points to guides that are there", () => {
    const targets = [...section.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target ?? "")
    expect(targets).toContain("docs/i2c-bus.md")
    for (const [, file] of pictures) expect(targets).toContain(`docs/${file}`)
    for (const target of targets) expect(existsSync(path.join(ROOT, target)), target).toBe(true)
  })
})
