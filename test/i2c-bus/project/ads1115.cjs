// The ADS1115 by npm's ads1115: three inputs at three gains, in volts.

const ads1115 = require("ads1115")

async function main() {
  const converter = await ads1115.open(1, 0x49, "i2c-bus")
  const volts = []
  for (const [mux, gain, fullScale] of [
    ["1+GND", 1, 4.096],
    ["2+GND", 8, 0.512],
    ["2+3", 4, 1.024],
  ]) {
    converter.gain = gain
    volts.push(((await converter.measure(mux)) * fullScale) / 32768)
  }
  console.log(JSON.stringify(volts))
}

main()
