// i2c-bus' Sync methods, which cannot work here: a board's answer comes through the event loop, which they would hold
// up. Each throws a sentence with what does work. `closeSync` is none of them: it has nothing to wait for.

import { makeError } from "./errno.js"

/** The methods that have a Sync form, with the parameters of their other forms. */
const PARAMETERS = {
  i2cFuncs: [],
  scan: [],
  deviceId: ["address"],
  i2cRead: ["address", "length", "buffer"],
  i2cWrite: ["address", "length", "buffer"],
  readByte: ["address", "command"],
  readWord: ["address", "command"],
  readI2cBlock: ["address", "command", "length", "buffer"],
  readBlock: ["address", "command", "buffer"],
  receiveByte: ["address"],
  sendByte: ["address", "byte"],
  writeByte: ["address", "command", "byte"],
  writeWord: ["address", "command", "word"],
  writeQuick: ["address", "bit"],
  writeBlock: ["address", "command", "length", "buffer"],
  writeI2cBlock: ["address", "command", "length", "buffer"],
} as const

/** Each throws ENOSYS, whatever it is called with. */
export type SyncMethods = {
  [Method in keyof typeof PARAMETERS as `${Method}Sync`]: (...args: unknown[]) => never
}

export function addSyncMethods(prototype: object): void {
  for (const [method, parameters] of Object.entries<readonly string[]>(PARAMETERS)) {
    const name = `${method}Sync`
    const value = (): never => {
      throw makeError(
        "ENOSYS",
        name,
        "a board's answer cannot be waited for synchronously. " +
          `Use bus.${method}(${[...parameters, "callback"].join(", ")}) ` +
          `or await bus.promisifiedBus().${method}(${parameters.join(", ")}).`,
      )
    }
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
  }
}
