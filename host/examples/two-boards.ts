// Two boards at once: the chips on one bus, on the other, or on both.    npm run example two-boards [PORT PORT]

import { type OpenedBus, openBus } from "virtio-msg"

const ports = process.argv.length > 3 ? process.argv.slice(2, 4) : ["sim", "sim"]
const addresses = Array.from({ length: 112 }, (_, at) => 0x08 + at)

async function chipsOf(bus: OpenedBus): Promise<boolean[]> {
  const i2c = await bus.i2c()
  return Promise.all(addresses.map((address) => i2c.probe(address)))
}

const boards = await Promise.all(ports.map((port) => openBus({ port })))
const found = await Promise.all(boards.map(chipsOf))
for (const [at, address] of addresses.entries()) {
  const where = ports.filter((_, board) => found[board]?.[at])
  if (where.length > 0) console.log(`0x${address.toString(16)}  ${where.join("  ")}`)
}
const times = await Promise.all(boards.map((board) => board.ping()))
console.log(`round trip  ${times.map((ms) => `${ms.toFixed(1)} ms`).join("  ")}`)
await Promise.all(boards.map((board) => board.close()))
