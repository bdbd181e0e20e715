// Chips that the sensor packages of test/i2c-bus are written for, as far as those packages can tell.

import type { Allocator, ByteBuf, OwnedBytes } from "../../shared-protocol/src/bytes.js"
import type { Chip } from "../src/chips/chip.js"
import { MemoryChip } from "../src/chips/memory-chip.js"

/** 256 byte registers behind a pointer that counts on: MCP23017, MPU6050, PCA9685, INA219 look so from outside. */
export class RegisterChip extends MemoryChip {
  constructor(address: number, name: string, allocate: Allocator) {
    super(address, name, allocate(256))
  }

  /** Presets registers from `at` on. */
  with(at: number, values: number[]): RegisterChip {
    for (let i = 0; i < values.length; i++) this.memory[at + i] = values[i]
    return this
  }

  /** The first byte is the register, the others are stored from there on. */
  write(bytes: ByteBuf, offset: number, length: number): boolean {
    this.pointer = bytes[offset]
    for (let i = 1; i < length; i++) {
      this.memory[this.pointer] = bytes[offset + i]
      this.pointer = (this.pointer + 1) & 0xff
    }
    return true
  }
}

/** PCF8574: no registers; the last byte written is on the pins, which a read shows. */
export class PortChip implements Chip {
  readonly address: number
  readonly name = "pcf8574"
  private pins = 0xff

  constructor(address: number) {
    this.address = address
  }

  ready(): boolean {
    return true
  }

  write(bytes: ByteBuf, offset: number, length: number): boolean {
    this.pins = bytes[offset + length - 1]
    return true
  }

  read(into: OwnedBytes, offset: number, length: number): boolean {
    for (let i = 0; i < length; i++) into[offset + i] = this.pins
    return true
  }
}

/** BH1750: a command, then a big-endian word of light. */
export class LightChip extends PortChip {
  override read(into: OwnedBytes, offset: number, length: number): boolean {
    for (let i = 0; i < length; i++) into[offset + i] = i & 1 ? 0x90 : 0x01
    return true
  }
}

/**
 * SSD1306 with 1 KiB of picture: control byte 0x00 is commands, 0x40 data, which wraps. Unlike the real one a read shows
 * some of the picture, too.
 */
export class DisplayChip implements Chip {
  readonly address: number
  readonly name = "ssd1306"
  private readonly picture: OwnedBytes
  private at = 0

  constructor(address: number, allocate: Allocator) {
    this.address = address
    this.picture = allocate(1024)
  }

  ready(): boolean {
    return true
  }

  write(bytes: ByteBuf, offset: number, length: number): boolean {
    if (bytes[offset] !== 0x40) {
      this.at = 0 // any command may set a window, and these packages begin at its start
      return true
    }
    let source = offset + 1
    let left = length - 1
    while (left > 0) {
      let run = 1024 - this.at
      if (run > left) run = left
      this.picture.blitAt(this.at, bytes, source, run)
      source += run
      left -= run
      this.at = (this.at + run) % 1024
    }
    return true
  }

  /** The status byte (0: ready), then bytes 0, 127, 128, 1023 of the picture, and again. */
  read(into: OwnedBytes, offset: number, length: number): boolean {
    const shown = [0, this.picture[0], this.picture[127], this.picture[128], this.picture[1023]]
    for (let i = 0; i < length; i++) into[offset + i] = shown[i % 5]
    return true
  }
}
