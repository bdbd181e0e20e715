// The BME280 by npm's bme280: open, calibrate, read in normal mode, then in forced mode.

const bme280 = require("bme280")
const hasMeasured = require("./has-measured.cjs")

async function main() {
  const sensor = await bme280.open({ i2cAddress: 0x76 })
  await hasMeasured()
  const reading = await sensor.read()
  await sensor.close()
  const forced = await bme280.open({ i2cAddress: 0x76, forcedMode: true, humidityOversampling: 0 })
  await forced.triggerForcedMeasurement()
  await hasMeasured()
  const second = await forced.read()
  await forced.close()
  console.log(JSON.stringify([reading, second]))
}

main()
