// ASAIR AHT20 thermometer and hygrometer: no registers, but commands (data sheet 5.3): 0xBE initialises (0xE1 on its
// predecessor AHT10, which it takes, too), 0xAC measures for 80 ms, 0xBA resets. Every read begins with the status,
// then 20 bits of humidity, 20 bits of temperature, and a CRC-8 (polynomial 0x31, start 0xFF) over these six bytes.

import type { Allocator, ByteBuf, OwnedBytes } from "../../../shared-protocol/src/bytes.js"
import type { Chip } from "./chip.js"
import { triangle } from "./wave.js"

const INITIALISE = 0xbe
const INITIALISE_AHT10 = 0xe1
const MEASURE = 0xac
const RESET = 0xba

const STATUS_BUSY = 0x80
/** Bit 3: calibrated; bit 4 is set with it. */
const STATUS_CALIBRATED = 0x18

const MEASUREMENT_MS = 80
const RESET_MS = 20
const FRAME_BYTES = 7

/** Measures 20 to 26 C in 4 minutes and back, 35 to 55 %RH in 6. */
export class Aht20 implements Chip {
  readonly address = 0x38
  readonly name = "aht20"
  private readonly now: () => number
  /** What a read shows: status, humidity, temperature, CRC. */
  private readonly frame: OwnedBytes
  private calibrated = 0
  private busyUntilMs = 0
  private isMeasuring = false

  constructor(now: () => number, allocate: Allocator) {
    this.now = now
    this.frame = allocate(FRAME_BYTES)
  }

  /** Always: while busy it says so in its status. */
  ready(): boolean {
    return true
  }

  /** One command; a measurement takes two bytes of parameters, 0x33 0x00, and does not begin without the first. */
  write(bytes: ByteBuf, offset: number, length: number): boolean {
    this.settle()
    const command = bytes[offset]
    if (command === RESET) {
      this.isMeasuring = false
      this.busyUntilMs = this.now() + RESET_MS
    } else if (command === INITIALISE || command === INITIALISE_AHT10) {
      this.calibrated = STATUS_CALIBRATED
    } else if (command === MEASURE && length > 1 && bytes[offset + 1] === 0x33) {
      this.isMeasuring = true
      this.busyUntilMs = this.now() + MEASUREMENT_MS
    }
    return true
  }

  /** Shows the frame. Behind its seven bytes the part drives nothing, which reads as 0xff. */
  read(into: OwnedBytes, offset: number, length: number): boolean {
    this.settle()
    const frame = this.frame
    frame[0] = this.calibrated | (this.now() < this.busyUntilMs ? STATUS_BUSY : 0)
    frame[6] = crc8(frame, 6)
    const shown = length < FRAME_BYTES ? length : FRAME_BYTES
    into.blitAt(offset, frame, 0, shown)
    if (length > shown) into.fillAt(offset + shown, length - shown, 0xff)
    return true
  }

  /** Takes over a measurement that is complete. */
  private settle(): void {
    if (!this.isMeasuring || this.now() < this.busyUntilMs) return
    this.isMeasuring = false
    const frame = this.frame
    const humidity = (triangle(this.busyUntilMs, 720000, 35, 55) * 10485.76 + 0.5) | 0
    const temperature = ((triangle(this.busyUntilMs, 480000, 20, 26) + 50) * 5242.88 + 0.5) | 0
    frame[1] = humidity >> 12
    frame[2] = (humidity >> 4) & 0xff
    frame[3] = ((humidity & 0x0f) << 4) | (temperature >> 16)
    frame[4] = (temperature >> 8) & 0xff
    frame[5] = temperature & 0xff
  }
}

/** The part's checksum of the first `length` bytes. */
function crc8(bytes: ByteBuf, length: number): number {
  let crc = 0xff
  for (let i = 0; i < length; i++) {
    crc ^= bytes[i]
    for (let bit = 0; bit < 8; bit++)
      crc = (crc & 0x80) !== 0 ? ((crc << 1) ^ 0x31) & 0xff : (crc << 1) & 0xff
  }
  return crc
}
