// The BME280 measures by the simulated board's clock, which a busy computer holds up: no wait of a program's own is surely
// long enough. Settles when the temperature's register shows a measurement.

const i2c = require("i2c-bus")

const ADDRESS = 0x76
const TEMPERATURE = 0xfa
/** What the register's first byte shows before. */
const NOT_MEASURED = 0x80

module.exports = async function hasMeasured() {
  const bus = await i2c.openPromisified(1)
  for (;;) {
    const { buffer } = await bus.readI2cBlock(ADDRESS, TEMPERATURE, 3, Buffer.alloc(3))
    if (buffer[0] !== NOT_MEASURED) break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await bus.close()
}
