// The PCA9685 by npm's pca9685: a bus from openSync, used with callbacks.

const { Pca9685Driver } = require("pca9685")
const i2c = require("i2c-bus")

const bus = i2c.openSync(1)
const pwm = new Pca9685Driver({ i2c: bus, address: 0x41, frequency: 50, debug: false }, (error) => {
  if (error) throw error
  pwm.setDutyCycle(3, 0.25, 0, (failed) => {
    if (failed) throw failed
    const channel = Buffer.alloc(4)
    bus.readI2cBlockSync(0x41, 0x06 + 4 * 3, 4, channel)
    console.log(
      JSON.stringify([channel.readUInt16LE(0), channel.readUInt16LE(2), bus.readByteSync(0x41, 0xfe)]),
    )
    process.exit()
  })
})
