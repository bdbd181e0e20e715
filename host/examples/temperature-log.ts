// An LM75's temperature over time, drawn in the terminal.    npm run example temperature-log [PORT [SAMPLES [MS]]]

import { setTimeout as sleep } from "node:timers/promises"
import asciichart from "asciichart" // draws lines with box characters
import { openBus } from "virtio-msg"

const [port, samples = "60", intervalMs = "1000"] = process.argv.slice(2)
const bus = await openBus({ port, onChoice: console.error })
const i2c = await bus.i2c()

const celsius: number[] = []
for (let at = 0; at < Number(samples); at++) {
  if (at > 0) await sleep(Number(intervalMs))
  const data = await i2c.readBlock(0x48, 0, 2)
  celsius.push(new DataView(data.buffer).getInt16(0) / 256)
  if (process.stdout.isTTY) console.clear()
  else if (at < Number(samples) - 1) continue
  console.log(asciichart.plot(celsius, { height: 10, min: 20, max: 30 }))
  console.log(`${celsius.at(-1)} °C now, ${celsius.length} samples ${intervalMs} ms apart`)
}
await bus.close()
