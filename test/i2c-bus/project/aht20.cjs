// The AHT20 by npm's aht20-sensor, which never closes its bus: the process has to end all the same.

const AHT20 = require("aht20-sensor")

async function main() {
  const sensor = await AHT20.open(1)
  console.log(JSON.stringify(await sensor.readData()))
}

main()
