// The BH1750 by npm's bh1750-sensor, which opens and closes the bus for each reading.

const BH1750 = require("bh1750-sensor")

const sensor = new BH1750({ i2cBusNo: 1, i2cAddress: 0x23 })
console.log(JSON.stringify([sensor.readData(), sensor.readData()]))
