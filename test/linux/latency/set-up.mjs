// What the comparisons of this folder share: the compiled package, C programs of this folder, and what they print.

import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
/** The compiled package; VIRTIO_MSG_DIST, if that is set. */
export const DIST = resolve(process.env.VIRTIO_MSG_DIST ?? join(here, "../../../dist"))

/** Imports a file of the compiled package. */
export const load = (path) => import(pathToFileURL(join(DIST, path)).href)

const { LinuxGuest } = await load("host/src/node/linux-guest/boot.js")
const { prepareGuest } = await load("host/src/node/linux-guest/prepare.js")
const { VhostUserBackend } = await load("host/src/node/vhost-user/backend.js")
const { VirtioI2cDevice } = await load("host/src/node/vhost-user/i2c-device.js")

/** The transfer that is compared: a register is named and read, two messages in one I2C_RDWR. */
export const KIND = "w1+r1"
/** Compilers for this machine and the stock guest, which has its processor, and for the guest of `virtio-msg linux`. */
export const [HERE, GUEST] = ["gcc", "arm-linux-gnueabihf-gcc"]

/** A folder for what is made here. Not in /tmp: the stock guest has this machine's files, and a /tmp of its own. */
export const folder = mkdtempSync(join(DIST, "test/bench-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))

/** Compiles a C program, whose path is from this folder on. Returns where it is. */
export function compile(compiler, source) {
  const program = join(folder, `${compiler}-${basename(source, ".c")}`)
  execFileSync(compiler, ["-O2", "-static", "-o", program, join(here, source)], { stdio: "inherit" })
  return program
}

/** What a program printed of one kind of transfer: microseconds. */
export function figuresOf(output) {
  const [p50, p99, least] = output.trim().split(/\s+/).slice(1).map(Number)
  if (!(p50 > 0)) throw new Error(`no figures: ${output}`)
  return { p50, p99, least }
}

export const median = (values) => [...values].sort((one, other) => one - other)[values.length >> 1]

/** `i2c-loop` as a file of the guest of `virtio-msg linux`. */
export function loopOfGuest() {
  return {
    path: "usr/bin/i2c-loop",
    bytes: readFileSync(compile(GUEST, "i2c-loop.c")),
    isExecutable: true,
  }
}

/** What a transfer takes in that guest, once it is warm; the guest has `loopOfGuest`. */
export async function measureIn(guest, transfers) {
  const run = async (count) => {
    const { code, output } = await guest.sh(`i2c-loop ${count} ${KIND}`, { timeoutMs: 300_000 })
    if (code !== 0) throw new Error(output)
    return figuresOf(output)
  }
  await run(Math.min(100, transfers))
  return run(transfers)
}

/** What a transfer takes by vhost-user in that guest, with the board behind `forwarder`. */
export async function byVhostUser(forwarder, transfers) {
  const guest = new LinuxGuest({ image: await prepareGuest(), extraFiles: [loopOfGuest()] })
  const { socketPath } = guest
  const backend = new VhostUserBackend({ socketPath, device: new VirtioI2cDevice(forwarder) })
  await backend.start()
  await guest.boot()
  const figures = await measureIn(guest, transfers)
  await guest.shutdown()
  backend.close()
  return figures
}

/** Prints what a transfer takes by vhost-user beside another way, and the ratio. */
export function printBeside(title, vhostUser, name, other) {
  const headings = ["vhost-user p50", `${name} p50`, "ratio"]
  const cells = [vhostUser.p50.toFixed(0), other.p50.toFixed(0), (other.p50 / vhostUser.p50).toFixed(2)]
  console.log(`\n${title}`)
  for (const row of [headings, cells])
    console.log(row.map((text, at) => text.padStart(headings[at].length)).join("   "))
}
