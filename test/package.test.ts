// The package as its users get it: packed, installed in an empty folder, used as a command and as a library.

import { readFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { INSTALL_LIMIT_MS, InstalledProject, type Packed } from "./support/installed-project.js"

const ROOT = path.join(import.meta.dirname, "..")

let packed: Packed
let project: InstalledProject

beforeAll(async () => {
  project = await InstalledProject.create()
  const virtioMsg = await project.pack(".")
  packed = virtioMsg
  await project.install({ private: true, dependencies: { "virtio-msg": `file:${virtioMsg.tarball}` } })
}, INSTALL_LIMIT_MS)

afterAll(() => project.remove())

describe("the packed package", () => {
  it("holds what it needs, and nothing else", () => {
    const files = packed.files.map((file) => file.path)
    expect(files).toEqual(
      expect.arrayContaining([
        "LICENSE",
        "README.md",
        "package.json",
        "docs/bus.md",
        "host/bin/virtio-msg.js",
        "host/bin/virtio-msg-extcap.js",
        "host/completion/virtio-msg.bash",
        "host/completion/virtio-msg.fish",
        "host/completion/virtio-msg.zsh",
        "host/wireshark/virtio-msg.lua",
        "dist/virtio-msg.1",
        "dist/firmware/hardware-dial.devs",
        "dist/firmware/hardware.devs",
        "dist/firmware/simulated-dial.devs",
        "dist/firmware/simulated.devs",
        "dist/host/src/cli/main.js",
        "dist/host/src/index.js",
        "dist/host/src/index.d.ts",
        "dist/shared-protocol/src/index.js",
        "dist/shared-protocol/src/index.d.ts",
        "dist/web/index.html",
      ]),
    )
    // the virtual machine comes with @devicescript/cli, the program is --port sim's: the dashboard takes them from there
    expect(files.filter((file) => /^dist\/web\/(vm|firmware)/.test(file))).toEqual([])
    const expected =
      /^(LICENSE|README\.md|package\.json|host\/bin\/[\w-]+\.js|host\/(linux-module|bridge-shim)\/[\w.-]+|host\/completion\/virtio-msg\.(bash|fish|zsh)|host\/wireshark\/virtio-msg\.lua|docs\/.+\.(md|svg)|docs\/examples\/.+\.(c|ts)|dist\/.+)$/
    expect(files.filter((file) => !expected.test(file))).toEqual([])
    const unwanted = /(^|\/)(test|tests|node_modules|coverage)\/|\.test\.|(?<!\.d)\.ts$/
    expect(files.filter((file) => unwanted.test(file) && !file.startsWith("docs/examples/"))).toEqual([])
  })

  it("declares all that a program can import, and no folder of what none can", () => {
    const declarations = packed.files.map((file) => file.path).filter((file) => file.endsWith(".d.ts"))
    const seen = new Set<string>()
    const look = (file: string) => {
      if (seen.has(file)) return
      seen.add(file)
      for (const [, to = ""] of readFileSync(path.join(ROOT, file), "utf8").matchAll(/"(\.[^"]+)\.js"/g))
        look(path.posix.join(path.posix.dirname(file), `${to}.d.ts`))
    }
    look("dist/host/src/index.d.ts")
    look("dist/shared-protocol/src/index.d.ts")
    expect([...seen].filter((file) => !declarations.includes(file))).toEqual([])
    const folders = new Set([...seen].map((file) => path.posix.dirname(file)))
    expect(declarations.filter((file) => !folders.has(path.posix.dirname(file)))).toEqual([])
  })

  it("is small", () => {
    expect(packed.size).toBeLessThan(1_060_000)
    expect(packed.unpackedSize).toBeLessThan(3_500_000)
  })
})

describe("the installed package", () => {
  it("has a command that works", async () => {
    const command = path.join(project.folder, "node_modules", ".bin", "virtio-msg")
    const { stdout, stderr } = await project.run(command, ["--port", "sim", "i2c", "get", "0x54", "14"])
    expect({ stdout, stderr }).toEqual({ stdout: "0x66\n", stderr: "" })
  })

  it("is a library, whose process ends by itself once the bus is closed", async () => {
    await writeFile(
      path.join(project.folder, "read.mjs"),
      `import { openBus } from "virtio-msg"
const bus = await openBus({ port: "sim" })
const i2c = await bus.i2c()
const [data] = await i2c.transfer(0x54, [{ write: [14] }, { read: 1 }])
await bus.close()
console.log(data[0].toString(16))
`,
    )
    const { stdout, stderr } = await project.run(process.execPath, ["read.mjs"])
    expect({ stdout, stderr }).toEqual({ stdout: "66\n", stderr: "" })
  })

  it("shows what is public, and its protocol", async () => {
    await writeFile(
      path.join(project.folder, "names.mjs"),
      `import * as library from "virtio-msg"
import * as protocol from "virtio-msg/protocol"
console.log(typeof library.openBus, typeof library.VirtioMsgError, Object.keys(protocol).length > 10)
await import("virtio-msg/dist/host/src/open-bus.js").catch((error) => console.log(error.code))
`,
    )
    const { stdout } = await project.run(process.execPath, ["names.mjs"])
    expect(stdout).toBe("function function true\nERR_PACKAGE_PATH_NOT_EXPORTED\n")
  })
})
