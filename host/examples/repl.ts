// A prompt in which the bus is ready: await i2c.readByte(0x54, 14)    npm run example repl [PORT]

import repl from "node:repl"
import { openBus } from "virtio-msg"

const bus = await openBus({ port: process.argv[2], onChoice: console.error })
const i2c = await bus.i2c()

console.log(
  "bus and i2c are the board's: await i2c.readByte(0x54, 14), await bus.ping(), await bus.devices()",
)
console.log("Leave with .exit")
const prompt = repl.start("i2c> ")
Object.assign(prompt.context, { bus, i2c })
prompt.on("exit", () => bus.close())
