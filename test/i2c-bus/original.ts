// npm's i2c-bus 5 itself, as far as it goes without Linux' /dev/i2c-*: its native part is not built and stays away.

import { createRequire } from "node:module"

const require = createRequire(import.meta.url)

interface OriginalBus {
  promisifiedBus(): object
}

export interface Original {
  open(busNumber: number, done: () => void): OriginalBus
  openSync(busNumber: number): OriginalBus
  openPromisified(busNumber: number): Promise<object>
}

/** Loads the JavaScript of i2c-bus, with nothing behind it. */
export function loadOriginal(): Original {
  const i2cBus = require.resolve("i2c-bus")
  const bindings = createRequire(i2cBus).resolve("bindings")
  require(bindings)
  const loaded = require.cache[bindings]
  if (!loaded) throw new Error("bindings is not in the cache")
  loaded.exports = () => ({})
  return require(i2cBus)
}
