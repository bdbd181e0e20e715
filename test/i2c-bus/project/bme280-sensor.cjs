// The BME280 by npm's bme280-sensor, which reads its calibration with Sync methods.

const BME280 = require("bme280-sensor")

async function main() {
  const sensor = new BME280({ i2cBusNo: 1, i2cAddress: 0x76 })
  await sensor.init()
  await new Promise((resolve) => setTimeout(resolve, 200)) // it measures by itself from now on
  console.log(JSON.stringify(await sensor.readSensorData()))
}

main()
