// The BME280 by npm's bme280-sensor, which reads its calibration with Sync methods.

const BME280 = require("bme280-sensor")
const hasMeasured = require("./has-measured.cjs")

async function main() {
  const sensor = new BME280({ i2cBusNo: 1, i2cAddress: 0x76 })
  await sensor.init()
  await hasMeasured()
  console.log(JSON.stringify(await sensor.readSensorData()))
}

main()
