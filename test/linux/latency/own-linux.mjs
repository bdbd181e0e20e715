// Compares what a transfer takes by the two ways to a Linux with stock drivers: the guest's vhost-user, and USB/IP, as
// `attach` has it. The same simulated board is behind both, one after the other, in one go.
//
//   npm run bench:linux, or once that has built: node test/linux/latency/own-linux.mjs [TRANSFERS]
//
// The USB/IP way goes through QEMU's user network, as the vhost-user way does not: on one machine it is a socket pair.

import { byVhostUser, compile, figuresOf, HERE, KIND, load, printBeside } from "./set-up.mjs"

const { openBus } = await load("host/src/index.js")
const { BoardForwarder } = await load("host/src/node/board-forwarder.js")
const { I2cTinyUsb } = await load("host/src/node/usbip/i2c-tiny-usb.js")
const { UsbipServer } = await load("host/src/node/usbip/usbip-server.js")
const { StockGuest, THIS_MACHINE } = await load("test/linux/stock/stock-guest.js")

const count = Number(process.argv[2] ?? 300)

const forwarder = new BoardForwarder(() => openBus({ port: "sim" }))
await forwarder.start()

async function byUsbip() {
  const program = compile(HERE, "i2c-loop.c")
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
  return figuresOf(output)
}

const vhostUser = await byVhostUser(forwarder, count)
const usbip = await byUsbip()
await forwarder.close()
printBeside(
  `${count} transfers ${KIND} on one simulated board, microseconds in the guest`,
  vhostUser,
  "USB/IP",
  usbip,
)
