// National Semiconductor LM75 thermometer: a pointer byte selects temperature (0), configuration (1), Thyst (2) or
// Tos (3); temperatures are 16 bits, most significant byte first, 9 bits of 0.5 C left-justified (1.10 to 1.13).
// As on the real part, and as Linux's lm75_detect wants it: the pointer decodes 3 bits, and the unused registers
// 4..7 show what was read last.

import type { ByteBuf } from "../../../shared-protocol/src/bytes.js"
import { triangle } from "./wave.js"
import { WordRegisterChip } from "./word-registers.js"

const TEMPERATURE = 0
const CONFIGURATION = 1
const HYSTERESIS = 2
const LIMIT = 3

/** Bit 0 of the configuration: no conversions, the temperature register keeps its value. */
const SHUTDOWN = 0x01

const WARMING_PERIOD_MS = 60000

/** A thermometer in a room that goes from 22 C to 28 C and back within a minute. */
export class Lm75 extends WordRegisterChip {
  private configuration = 0
  /** 75 C and 80 C at power-on. */
  private hysteresis = 0x4b00
  private limit = 0x5000
  /** The temperature register while shut down. */
  private kept = 0
  /** The register value that was read last. */
  private latest = 0

  /** `address` is 0x48..0x4f on the real part; `now` gives milliseconds. */
  constructor(address: number, now: () => number) {
    super(address, "lm75", now)
  }

  /** The first byte is the pointer, the following ones its register's new value; further ones have no effect. */
  write(bytes: ByteBuf, offset: number, length: number): boolean {
    const pointer = bytes[offset] & 7
    this.pointer = pointer
    if (length < 2) return true
    const high = bytes[offset + 1]
    if (pointer === CONFIGURATION) {
      if ((high & SHUTDOWN) !== 0 && (this.configuration & SHUTDOWN) === 0) this.kept = this.convert()
      this.configuration = high & 0x1f
    } else if (pointer === HYSTERESIS) {
      this.hysteresis = (high << 8) | (length > 2 ? bytes[offset + 2] & 0x80 : this.hysteresis & 0x80)
    } else if (pointer === LIMIT) {
      this.limit = (high << 8) | (length > 2 ? bytes[offset + 2] & 0x80 : this.limit & 0x80)
    }
    return true
  }

  /** The configuration has 8 bits and shows twice. */
  protected selected(): number {
    const pointer = this.pointer
    let value = this.latest
    if (pointer === TEMPERATURE) value = (this.configuration & SHUTDOWN) !== 0 ? this.kept : this.convert()
    else if (pointer === CONFIGURATION) value = this.configuration * 0x101
    else if (pointer === HYSTERESIS) value = this.hysteresis
    else if (pointer === LIMIT) value = this.limit
    this.latest = value
    return value
  }

  /** The temperature as its register has it now, rounded to 0.5 C. */
  private convert(): number {
    const halfDegrees = triangle(this.now(), WARMING_PERIOD_MS, 44, 56)
    return ((halfDegrees + 0.5) | 0) << 7
  }
}
