// An I2C bus of simulated chips, which the virtio-i2c device drives where there is no hardware bus.

import type { Allocator, ByteBuf, OwnedBytes } from "../../../shared-protocol/src/bytes.js"
import type { I2cController } from "../../../shared-protocol/src/device/i2c-controller.js"
import {
  I2C_DONE,
  I2C_MAX_TRANSFER_BYTES,
  I2C_READ_FAILED,
  I2C_WRITE_FAILED,
} from "../../../shared-protocol/src/device-types/i2c.js"
import { Bme280 } from "./bme280.js"
import type { Chip } from "./chip.js"
import { Eeprom24c02 } from "./eeprom24c02.js"
import { Lm75 } from "./lm75.js"
import { Ram } from "./ram.js"

/** An I2C controller whose targets are simulated. */
export class SimulatedBus implements I2cController {
  /** The bytes of the last read, from index 0; replaced by a longer one when a read needs it. */
  data: OwnedBytes
  private chips: readonly Chip[]
  /**
   * For each address the index in `chips` of the chip there, plus one; 0 where none is. A search would be much of a
   * scan's cost.
   */
  private readonly places: OwnedBytes
  /** The chips that were taken off the bus, to be put back. */
  private removed: readonly Chip[] = []
  private readonly allocate: Allocator

  /** Of two `chips` with one address, the first answers. */
  constructor(chips: readonly Chip[], allocate: Allocator) {
    this.chips = chips
    this.allocate = allocate
    this.data = allocate(256)
    this.places = allocate(128)
    this.findPlaces()
    // copied into fields: the chip searches the fields of an object before the methods of its class (docs/performance.md)
    const own = this
    own.transfer = own.transfer
  }

  private findPlaces(): void {
    this.places.fillAt(0, this.places.length, 0)
    for (let i = this.chips.length - 1; i >= 0; i--) this.places[this.chips[i].address] = i + 1
  }

  /** The part at an address, or "" when none is there. */
  chipName(address: number): string {
    for (let i = 0; i < this.chips.length; i++)
      if (this.chips[i].address === address) return this.chips[i].name
    return ""
  }

  /** Takes the chip at `address` off the bus: nothing acknowledges there from the next transfer on. False: none was there. */
  unplug(address: number): boolean {
    const gone = this.chips.filter((chip) => chip.address === address)
    if (gone.length === 0) return false
    this.removed = this.removed.filter((chip) => chip.address !== address)
    for (let i = 0; i < gone.length; i++) this.removed = [gone[i], ...this.removed]
    this.chips = this.chips.filter((chip) => chip.address !== address)
    this.findPlaces()
    return true
  }

  /** Puts a chip back that was taken off, as it was. False: none was. */
  plug(address: number): boolean {
    const back = this.removed.filter((chip) => chip.address === address)
    if (back.length === 0) return false
    this.removed = this.removed.filter((chip) => chip.address !== address)
    this.chips = [...this.chips, ...back]
    this.findPlaces()
    return true
  }

  /**
   * Writes `writeLength` bytes of `write` from `writeOffset` to the chip at the 7-bit `address`, then, after a repeated
   * start, reads `readLength` into `data`; both 0 only asks whether the address is acknowledged. Each length is
   * 0..I2C_MAX_TRANSFER_BYTES: a longer write or read fails, as if a byte had not been acknowledged.
   */
  async transfer(
    address: number,
    write: ByteBuf,
    writeOffset: number,
    writeLength: number,
    readLength: number,
  ): Promise<number> {
    const place = this.places[address]
    if (place === 0) return I2C_WRITE_FAILED
    if (writeLength > I2C_MAX_TRANSFER_BYTES) return I2C_WRITE_FAILED
    const chip = this.chips[place - 1]
    if (writeLength > 0) {
      if (!chip.write(write, writeOffset, writeLength)) return I2C_WRITE_FAILED
    } else if (readLength === 0) {
      return chip.ready() ? I2C_DONE : I2C_WRITE_FAILED
    }
    if (readLength > 0) {
      if (readLength > I2C_MAX_TRANSFER_BYTES) return I2C_READ_FAILED
      if (readLength > this.data.length) {
        this.data = this.allocate(0) // the old buffer is let go first: the heap has no room for both
        this.data = this.allocate(readLength)
      }
      if (!chip.read(this.data, 0, readLength)) return I2C_READ_FAILED
    }
    return I2C_DONE
  }
}

/** The chips of the demonstration: LM75 at 0x48, EEPROM at 0x50, RAM at 0x54 and 0x56, BME280 at 0x76. */
export function demoChips(now: () => number, allocate: Allocator): Chip[] {
  return [
    new Lm75(0x48, now),
    new Eeprom24c02(0x50, "virtio-msg on a $4 board", now, allocate),
    new Ram(0x54, "123456789abcdefghij", allocate),
    new Ram(0x56, "klmnopqrstuvwxyz!:;", allocate),
    new Bme280(0x76, now, allocate),
  ]
}
