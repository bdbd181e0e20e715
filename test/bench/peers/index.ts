// Those whom we compare ourselves with.

import { busPirate } from "./bus-pirate.js"
import type { Contender } from "./contender.js"
import { firmata } from "./firmata.js"
import { floor } from "./floor.js"
import { i2cTinyUsb } from "./i2c-tiny-usb.js"
import { jacdacI2c } from "./jacdac-i2c.js"
import { mcp2221 } from "./mcp2221.js"

export const PEERS: readonly Contender[] = [firmata, jacdacI2c, i2cTinyUsb, mcp2221, busPirate, floor]
