// The API of npm's i2c-bus 5, on the I2C bus of a microcontroller: npm's `overrides` put this package in its
// place, and packages that were written for a Raspberry Pi run unmodified (docs/i2c-bus.md).
// CommonJS, because they `require` it.

import { Bus } from "./bus.js"
import { checkBusNumber, checkCallback } from "./checks.js"
import { Connection } from "./connection.js"
import { Operations } from "./operations.js"
import type { PromisifiedBus } from "./promisified-bus.js"

export type { DeviceId } from "./device-id.js"
export type { I2cBusError } from "./errno.js"
export type { I2CFuncs } from "./funcs.js"
/** The names that @types/i2c-bus has. */
export type { Bus as I2CBus, PromisifiedBus }

export interface OpenOptions {
  /** Has no effect: no kernel driver stands between. */
  readonly forceAccess?: boolean
}

type Done = (error: Error | null) => void

/**
 * Opens bus `busNumber` and calls back when it is open. Returns the Bus at once, as i2c-bus does; its methods
 * wait for it to be open. Throws for a wrong argument.
 */
export function open(busNumber: number, done: Done): Bus
export function open(busNumber: number, options: OpenOptions | undefined, done: Done): Bus
export function open(busNumber: number, options: OpenOptions | undefined | Done, done?: Done): Bus {
  const callback = typeof options === "function" ? options : done
  checkBusNumber(busNumber)
  checkCallback(callback)
  const connection = new Connection(busNumber)
  connection.opened.then(
    () => process.nextTick(callback, null),
    (error) => process.nextTick(callback, error),
  )
  return new Bus(new Operations(connection))
}

/**
 * Returns the Bus; it opens meanwhile. Unlike the methods that move bytes, this one has nothing to wait for.
 * What goes wrong in opening reaches every later call. Throws for a wrong argument.
 */
export function openSync(busNumber: number, _options?: OpenOptions): Bus {
  checkBusNumber(busNumber)
  return new Bus(new Operations(new Connection(busNumber)))
}

/** Opens bus `busNumber`. Rejects with ENOENT when it is not there, EACCES when it may not be used. */
export async function openPromisified(busNumber: number, _options?: OpenOptions): Promise<PromisifiedBus> {
  checkBusNumber(busNumber)
  const connection = new Connection(busNumber)
  await connection.opened
  return new Bus(new Operations(connection)).promisifiedBus()
}

// for compilers that read a default export of CommonJS from its `default`
export default { open, openSync, openPromisified }
