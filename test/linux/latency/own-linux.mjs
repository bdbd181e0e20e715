// Compares what a transfer takes by the two ways to a Linux with stock drivers: the guest's vhost-user, and USB/IP, as
// `attach` has it. The same simulated board is behind both, one after the other, in one go.
//
//   npm run bench:linux, or once that has built: node test/linux/latency/own-linux.mjs [TRANSFERS]
//
// The USB/IP way goes through QEMU's user network, as the vhost-user way does not: on one machine it is a socket pair.

import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
const dist = join(here, "../../../dist")
const load = (path) => import(pathToFileURL(join(dist, path)).href)
const { openBus } = await load("host/src/index.js")
const { BoardForwarder } = await load("host/src/node/board-forwarder.js")
const { LinuxGuest } = await load("host/src/node/linux-guest/boot.js")
const { prepareGuest } = await load("host/src/node/linux-guest/prepare.js")
const { VhostUserBackend } = await load("host/src/node/vhost-user/backend.js")
const { VirtioI2cDevice } = await load("host/src/node/vhost-user/i2c-device.js")
const { I2cTinyUsb } = await load("host/src/node/usbip/i2c-tiny-usb.js")
const { UsbipServer } = await load("host/src/node/usbip/usbip-server.js")
const { StockGuest, THIS_MACHINE } = await load("test/linux/stock/stock-guest.js")

const KIND = "w1+r1"
const count = Number(process.argv[2] ?? 300)
// not in /tmp: the stock guest has this machine's files, and a /tmp of its own
const folder = mkdtempSync(join(dist, "test/bench-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
const compile = (compiler) => {
  const program = join(folder, compiler)
  execFileSync(compiler, ["-O2", "-static", "-o", program, join(here, "i2c-loop.c")], { stdio: "inherit" })
  return program
}

const forwarder = new BoardForwarder(() => openBus({ port: "sim" }))
await forwarder.start()

async function byVhostUser() {
  const bytes = readFileSync(compile("arm-linux-gnueabihf-gcc"))
  const extraFiles = [{ path: "usr/bin/i2c-loop", bytes, isExecutable: true }]
  const guest = new LinuxGuest({ image: await prepareGuest(), extraFiles })
  const { socketPath } = guest
  const backend = new VhostUserBackend({ socketPath, device: new VirtioI2cDevice(forwarder) })
  await backend.start()
  await guest.boot()
  await guest.sh(`i2c-loop 20 ${KIND}`)
  const { code, output } = await guest.sh(`i2c-loop ${count} ${KIND}`)
  await guest.shutdown()
  backend.close()
  if (code !== 0) throw new Error(output)
  return output
}

async function byUsbip() {
  const program = compile("gcc")
  const server = new UsbipServer([new I2cTinyUsb(forwarder, "bench")])
  const { port } = new URL(await server.listen("tcp://127.0.0.1:0"))
  const guest = await StockGuest.boot()
  await guest.run("modprobe -a vhci-hcd i2c-tiny-usb i2c-dev")
  await guest.run(`usbip --tcp-port ${port} attach -r ${THIS_MACHINE} -b 1-1`)
  await guest.run("for i in $(seq 600); do [ -e /dev/i2c-0 ] && exit 0; sleep 0.1; done; exit 1")
  await guest.run(`${program} 20 ${KIND}`)
  const output = await guest.run(`${program} ${count} ${KIND}`)
  await guest.shutdown()
  await server.close()
  return output
}

const p50 = (output) => Number(output.split(" ")[1])
const vhostUser = p50(await byVhostUser())
const usbip = p50(await byUsbip())
await forwarder.close()
console.log(`\n${count} transfers ${KIND} on one simulated board, microseconds in the guest`)
console.log("vhost-user p50   USB/IP p50   ratio")
console.log(
  `${vhostUser.toFixed(0).padStart(14)}${usbip.toFixed(0).padStart(13)}${(usbip / vhostUser).toFixed(2).padStart(8)}`,
)
