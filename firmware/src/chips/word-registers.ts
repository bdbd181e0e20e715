// What parts with a pointer and registers of 16 bits have in common: a write begins with the pointer, and a read shows
// the register that it selects, most significant byte first.

import type { ByteBuf, OwnedBytes } from "../../../shared-protocol/src/bytes.js"
import type { Chip } from "./chip.js"

/** A chip with registers of 16 bits; which there are, and what writing one does, is up to the part. */
export abstract class WordRegisterChip implements Chip {
  readonly address: number
  readonly name: string
  protected readonly now: () => number
  protected pointer = 0

  /** `now` gives milliseconds. */
  constructor(address: number, name: string, now: () => number) {
    this.address = address
    this.name = name
    this.now = now
  }

  /** Always: such a part answers at any time. */
  ready(): boolean {
    return true
  }

  abstract write(bytes: ByteBuf, offset: number, length: number): boolean

  /** Shows the selected register. Behind its two bytes the part drives nothing, which reads as 0xff. */
  read(into: OwnedBytes, offset: number, length: number): boolean {
    const value = this.selected()
    into[offset] = value >> 8
    if (length > 1) into[offset + 1] = value & 0xff
    if (length > 2) into.fillAt(offset + 2, length - 2, 0xff)
    return true
  }

  /** The 16 bits that the pointer selects now. */
  protected abstract selected(): number
}
