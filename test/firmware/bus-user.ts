// A test's view of a simulated bus: a clock that it sets, and the transactions that drivers make.

import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { bytesOf, strictBytes, valuesOf } from "./strict-bytes.js"

/** The demonstration's bus with a virtual clock. */
export class BusUser {
  /** The virtual time in milliseconds. */
  nowMs = 0
  readonly bus = new SimulatedBus(
    demoChips(() => this.nowMs, strictBytes),
    strictBytes,
  )

  /** A message that writes; the status. */
  write(address: number, ...bytes: number[]): Promise<number> {
    return this.bus.transfer(address, bytesOf(...bytes), 0, bytes.length, 0)
  }

  /** A message that reads; the bytes, or the status if it is not 0. */
  async read(address: number, length: number): Promise<number[] | number> {
    const status = await this.bus.transfer(address, bytesOf(), 0, 0, length)
    return status === 0 ? valuesOf(this.bus.data, 0, length) : status
  }

  /** Writes `pointer`, reads `length` bytes after a repeated start; throws if a byte was not acknowledged. */
  async readFrom(address: number, pointer: number, length: number): Promise<number[]> {
    const status = await this.bus.transfer(address, bytesOf(pointer), 0, 1, length)
    if (status !== 0)
      throw new Error(`address 0x${address.toString(16)} pointer ${pointer}: status ${status}`)
    return valuesOf(this.bus.data, 0, length)
  }

  /** SMBus read byte data. */
  async readByte(address: number, pointer: number): Promise<number> {
    return (await this.readFrom(address, pointer, 1))[0] as number
  }

  /** An address probe, SMBus quick write; the status. */
  probe(address: number): Promise<number> {
    return this.bus.transfer(address, bytesOf(), 0, 0, 0)
  }
}
