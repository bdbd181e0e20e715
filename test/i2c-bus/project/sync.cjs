// npm's bme280-sensor reads its calibration with Sync methods, which cannot work.

const BME280 = require("bme280-sensor")

new BME280({ i2cBusNo: 1, i2cAddress: 0x76 }).init().then(() => console.log("initialised"))
