// What the suite's scripted devices do with a request. Behind the I2C device there is a chip of RAM, whose first byte
// written is the offset of what follows, as in ST's demo.

import { getU16, getU32 } from "../../../../shared-protocol/src/bytes.js"
import {
  I2C_FLAG_FAIL_NEXT,
  I2C_FLAG_M_RD,
  I2C_HEADER_SIZE,
  I2C_STATUS_ERROR,
  I2C_STATUS_OK,
} from "../../../../shared-protocol/src/device-types/i2c.js"
import { DESCRIPTOR_WRITE } from "../../../../shared-protocol/src/ring/layout.js"
import type { Executor, ScriptedDevice } from "./scripted-device.js"
import type { SeenChain } from "./seen-chain.js"

/** The chip and the register that a driver is asked to read, and what is there. */
export const CHIP_ADDRESS = 0x54
export const CHIP_REGISTER = 14
export const CHIP_VALUE = 0x66

/** The fields of a virtio-i2c request. */
export interface I2cRequestSeen {
  readonly addr: number
  readonly padding: number
  readonly flags: number
  readonly write: Uint8Array
  /** Device-writable bytes before the status. */
  readonly readLength: number
}

/** The request in a chain. Undefined when the chain is too short to have one. */
export function i2cRequestOf(chain: SeenChain): I2cRequestSeen | undefined {
  const writable = writableBytes(chain)
  if (chain.readable.length < I2C_HEADER_SIZE || writable < 1) return undefined
  return {
    addr: getU16(chain.readable, 0),
    padding: getU16(chain.readable, 2),
    flags: getU32(chain.readable, 4),
    write: chain.readable.subarray(I2C_HEADER_SIZE),
    readLength: writable - 1,
  }
}

export function writableBytes(chain: SeenChain): number {
  return chain.descriptors.reduce(
    (sum, { flags, lengthBytes }) => sum + (flags & DESCRIPTOR_WRITE ? lengthBytes : 0),
    0,
  )
}

/** Writes `bytes` into a chain's device-writable buffers, from the first on. */
export function writeInto(device: ScriptedDevice, chain: SeenChain, bytes: Uint8Array): void {
  let at = 0
  for (const { flags, address, lengthBytes } of chain.descriptors) {
    if ((flags & DESCRIPTOR_WRITE) === 0) continue
    device.memory.write(address, bytes.subarray(at, at + lengthBytes))
    at += lengthBytes
  }
}

/** Fills a chain as an entropy device does; returns the used length. */
export function runEntropy(chain: SeenChain, device: ScriptedDevice): number {
  const bytes = Uint8Array.from({ length: writableBytes(chain) }, (_, n) => 31 * (n + chain.at))
  writeInto(device, chain, bytes)
  return bytes.length
}

/** Makes what carries out requests, with a chip of its own; it returns the used length. */
export function makeI2c(): Executor {
  const chip = new TextEncoder().encode("123456789abcdefghij")
  chip[CHIP_REGISTER] = CHIP_VALUE
  let pointer = 0
  let isGroupFailed = false
  return (chain, device) => {
    const request = i2cRequestOf(chain)
    if (!request) return 0
    const { addr, write, flags, readLength } = request
    const isOk = addr >> 1 === CHIP_ADDRESS && !isGroupFailed
    const data = new Uint8Array(readLength + 1)
    if (isOk) {
      pointer = (write[0] ?? pointer) % chip.length
      for (const byte of write.subarray(1)) chip[pointer++ % chip.length] = byte
      if (flags & I2C_FLAG_M_RD)
        for (let i = 0; i < readLength; i++) data[i] = chip[pointer++ % chip.length] as number
    }
    data[readLength] = isOk ? I2C_STATUS_OK : I2C_STATUS_ERROR
    isGroupFailed = !isOk && (flags & I2C_FLAG_FAIL_NEXT) !== 0
    writeInto(device, chain, data)
    return isOk ? data.length : 1
  }
}
