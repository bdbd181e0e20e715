// Which chips are on the bus?    npm run example scan [PORT]

import { openBus } from "virtio-msg"

const bus = await openBus({ port: process.argv[2], onChoice: console.error })
const i2c = await bus.i2c()

// calls made in one turn of the event loop travel together: 112 requests in a few packets
const addresses = Array.from({ length: 112 }, (_, at) => 0x08 + at)
const answers = await Promise.all(addresses.map((address) => i2c.probe(address)))
const found = addresses.filter((_, at) => answers[at])

console.log(
  `${bus.board.board}: ${found.map((address) => `0x${address.toString(16)}`).join(" ") || "no chip"}`,
)
await bus.close()
