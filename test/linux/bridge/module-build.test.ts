// Our modules and Linux's own driver as attach builds them, by make on this computer, against Debian's headers; a test's
// root says that they are those of the kernel that runs. The stock guest loads what was built so (build-cases.ts).

import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { release, tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { kernelSeries, missingToBuild } from "../../../host/src/node/bridge/build-needs.js"
import { ourModules } from "../../../host/src/node/bridge/kernel-module.js"
import { driverBuild } from "../../../host/src/node/bridge/linux-drivers.js"
import { builtModules, folderOf } from "../../../host/src/node/bridge/module-build.js"
import { runCommand } from "../../../host/src/node/linux-guest/run-command.js"
import { because } from "../../support/because.js"
import { prepareStock, skipReason } from "../stock/stock-guest.js"
import { kernelHeaders } from "./kernel-headers.js"
import { packLinuxSource } from "./linux-source.js"

const reason = skipReason()
if (reason) console.info(`skipped: ${reason}`)

const SOURCE = `linux-source-${kernelSeries(release())}`
let root: string
/** Of Linux's source. */
let archive: string
let kernelRelease: string
const { VIRTIO_MSG_CACHE: cache, PATH: programs } = process.env

beforeAll(async () => {
  if (reason) return
  ;({ kernelRelease } = await prepareStock())
  const { unpacked, kernel } = await kernelHeaders(kernelRelease)
  root = mkdtempSync(path.join(tmpdir(), "module-build-"))
  archive = await packLinuxSource(SOURCE, root)
  const modules = path.join(root, "lib/modules", release())
  mkdirSync(modules, { recursive: true })
  symlinkSync(path.join(unpacked, "usr/src", kernel.headers), path.join(modules, "build"))
  process.env.VIRTIO_MSG_ROOT = root
  process.env.VIRTIO_MSG_CACHE = path.join(root, "cache")
  // which an embedded engineer may have in the shell
  process.env.ARCH = "arm"
  process.env.CROSS_COMPILE = "arm-linux-gnueabihf-"
})

afterAll(() => {
  if (reason) return
  for (const name of ["VIRTIO_MSG_ROOT", "ARCH", "CROSS_COMPILE"]) delete process.env[name]
  if (cache === undefined) delete process.env.VIRTIO_MSG_CACHE
  else process.env.VIRTIO_MSG_CACHE = cache
  process.env.PATH = programs
  rmSync(root, { recursive: true, force: true })
})

const field = (folder: string, name: string, module: string) =>
  runCommand("/sbin/modinfo", ["-F", name, path.join(folder, `${module}.ko`)])
const kept = () => readdirSync(path.join(root, "cache/linux-module"))

it.skipIf(reason)(`a build that is ended leaves nothing${because(reason)}`, async () => {
  const abort = new AbortController()
  const notes: string[] = []
  const onNote = (note: string) => notes.push(note)
  const built = builtModules(ourModules(), { onNote, signal: abort.signal })
  const ended = expect(built).rejects.toMatchObject({ code: "SYSTEM_FAILED" })
  const files = () => kept().flatMap((name) => readdirSync(path.join(root, "cache/linux-module", name)))
  // make is at work
  await expect.poll(files, { interval: 100 }).toContain("core.o")
  abort.abort()
  await ended
  expect(notes).toEqual([`Building our module for Linux ${release()}, once ...`])
  expect(kept()).toEqual([])
})

it.skipIf(reason)(`a build that fails says the compiler's words${because(reason)}`, async () => {
  const broken = {
    ...ourModules(),
    key: "broken",
    writeSources: async (folder: string) => {
      await ourModules().writeSources(folder)
      rmSync(path.join(folder, "transport.h"))
    },
  }
  await expect(builtModules(broken, { onNote: () => {} })).rejects.toMatchObject({
    code: "SYSTEM_FAILED",
    message: expect.stringMatching(/our module cannot be built: (.|\n)*transport\.h: No such file/),
  })
  expect(kept()).toEqual([])
})

it.skipIf(reason)(`our module is built once, for Debian's kernel${because(reason)}`, async () => {
  expect(await missingToBuild()).toEqual([])
  const notes: string[] = []
  const options = { onNote: (note: string) => notes.push(note) }
  const folder = await builtModules(ourModules(), options)
  expect(notes).toEqual([
    `Building our module for Linux ${release()}, once ...`,
    `Built, and kept in ${folder}.`,
  ])
  expect(await field(folder, "vermagic", "virtio_msg_bridge")).toMatch(`${kernelRelease} SMP`)
  expect(await field(folder, "depends", "virtio_msg_bridge")).toBe("virtio_msg\n")
  expect((await field(folder, "depends", "virtio_msg")).trim().split(",").sort()).toEqual([
    "virtio",
    "virtio_ring",
  ])
  expect(await builtModules(ourModules(), options)).toBe(folder)
  expect(notes).toHaveLength(2)
  // other sources are another module
  expect(folderOf({ ...ourModules(), key: "other" })).not.toBe(folder)
})

it.skipIf(reason)(
  `Linux's own driver is built out of the archive of Linux's source${because(reason)}`,
  async () => {
    expect(await driverBuild("i2c-virtio")).toBeUndefined()
    mkdirSync(path.join(root, "usr/src"), { recursive: true })
    renameSync(archive, path.join(root, "usr/src", `${SOURCE}.tar.xz`))
    const build = await driverBuild("i2c-virtio")
    if (build === undefined) throw new Error("the source is not found")
    const notes: string[] = []
    const folder = await builtModules(build, { onNote: (note) => notes.push(note) })
    expect(notes).toEqual([
      `Building Linux's driver i2c-virtio, out of ${root}/usr/src/${SOURCE}.tar.xz, for Linux ${release()}, once ...`,
      `Built, and kept in ${folder}.`,
    ])
    expect(await field(folder, "vermagic", "i2c-virtio")).toMatch(`${kernelRelease} SMP`)
    expect(await field(folder, "alias", "i2c-virtio")).toBe("virtio:d00000022v*\n")
    expect(await driverBuild("virtio_console")).toBeUndefined()
  },
)

it.skipIf(reason)(`without make and a compiler, both are named${because(reason)}`, async () => {
  process.env.PATH = root
  expect((await missingToBuild()).map(({ packageName }) => packageName)).toEqual(["make", "gcc"])
})
