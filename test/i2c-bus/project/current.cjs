// The INA219 by npm's ina219-async: registers of two bytes with Sync methods.

const ina219 = require("ina219-async")

async function main() {
  const sensor = ina219(0x40, 1)
  await sensor.calibrate32V1A()
  console.log(JSON.stringify(await sensor.getBusVoltage_V()))
}

main()
