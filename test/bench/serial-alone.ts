// The benchmark over a serial port in a process that does nothing else, as a program of a user's: V8 has compiled our code
// for what this process did with it, and its heap has in it what this process left there. Prints its results as JSON.

import { measureSerial } from "./serial-cpu.js"

process.stdout.write(JSON.stringify(await measureSerial()))
