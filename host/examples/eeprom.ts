// Copies a 24C02 EEPROM to a file, or a file to it.    npm run example eeprom dump|restore FILE [PORT]

import { readFileSync, writeFileSync } from "node:fs"
import { openBus } from "virtio-msg"

const [what, file = "eeprom.bin", port] = process.argv.slice(2)
const [EEPROM, SIZE, PAGE] = [0x50, 256, 8]
const bus = await openBus({ port, onChoice: console.error })
const i2c = await bus.i2c()

if (what === "dump") {
  writeFileSync(file, await i2c.readBlock(EEPROM, 0, SIZE))
  console.log(`${SIZE} bytes in ${file}`)
} else if (what === "restore") {
  const wanted = readFileSync(file)
  const found = await i2c.readBlock(EEPROM, 0, SIZE)
  for (let at = 0; at < SIZE; at += PAGE) {
    const page = wanted.subarray(at, at + PAGE)
    if (page.equals(found.subarray(at, at + PAGE))) continue // cells wear out: unchanged pages are not written
    await i2c.writeBlock(EEPROM, at, page)
    while (!(await i2c.probe(EEPROM))); // the chip does not acknowledge while it writes (up to 5 ms)
  }
  const isSame = wanted.equals(await i2c.readBlock(EEPROM, 0, SIZE))
  console.log(isSame ? "verified" : "the EEPROM differs from the file")
  process.exitCode = isSame ? 0 : 1
} else console.log("usage: npm run example eeprom dump|restore FILE [PORT]")
await bus.close()
