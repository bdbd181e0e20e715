// Texas Instruments ADS1115 (SBAS444), a 16-bit converter of four inputs: a pointer byte selects the conversion (0),
// configuration (1) or threshold register (2, 3), all of 16 bits, most significant byte first. Table 8 has the
// configuration: OS, MUX, PGA, MODE, DR. Not modelled: the comparator, which has no effect but on its pin.

import type { ByteBuf } from "../../../shared-protocol/src/bytes.js"
import { triangle } from "./wave.js"
import { WordRegisterChip } from "./word-registers.js"

const CONVERSION = 0
const CONFIGURATION = 1
const LOW_THRESHOLD = 2

/** OS: writing it begins a conversion; reading it shows that no conversion runs. */
const START = 0x8000
/** MODE: one conversion when asked, instead of one after another. */
const SINGLE_SHOT = 0x0100

/** Full scale by PGA, in volts. The last two values mean the same as the one before. */
const FULL_SCALE_V = [6.144, 4.096, 2.048, 1.024, 0.512, 0.256, 0.256, 0.256]
/** Samples a second by DR. */
const DATA_RATE = [8, 16, 32, 64, 128, 250, 475, 860]
/** By MUX below 4, what is compared; from 4 on an input with ground. */
const POSITIVE = [0, 0, 1, 2]
const NEGATIVE = [1, 3, 3, 3]

/** AIN0 goes from 0 to 3.3 V in 15 s and back; AIN1 has 1.65 V, AIN2 0.5 V, AIN3 is grounded. */
export class Ads1115 extends WordRegisterChip {
  private configuration = 0x8583
  private lowThreshold = 0x8000
  private highThreshold = 0x7fff
  /** What the conversion register holds. */
  private converted = 0
  /** When the conversion that runs will end; 0 when none runs. */
  private endMs = 0

  /** `address` is 0x48 to 0x4b on the real part; `now` gives milliseconds. */
  constructor(address: number, now: () => number) {
    super(address, "ads1115", now)
  }

  /** The first byte is the pointer, of which two bits count; with two more its register changes. */
  write(bytes: ByteBuf, offset: number, length: number): boolean {
    this.settle()
    this.pointer = bytes[offset] & 3
    if (length < 3) return true
    const value = (bytes[offset + 1] << 8) | bytes[offset + 2]
    if (this.pointer === CONFIGURATION) {
      this.configuration = value & ~START
      const isSingleShot = (value & SINGLE_SHOT) !== 0
      // a single shot that is asked for during a conversion does not interrupt it
      if (!isSingleShot) this.endMs = this.now() + this.conversionMs()
      else if ((value & START) !== 0 && this.endMs === 0) this.endMs = this.now() + this.conversionMs()
    } else if (this.pointer === LOW_THRESHOLD) this.lowThreshold = value
    else if (this.pointer !== CONVERSION) this.highThreshold = value
    return true
  }

  protected selected(): number {
    this.settle()
    if (this.pointer === CONVERSION) return this.converted
    if (this.pointer === CONFIGURATION) return this.configuration | (this.endMs === 0 ? START : 0)
    return this.pointer === LOW_THRESHOLD ? this.lowThreshold : this.highThreshold
  }

  /** Takes over a conversion that is complete. Without single shot, the next conversion begins at once. */
  private settle(): void {
    const nowMs = this.now()
    if (this.endMs === 0 || nowMs < this.endMs) return
    const isSingleShot = (this.configuration & SINGLE_SHOT) !== 0
    const conversionMs = this.conversionMs()
    const missed = isSingleShot ? 0 : Math.floor((nowMs - this.endMs) / conversionMs)
    const atMs = this.endMs + missed * conversionMs
    this.endMs = isSingleShot ? 0 : atMs + conversionMs
    const mux = (this.configuration >> 12) & 7
    const volts = mux < 4 ? input(POSITIVE[mux], atMs) - input(NEGATIVE[mux], atMs) : input(mux - 4, atMs)
    let code = Math.floor((volts * 32768) / FULL_SCALE_V[(this.configuration >> 9) & 7] + 0.5)
    if (code > 32767) code = 32767
    if (code < -32768) code = -32768
    this.converted = code & 0xffff
  }

  private conversionMs(): number {
    return 1000 / DATA_RATE[(this.configuration >> 5) & 7]
  }
}

/** The voltage at AIN0 to AIN3. */
function input(channel: number, atMs: number): number {
  if (channel === 0) return triangle(atMs, 30000, 0, 3.3)
  if (channel === 1) return 1.65
  return channel === 2 ? 0.5 : 0
}
