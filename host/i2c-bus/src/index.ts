// The API of npm's i2c-bus 5, on the I2C bus of a microcontroller. npm's `overrides` put this package in the place of
// i2c-bus. Packages that were written for a Raspberry Pi then run unmodified (docs/i2c-bus.md). It is CommonJS, because
// they `require` it.

import { Bus, callBack } from "./bus.js"
import { checkBusNumber, checkCallback } from "./checks.js"
import { Connection } from "./connection.js"
import type { PromisifiedBus as PromisifiedBusOf } from "./promisified-bus.js"

export type { DeviceId } from "./device-id.js"
export type { I2cBusError } from "./errno.js"
export type { I2CFuncs } from "./funcs.js"
/** The names that @types/i2c-bus has. */
export type I2CBus = Bus
export type PromisifiedBus = PromisifiedBusOf<Bus>

export interface OpenOptions {
  /** Has no effect: no kernel driver uses the bus. */
  readonly forceAccess?: boolean
}

type Done = (error: Error | null) => void

/**
 * Opens bus `busNumber` and calls back when it is open. Returns the Bus at once, as i2c-bus does. Its methods wait
 * until it is open. Throws for a wrong argument.
 */
export function open(busNumber: number, done: Done): Bus
export function open(busNumber: number, options: OpenOptions | undefined, done: Done): Bus
export function open(busNumber: number, options: OpenOptions | undefined | Done, done?: Done): Bus {
  const callback = typeof options === "function" ? options : done
  checkBusNumber(busNumber)
  checkCallback(callback)
  const connection = new Connection(busNumber)
  callBack(connection.opened, callback)
  return new Bus(connection)
}

/**
 * Opens bus `busNumber` and returns it when it is open. From then on a thread of its own talks to the board, and the
 * Sync methods block until the board has answered. Throws ENOENT when the bus does not exist, EACCES when it may not be
 * used, and for a wrong argument.
 */
export function openSync(busNumber: number, _options?: OpenOptions): Bus {
  checkBusNumber(busNumber)
  const connection = new Connection(busNumber)
  connection.openSync()
  return new Bus(connection)
}

/** Opens bus `busNumber`. Rejects with ENOENT when it does not exist, EACCES when it may not be used. */
export async function openPromisified(busNumber: number, _options?: OpenOptions): Promise<PromisifiedBus> {
  checkBusNumber(busNumber)
  const connection = new Connection(busNumber)
  await connection.opened
  return new Bus(connection).promisifiedBus()
}

// for compilers that look for a CommonJS module's default export in `default`
export default { open, openSync, openPromisified }
