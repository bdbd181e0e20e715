// The LM75 and the EEPROM through npm's i2c-bus-promise, which wraps every callback method of i2c-bus.

const i2c = require("i2c-bus-promise")

async function main() {
  const bus = await i2c.openPromisified(1)
  const found = await bus.scan()
  const temperature = (await bus.readI2cBlock(0x48, 0, 2)).buffer.readInt16BE() / 256
  await bus.writeI2cBlock(0x50, 0x40, Buffer.from("lent"))
  // it does not answer until its write cycle is over, by the simulated board's clock
  const readKept = () => bus.readI2cBlock(0x50, 0x40, 4).catch(() => readKept())
  const kept = (await readKept()).buffer.toString()
  const absent = await bus.readByte(0x22, 0).catch((error) => [error.code, error.errno, error.syscall])
  const { smbusReadBlock, i2c: isPlain } = await bus.i2cFuncs()
  await bus.close()
  console.log(JSON.stringify({ found, temperature, kept, absent, smbusReadBlock, isPlain }))
}

main()
