// Two thermometers at once, an LM75 and a BME280, in one packet each way.    npm run example sensors [PORT]

import { setTimeout as sleep } from "node:timers/promises"
import { openBus } from "virtio-msg"

const [LM75, BME280] = [0x48, 0x76]
const bus = await openBus({ port: process.argv[2], onChoice: console.error })
const i2c = await bus.i2c()

await i2c.writeByte(BME280, 0xf4, 0x21) // one measurement of the temperature
await sleep(10)
const [lm75, calibration, measured] = await Promise.all([
  i2c.readBlock(LM75, 0, 2),
  i2c.readBlock(BME280, 0x88, 6),
  i2c.readBlock(BME280, 0xfa, 3),
])

const t = new DataView(calibration.buffer)
const [t1, t2, t3] = [t.getUint16(0, true), t.getInt16(2, true), t.getInt16(4, true)]
const [high = 0, middle = 0, low = 0] = measured
const x = ((high << 12) | (middle << 4) | (low >> 4)) / 16384 - t1 / 1024 // data sheet 4.2.3
console.log(`LM75    ${(new DataView(lm75.buffer).getInt16(0) / 256).toFixed(1)} °C`)
console.log(`BME280  ${((x * t2 + (x / 8) ** 2 * t3) / 5120).toFixed(1)} °C`)
await bus.close()
