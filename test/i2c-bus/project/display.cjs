// An SSD1306 by npm's oled-i2c-bus: a whole picture of 1 KiB in one i2cWriteSync.

const Oled = require("oled-i2c-bus")
const i2c = require("i2c-bus")

const bus = i2c.openSync(1)
const oled = new Oled(bus, { width: 128, height: 64, address: 0x3c })
oled.buffer[0] = 0x81
oled.buffer[127] = 0x42
oled.buffer[1023] = 0x18
oled.update()
setTimeout(() => {
  const shown = Buffer.alloc(5)
  bus.i2cReadSync(0x3c, 5, shown)
  bus.closeSync()
  console.log(JSON.stringify([...shown]))
}, 2000) // it waits for the display with timers
