// DKMS itself builds our modules by dkms.conf, for Debian's kernel, in trees of its own.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, expect, it } from "vitest"
import { isInstalled, runCommand } from "../../../host/src/node/linux-guest/run-command.js"
import { because } from "../../support/because.js"
import { prepareStock, skipReason } from "../stock/stock-guest.js"
import { kernelHeaders } from "./kernel-headers.js"

const ROOT = path.join(import.meta.dirname, "../../..")
const VERSION = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")).version

function whyNot(): string {
  const reason =
    skipReason() || (isInstalled("dkms") ? "" : "enable with: apt-get install --no-install-recommends dkms")
  if (reason && process.env.CI) throw new Error(`In CI nothing may be missing. ${reason}`)
  return reason
}

const reason = whyNot()
if (reason) console.info(`skipped: ${reason}`)

const folder = mkdtempSync(path.join(tmpdir(), "dkms-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it.skipIf(reason)(`dkms builds all modules of ours${because(reason)}`, async () => {
  const { kernelRelease } = await prepareStock()
  const { kernel, unpacked } = await kernelHeaders(kernelRelease)
  const sources = path.join(folder, "src")
  cpSync(path.join(ROOT, "host/linux-module"), path.join(sources, `virtio-msg-${VERSION}`), {
    recursive: true,
  })
  const dkms = (action: string, ...args: string[]) =>
    runCommand("dkms", [
      ...[action, "--dkmstree", path.join(folder, "tree"), "--sourcetree", sources],
      ...["--installtree", path.join(folder, "modules"), ...args],
    ])
  const name = `virtio-msg/${VERSION}`
  for (const name of ["tree", "modules"]) mkdirSync(path.join(folder, name))
  await dkms("add", name)
  await dkms(
    ...(["build", name, "-k", kernelRelease] as const),
    ...["--kernelsourcedir", path.join(unpacked, "usr/src", kernel.headers)],
  )
  expect(await dkms("status")).toBe(`${name}, ${kernelRelease}, x86_64: built\n`)
  const built = path.join(folder, "tree/virtio-msg", VERSION, kernelRelease, "x86_64/module")
  expect(readdirSync(built).map((file) => file.replace(/\.ko.*/, ""))).toEqual([
    "virtio_msg",
    "virtio_msg_bridge",
    "virtio_msg_plain",
  ])
})
