// Compares the latency of the Node.js backend with a C backend's: the same guest, the same loop of I2C_RDWR
// transfers in it, the same register file behind both, in turns, in one go.
//
//   npm run build && node test/linux/latency/bench.mjs [TRANSFERS] [ROUNDS]
//
// Needs what the guest needs, and gcc. VIRTIO_MSG_DIST is the folder of the compiled package, if not dist/.

import { spawn } from "node:child_process"
import { once } from "node:events"
import { compile, HERE, load, loopOfGuest, median } from "./set-up.mjs"

const { prepareGuest } = await load("host/src/node/linux-guest/prepare.js")
const { LinuxGuest } = await load("host/src/node/linux-guest/boot.js")
const { VhostUserBackend } = await load("host/src/node/vhost-user/backend.js")
const { VirtioI2cDevice } = await load("host/src/node/vhost-user/i2c-device.js")

const CHIP = 0x48
const count = Number(process.argv[2] ?? 2000)
const rounds = Number(process.argv[3] ?? 3)

const cBackend = compile(HERE, "c-backend.c")
const image = await prepareGuest({ onProgress: ({ title }) => console.error(`${title} ...`) })
const guest = new LinuxGuest({ image, extraFiles: [loopOfGuest()] })

/** Serves the guest from a C process; the result ends that. */
async function serveInC() {
  const child = spawn(cBackend, [guest.socketPath], { stdio: "inherit" })
  return async () => {
    child.kill()
    await once(child, "exit")
  }
}

/** Serves the guest from this process, with the same chip; the result ends that. */
async function serveInNode() {
  const registers = Uint8Array.from({ length: 256 }, (_, at) => at)
  let pointer = 0
  const transfer = ({ address, write, readLength = 0 }) => {
    if (address !== CHIP) return { ok: false }
    if (write) pointer = write[0]
    for (let at = 1; at < (write?.length ?? 0); at++) {
      registers[pointer] = write[at]
      pointer = (pointer + 1) & 0xff
    }
    if (readLength === 0) return { ok: true }
    return {
      ok: true,
      data: Uint8Array.from({ length: readLength }, (_, at) => registers[(pointer + at) & 0xff]),
    }
  }
  const device = new VirtioI2cDevice({
    submit: (requests) => requests.map((request) => Promise.resolve(transfer(request))),
  })
  const backend = new VhostUserBackend({ socketPath: guest.socketPath, device })
  await backend.start()
  return async () => backend.close()
}

const backends = { C: serveInC, Node: serveInNode }
/** Figures by kind of transfer, then by backend: one [p50, p99, min] in microseconds for each round. */
const figures = new Map()
let stop = await serveInC()
await guest.boot()
for (let round = 0; round < rounds; round++)
  for (const [name, serve] of Object.entries(backends)) {
    await stop()
    stop = await serve()
    await guest.sh("i2c-loop 50")
    const { code, output } = await guest.sh(`i2c-loop ${count}`, { timeoutMs: 120_000 })
    if (code !== 0) throw new Error(output)
    for (const line of output.split("\n")) {
      const [kind, ...values] = line.split(" ")
      if (!figures.has(kind)) figures.set(kind, { C: [], Node: [] })
      figures.get(kind)[name].push(values.map(Number))
    }
  }
await guest.shutdown()
await stop()

const column = (runs, at) => median(runs.map((run) => run[at]))
console.log(
  `${count} transfers, median of ${rounds} rounds, microseconds in the guest (${image.kernelRelease})`,
)
console.log("transfer    C p50   Node p50   ratio    C min   Node min    C p99   Node p99")
const ratios = []
for (const [kind, { C, Node }] of figures) {
  const ratio = column(Node, 0) / column(C, 0)
  ratios.push(ratio)
  const cells = [
    column(C, 0),
    column(Node, 0),
    ratio,
    column(C, 2),
    column(Node, 2),
    column(C, 1),
    column(Node, 1),
  ]
  const widths = [8, 11, 8, 9, 11, 9, 11]
  const text = cells.map((cell, at) => (at === 2 ? cell.toFixed(2) : cell.toFixed(0)).padStart(widths[at]))
  console.log(kind.padEnd(9) + text.join(""))
}
console.log(
  `geometric mean of the ratios: ${Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length).toFixed(2)}`,
)
