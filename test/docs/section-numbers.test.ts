// The sections of virtio 1.4 that our files name for a device type. Chapter 5 counts the device types in the order in
// which the specification's content.tex takes them in; a new type takes the next number.

import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { expect, it } from "vitest"

const ROOT = path.join(import.meta.dirname, "../..")

/** Chapter 5 of virtio 1.4 from 5.1 on, as content.tex has it. */
const ORDER =
  "net blk console entropy balloon scsi gpu input crypto vsock fs rpmb iommu sound mem i2c scmi gpio pmem can spi media rtc".split(
    " ",
  )
const sectionOf = (type: string) => `5.${ORDER.indexOf(type === "rng" ? "entropy" : type) + 1}`

/** A type in front of its section, "virtio-i2c device (virtio 1.4 5.16", and behind it, "5.16 I2C Adapter Device". */
const BEFORE = /\b(?:virtio-)?(i2c|gpio|rng|entropy|console|rtc)\b[^.()]*\(virtio 1\.4 (5\.\d+)/gi
const BEHIND = /\b(5\.\d+)(?:\.\d+)* (i2c|gpio|rng|entropy|console|rtc)\b/gi
/** The section alone: it has to be one of ours. */
const ALONE = /\bvirtio 1\.4 (5\.\d+)/g

function ourFiles(): string[] {
  return [
    "boards/src",
    "docs",
    "firmware/src",
    "host/src",
    "host/wireshark",
    "shared-protocol/src",
    "test",
  ].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(ts|md|lua|mjs)$/.test(name))
      .map((name) => path.join(folder, name)),
  )
}

it("every file gives a device type the section that it has in virtio 1.4's own order", () => {
  expect(["console", "rng", "i2c", "gpio", "rtc"].map(sectionOf)).toEqual([
    "5.3",
    "5.4",
    "5.16",
    "5.18",
    "5.23",
  ])
  const ours = new Set(["console", "entropy", "i2c", "gpio", "rtc"].map(sectionOf))
  const wrong: string[] = []
  let named = 0
  const check = (file: string, type: string, section: string) => {
    named++
    const right = sectionOf(type.toLowerCase())
    if (section !== right) wrong.push(`${file}: ${type} is ${right}, not ${section}`)
  }
  for (const file of ourFiles()) {
    // a comment or a paragraph may break anywhere
    const text = readFileSync(path.join(ROOT, file), "utf8").replace(/\s+(?:\/\/|--|\*)?\s*/g, " ")
    for (const [, type = "", section = ""] of text.matchAll(BEFORE)) check(file, type, section)
    for (const [, section = "", type = ""] of text.matchAll(BEHIND)) check(file, type, section)
    for (const [, section = ""] of text.matchAll(ALONE))
      if (!ours.has(section)) wrong.push(`${file}: virtio 1.4 ${section} is none of our device types`)
  }
  expect(wrong).toEqual([])
  expect(named).toBeGreaterThan(40) // it still finds them
})
