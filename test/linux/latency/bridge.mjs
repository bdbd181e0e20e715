// Compares what a transfer takes by the bridge and by vhost-user within one guest, Debian's unmodified kernel on this
// machine's files: Node with our native device code serves both there, and both are measured in turns.
//
//   npm run bench:linux, or once that has built: node test/linux/latency/bridge.mjs [TRANSFERS] [ROUNDS] [LONG] [BINDINGS]
//
// By the bridge the way begins at I2C_RDWR and goes through the guest's kernel; what that adds by itself is told by the
// same with a device model in C. By vhost-user it begins in the shared memory of a program in C, which plays QEMU and a
// driver: of a kernel, and of a virtual machine's exits, nothing is in it. Then what LONG transfers and BINDINGS bindings
// of the driver leave behind in the device model.

import { join } from "node:path"
import { compile, DIST, figuresOf, HERE, KIND, load, median } from "./set-up.mjs"

const { StockGuest, prepareStock } = await load("test/linux/stock/stock-guest.js")
const { bridgeModules } = await load("test/linux/bridge/bridge-modules.js")

const [count = 200, rounds = 15, long = 10_000, bindings = 1000] = process.argv.slice(2).map(Number)
const WARM_UP = 300
const SOCKET = "/tmp/vhost-user.sock"

const [loop, front, model] = ["i2c-loop.c", "vhost-front.c", "../bridge/device-model.c"].map((source) =>
  compile(HERE, source),
)
const { kernelRelease } = await prepareStock()
const guest = await StockGuest.boot({ extraFiles: await bridgeModules(kernelRelease) })
const until = (condition, log) =>
  guest.run(`for i in $(seq 900); do ${condition} && exit 0; sleep 0.1; done; cat ${log}; exit 1`)
/** Runs a command in the background, with what it prints in /tmp/NAME and its process in /tmp/NAME.pid. */
const start = (name, command) => guest.run(`(${command} > /tmp/${name} 2>&1 & echo $! > /tmp/${name}.pid)`)
const stop = (name) =>
  guest.run(
    `kill $(cat /tmp/${name}.pid); while kill -0 $(cat /tmp/${name}.pid) 2> /dev/null; do sleep 0.1; done`,
  )
const measure = async (command) => {
  const { code, output } = await guest.sh(command)
  if (code !== 0) throw new Error(`${command}: ${output}\n${await guest.takeKernelLog()}`)
  return figuresOf(output)
}

const virtioMsg = `node ${join(DIST, "host/src/cli/main.js")} --port sim-native`
await start("attach", `${virtioMsg} attach --bus virtio-msg`)
await until("grep -q 'Ctrl-C ends it' /tmp/attach", "/tmp/attach")
await start("serve", `${virtioMsg} serve --socket ${SOCKET}`)
await until("grep -q QEMU /tmp/serve", "/tmp/serve")

const ways = {
  bridge: (transfers) => `${loop} ${transfers} ${KIND}`,
  "vhost-user": (transfers) => `echo ${transfers} | ${front} ${SOCKET}`,
}
const figures = { bridge: [], "vhost-user": [], "bridge, in C": [] }
for (const way of Object.values(ways)) await guest.run(way(WARM_UP))
for (let round = 0; round < rounds; round++) {
  // each comes first in every other round
  const inTurn = Object.entries(ways)
  for (const [name, way] of round % 2 ? inTurn.reverse() : inTurn)
    figures[name].push(await measure(way(count)))
  console.error(`round ${round + 1} of ${rounds}`)
}

const state = async () => {
  const counted = await guest.run(
    "P=$(cat /tmp/attach.pid); awk '/VmRSS/ { print $2 }' /proc/$P/status; ls /proc/$P/fd | wc -l; wc -l < /proc/$P/maps; awk '/^Slab/ { print $2 }' /proc/meminfo",
  )
  return counted.split("\n").join(" ")
}
const states = [await state()]
if (long > 0) await guest.run(ways.bridge(long))
states.push(await state())
if (bindings > 0)
  await guest.run(
    `I=$(readlink -f /sys/bus/i2c/devices/i2c-0); D=$(basename $(dirname $I)); cd /sys/bus/virtio/drivers/i2c_virtio; for n in $(seq ${bindings}); do echo $D > unbind; echo $D > bind; done; i2cget -y 0 0x54 14`,
  )
states.push(await state())

await stop("attach")
await start("model", model)
await until("[ -e /dev/i2c-0 ]", "/tmp/model")
await guest.run(ways.bridge(WARM_UP))
for (let round = 0; round < rounds; round++) figures["bridge, in C"].push(await measure(ways.bridge(count)))
await guest.shutdown()

console.log(
  `\n${rounds} rounds of ${count} transfers ${KIND} in an emulated guest (QEMU TCG, Linux ${kernelRelease}), microseconds: median of the rounds`,
)
const ratio = (key) =>
  median(figures.bridge.map((each, round) => each[key] / figures["vhost-user"][round][key])).toFixed(2)
for (const [name, runs] of Object.entries(figures)) {
  const cells = ["p50", "p99", "least"].map(
    (key) => `${key} ${median(runs.map((each) => each[key])).toFixed(0)}`,
  )
  console.log(`${name.padEnd(14)}${cells.join("   ")}`)
}
console.log(`bridge : vhost-user, middle of the rounds: p50 ${ratio("p50")}, least ${ratio("least")}`)
console.log(`RSS kB, descriptors, mappings of the device model, the kernel's slabs kB: ${states.join(" | ")}`)
