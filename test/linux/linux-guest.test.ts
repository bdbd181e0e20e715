// The parts of the guest's preparation that need no network: where Debian's mirror is, which packages a kernel
// has, the order of modules, the archive that Linux unpacks, QEMU's arguments, and what a failure leaves.

import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { gunzipSync } from "node:zlib"
import { afterEach, describe, expect, it, vi } from "vitest"
import { mirrorInLines, mirrorInStanzas } from "../../host/src/node/linux-guest/debian-archive.js"
import { kernelPackages } from "../../host/src/node/linux-guest/drivers.js"
import { packInitramfs } from "../../host/src/node/linux-guest/initramfs.js"
import { builtInModules, collectModules } from "../../host/src/node/linux-guest/kernel-modules.js"
import { findPreparedGuest, prepareGuest } from "../../host/src/node/linux-guest/prepare.js"
import { qemuArguments, qemuI2cArguments } from "../../host/src/node/linux-guest/qemu.js"
import { recipeHash } from "../../host/src/node/linux-guest/recipe.js"
import { isRunning } from "../support/is-running.js"
import { makeOnce } from "./prepared-guest.js"

const BUILT = join(import.meta.dirname, "../../dist/host/src/node/linux-guest/boot.js")

const folders: string[] = []
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "guest-test-"))
  folders.push(folder)
  return folder
}
afterEach(() => {
  vi.unstubAllEnvs()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

describe("Debian's mirror", () => {
  it("is found in the one-line format, options or not", () => {
    const text = `# deb a://no stable main
deb-src a://src bookworm main
deb a://security bookworm-security main
deb [arch=amd64 signed-by=/k] a://other other main
deb  [arch=amd64] a://yes  bookworm  contrib main
`
    expect(mirrorInLines(text, "bookworm")).toBe("a://yes")
    expect(mirrorInLines(text, "trixie")).toBeUndefined()
  })

  it("is found in the stanza format", () => {
    const text = `Types: deb
URIs: a://security
Suites: bookworm-security
Components: main

Types: deb deb-src
URIs: a://yes a://second
Suites: bookworm bookworm-updates
Components: main contrib
`
    expect(mirrorInStanzas(text, "bookworm")).toBe("a://yes")
    expect(mirrorInStanzas(text, "trixie")).toBeUndefined()
  })
})

it("a kernel's packages are named after its image package", () => {
  expect(kernelPackages("linux-image-6.1.0-50-armmp")).toEqual({
    release: "6.1.0-50-armmp",
    image: "linux-image-6.1.0-50-armmp",
    headers: "linux-headers-6.1.0-50-armmp",
    commonHeaders: "linux-headers-6.1.0-50-common",
    kbuild: "linux-kbuild-6.1",
    source: "linux-source-6.1",
  })
  expect(() => kernelPackages("linux-image-amd64")).toThrow(/no kernel package/)
})

describe("modules", () => {
  const write = (folder: string, name: string, dependsOn: string) => {
    const path = join(folder, `${name}.ko`)
    writeFileSync(path, `ELF\0license=GPL\0depends=${dependsOn}\0name=x\0`)
    return path
  }

  it("load behind what they depend on, once, and without what is built in", async () => {
    const folder = newFolder()
    const files = [
      write(folder, "chip-i2c", "chip,core_bus"),
      write(folder, "chip", "core-bus"),
      write(folder, "core-bus", "vmcore"),
    ]
    const isBuiltIn = builtInModules("kernel/a/vmcore.ko\nkernel/b/other.ko\n")
    const modules = await collectModules(["chip-i2c", "chip", "other"], files, isBuiltIn)
    expect(modules.map(({ name }) => name)).toEqual(["core-bus", "chip", "chip-i2c"])
  })

  it("that are missing are an error that names who needs them", async () => {
    const files = [write(newFolder(), "one", "two")]
    await expect(collectModules(["one"], files, () => false)).rejects.toThrow(/no module two, needed by one/)
  })
})

it("the initial file system has its folders before its files, each once, all of root", () => {
  const archive = gunzipSync(
    packInitramfs(
      [
        { path: "a/b/c", bytes: Buffer.from("hello"), isExecutable: true },
        { path: "a/d", bytes: Buffer.from("x") },
      ],
      ["dev"],
    ),
  )
  const entries: [name: string, mode: string, content: string][] = []
  for (let at = 0; at < archive.length; ) {
    const field = (index: number) =>
      Number.parseInt(archive.toString("latin1", at + 6 + 8 * index, at + 14 + 8 * index), 16)
    expect(archive.toString("latin1", at, at + 6)).toBe("070701")
    expect([field(2), field(3)]).toEqual([0, 0])
    const nameLength = field(11)
    const name = archive.toString("latin1", at + 110, at + 110 + nameLength - 1)
    const dataAt = (at + 110 + nameLength + 3) & ~3
    entries.push([name, field(1).toString(8), archive.toString("latin1", dataAt, dataAt + field(6))])
    at = (dataAt + field(6) + 3) & ~3
  }
  expect(entries).toEqual([
    ["dev", "40755", ""],
    ["a", "40755", ""],
    ["a/b", "40755", ""],
    ["a/b/c", "100755", "hello"],
    ["a/d", "100644", "x"],
    ["TRAILER!!!", "0", ""],
  ])
})

describe("QEMU's arguments", () => {
  it("give any guest the device, without PCI or with it", () => {
    const mmio = qemuI2cArguments({ socketPath: "/tmp/a,b", memoryMib: 256 }).join(" ")
    expect(mmio).toBe(
      "-m 256 -object memory-backend-memfd,id=mem,size=256M,share=on -machine memory-backend=mem " +
        "-chardev socket,id=vu,path=/tmp/a,,b,server=on -global virtio-mmio.force-legacy=false " +
        "-device vhost-user-i2c-device,chardev=vu",
    )
    const pci = qemuI2cArguments({ socketPath: "/s", memoryMib: 1024, bus: "pci" })
    expect(pci.slice(-2)).toEqual(["-device", "vhost-user-i2c-pci,chardev=vu"])
    expect(pci).not.toContain("-global")
  })

  it("keep the PCI window where a kernel without LPAE reaches it", () => {
    const paths = { kernelPath: "/k", initrdPath: "/i", consolePath: "/c", socketPath: "/s", memoryMib: 256 }
    expect(qemuArguments({ ...paths, bus: "pci" })).toContain("virt,highmem=off")
    expect(qemuArguments(paths)).toContain("virt")
  })
})

describe("the cache", () => {
  it("is asked first, and only for this recipe", async () => {
    const cacheFolder = newFolder()
    mkdirSync(join(cacheFolder, "6.0.0-1-armmp_6.0.1_000000000000"))
    expect(await findPreparedGuest(cacheFolder)).toBeUndefined()
    const folder = join(cacheFolder, `6.1.0-50-armmp_6.1.176-1_${recipeHash()}`)
    mkdirSync(folder)
    vi.stubEnv("PATH", "/nowhere")
    expect(await prepareGuest({ cacheFolder })).toEqual({
      folder,
      kernelPath: join(folder, "kernel"),
      initrdPath: join(folder, "initrd.gz"),
      kernelRelease: "6.1.0-50-armmp",
    })
  })

  it("is not touched when this machine lacks something, and the error says what to do", async () => {
    const cacheFolder = newFolder()
    vi.stubEnv("PATH", "/nowhere")
    await expect(prepareGuest({ cacheFolder })).rejects.toMatchObject({
      code: "MISSING_DEPENDENCY",
      hint: /./,
    })
    expect(readdirSync(cacheFolder)).toEqual([])
  })
})

describe("what several test files want at the same time", () => {
  it("is made once: the others wait, and one who fails leaves it to the next", async () => {
    let made: string | undefined
    const calls: string[] = []
    const ask = (who: string) =>
      makeOnce(
        `test-${process.pid}`,
        async () => made,
        async () => {
          calls.push(who)
          await new Promise((resolve) => setTimeout(resolve, 20))
          if (calls.length === 1) throw new Error("no network")
          made = who
          return who
        },
      )
    const told = await Promise.allSettled([ask("a"), ask("b"), ask("c")])
    expect(calls).toHaveLength(2)
    expect(
      told.map((each) => (each.status === "fulfilled" ? each.value : String(each.reason))).sort(),
    ).toEqual(["Error: no network", calls[1], calls[1]])
  })
})

describe("a guest whose process gets a signal", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("ends with it, and leaves nothing: %s", async (signal) => {
    const folder = newFolder()
    const pidFile = join(folder, "pid")
    const image = { folder, kernelPath: "", initrdPath: "", kernelRelease: "" }
    // a machine that never is a guest
    const program = `const { LinuxGuest } = await import(${JSON.stringify(pathToFileURL(BUILT).href)})
      const script = "echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 1000"
      const machine = { program: "sh", arguments: () => ["-c", script] }
      await new LinuxGuest({ image: ${JSON.stringify(image)}, machine }).boot()`
    const temporary = newFolder()
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: "ignore",
    })
    const ended = once(child, "exit")
    const pid = await vi.waitFor(() => Number(readFileSync(pidFile, "utf8")), 60_000)
    expect(readdirSync(temporary)).toHaveLength(1)
    child.kill(signal)
    expect(await ended).toEqual([null, signal])
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 10_000)
    expect(readdirSync(temporary)).toEqual([])
  })
})
