// Port expanders by npm's node-mcp23017 and pcf8574: constructors that write with Sync methods, then reads.

const MCP23017 = require("node-mcp23017")
const { PCF8574 } = require("pcf8574")
const i2c = require("i2c-bus")

async function main() {
  const mcp = new MCP23017({ address: 0x20, device: 1 })
  mcp.pinMode(0, mcp.OUTPUT)
  mcp.digitalWrite(0, mcp.HIGH)
  const bus = i2c.openSync(1)
  const direction = bus.readByteSync(0x20, 0)

  const pcf = new PCF8574(bus, 0x21, 0xff)
  await pcf.outputPin(2, false, false)
  const pins = bus.receiveByteSync(0x21)
  bus.closeSync()
  console.log(JSON.stringify({ direction, pins }))
}

main()
