// Bosch BME280 (BST-BME280-DS002): pressure, temperature and humidity behind 256 registers. Chapter 3.3 has the modes,
// 4.2.2 the calibration and compensation, 5 the registers, 6.2 the I2C messages, 9.1 the measurement time (typical).
// Not modelled: the IIR filter's delay; a write to ctrl_meas restarts instead of waiting for the measurement's end.

import { type Allocator, type ByteBuf, putU16 } from "../../../shared-protocol/src/bytes.js"
import { MemoryChip } from "./memory-chip.js"
import { triangle } from "./wave.js"

const CALIBRATION = 0x88
const CALIBRATION_H1 = 0xa1
const ID = 0xd0
const RESET = 0xe0
const CALIBRATION_H2 = 0xe1
const CTRL_HUM = 0xf2
const STATUS = 0xf3
const CTRL_MEAS = 0xf4
const CONFIG = 0xf5
const PRESSURE = 0xf7
const TEMPERATURE = 0xfa
const HUMIDITY = 0xfd

const CHIP_ID = 0x60
const RESET_COMMAND = 0xb6
const STATUS_MEASURING = 0x08
const STATUS_IM_UPDATE = 0x01

/** What a data register shows when its measurement was skipped: 0x80000 or 0x8000. */
const SKIPPED_MSB = 0x80

/**
 * The most pairs that one message may write. The real part has no limit; a DeviceScript program has one on its
 * operations.
 */
const MAX_PAIRS = 16

/** Table 1: the time from reset to the first communication, in which the calibration is copied. */
const START_UP_MS = 2

/** Table 27: the standby time of normal mode by the top three bits of config. */
const STANDBY_MS = [0.5, 62.5, 125, 250, 500, 1000, 10, 20]

// Temperature and pressure calibration of the data sheet's worked example (BMP280, 3.12): adc_T 519888 and adc_P 415148
// are 25.08 C and 1006.53 hPa. Humidity as parts in the field have it.
const T1 = 27504
const T2 = 26435
const T3 = -1000
const P1 = 36477
const P2 = -10685
const P3 = 3024
const P4 = 2855
const P5 = 140
const P6 = -7
const P7 = 15500
const P8 = -14600
const P9 = 6000
const H1 = 75
const H2 = 362
const H3 = 0
const H4 = 324
const H5 = 50
const H6 = 30

const SLEEP = 0
const FORCED = 1
const NORMAL = 3
/** Not one of the chip's modes: it starts up after a reset. */
const STARTING = 4

/** A weather station: 21 to 24 C in 5 minutes and back, 1008 to 1018 hPa in 10, 40 to 50 %RH in 7. */
export class Bme280 extends MemoryChip {
  private readonly now: () => number
  /** SLEEP, FORCED, NORMAL or STARTING; `pending` except in SLEEP. */
  private doing = SLEEP
  /** When this began; in normal mode, when the present cycle began. */
  private startMs = 0
  /** How long a measurement takes, and how far apart they begin in normal mode. */
  private measurementMs = 0
  private cycleMs = 0
  /** When the values in the data registers were measured. */
  private measuredMs = 0
  /** osrs_h as ctrl_hum has it. It only counts from the next write to ctrl_meas on. */
  private humidityOversampling = 0

  /** `address` is 0x76 or 0x77 on the real part; `now` gives milliseconds. */
  constructor(address: number, now: () => number, allocate: Allocator) {
    super(address, "bme280", allocate(256))
    this.now = now
    const registers = this.memory
    const words = [T1, T2, T3, P1, P2, P3, P4, P5, P6, P7, P8, P9]
    for (let i = 0; i < words.length; i++) putU16(registers, CALIBRATION + 2 * i, words[i])
    registers[CALIBRATION_H1] = H1
    putU16(registers, CALIBRATION_H2, H2)
    registers[CALIBRATION_H2 + 2] = H3
    registers[CALIBRATION_H2 + 3] = (H4 >> 4) & 0xff
    registers[CALIBRATION_H2 + 4] = (H4 & 0x0f) | ((H5 & 0x0f) << 4)
    registers[CALIBRATION_H2 + 5] = (H5 >> 4) & 0xff
    registers[CALIBRATION_H2 + 6] = H6 & 0xff
    registers[ID] = CHIP_ID
    this.skipAll()
  }

  /**
   * One byte sets the pointer; otherwise pairs of register and value, of which those for read-only registers have no
   * effect, and of several modes the last one counts. Not acknowledged from the 17th pair on.
   */
  write(bytes: ByteBuf, offset: number, length: number): boolean {
    if (this.pending) this.settle()
    const registers = this.memory
    const isTooLong = length > 2 * MAX_PAIRS
    const end = offset + (isTooLong ? 2 * MAX_PAIRS : length)
    let next = SLEEP - 1
    let at = offset
    while (at < end - 1) {
      const register = bytes[at]
      const value = bytes[at + 1]
      at += 2
      if (register === CTRL_MEAS) {
        registers[CTRL_MEAS] = value
        next = value & 3
      } else if (register === CTRL_HUM) {
        registers[CTRL_HUM] = value & 7
      } else if (register === CONFIG) {
        registers[CONFIG] = value & 0xfd
      } else if (register === RESET && value === RESET_COMMAND) {
        registers[CTRL_MEAS] = 0
        registers[CTRL_HUM] = 0
        registers[CONFIG] = 0
        next = STARTING
      }
    }
    if (at < end) this.pointer = bytes[at]
    if (next >= SLEEP) this.begin(next === 2 ? FORCED : next)
    return !isTooLong
  }

  /** Completes what is due: the start-up, a forced measurement, or the latest one of normal mode. */
  protected override settle(): boolean {
    const elapsedMs = this.now() - this.startMs
    if (this.doing === NORMAL) {
      const cycles = Math.floor(elapsedMs / this.cycleMs)
      this.startMs += cycles * this.cycleMs
      const measuring = elapsedMs - cycles * this.cycleMs < this.measurementMs
      const latestMs = this.startMs + this.measurementMs - (measuring ? this.cycleMs : 0)
      if (latestMs > this.measuredMs) this.measure(latestMs)
      this.memory[STATUS] = measuring ? STATUS_MEASURING : 0
    } else if (elapsedMs >= (this.doing === FORCED ? this.measurementMs : START_UP_MS)) {
      if (this.doing === FORCED) this.measure(this.startMs + this.measurementMs)
      this.memory[CTRL_MEAS] &= 0xfc
      this.memory[STATUS] = 0
      this.doing = SLEEP
      this.pending = false
    }
    return true
  }

  /** Enters SLEEP, FORCED, NORMAL or STARTING now. */
  private begin(doing: number): void {
    const registers = this.memory
    this.doing = doing
    this.pending = doing !== SLEEP
    this.startMs = this.now()
    this.measuredMs = this.startMs
    if (doing === STARTING) this.skipAll()
    this.humidityOversampling = registers[CTRL_HUM]
    const samplesT = samples(registers[CTRL_MEAS] >> 5)
    const samplesP = samples((registers[CTRL_MEAS] >> 2) & 7)
    const samplesH = samples(this.humidityOversampling)
    this.measurementMs =
      1 + 2 * samplesT + (samplesP > 0 ? 2 * samplesP + 0.5 : 0) + (samplesH > 0 ? 2 * samplesH + 0.5 : 0)
    this.cycleMs = this.measurementMs + STANDBY_MS[registers[CONFIG] >> 5]
    registers[STATUS] = doing === STARTING ? STATUS_IM_UPDATE : doing === SLEEP ? 0 : STATUS_MEASURING
  }

  /**
   * Fills the data registers with what the converter would have seen at `atMs`: the compensation formulas of 4.2.3 in
   * floating point, solved for the raw value. The small quadratic terms are fixed points, exact after two rounds.
   */
  private measure(atMs: number): void {
    const registers = this.memory
    this.measuredMs = atMs

    // t_fine = x T2 + (x / 8)^2 T3  where x = adc_T / 2^14 - T1 / 2^10
    const fine = 5120 * triangle(atMs, 600000, 21, 24)
    let x = fine / T2
    x = fine / (T2 + (x * T3) / 64)
    x = fine / (T2 + (x * T3) / 64)
    this.store20(TEMPERATURE, registers[CTRL_MEAS] >> 5, 16384 * x + 16 * T1)

    // pressure = q + (q^2 P9 / 2^31 + q P8 / 2^15 + P7) / 16  where q = (2^20 - adc_P - offset / 2^12) 6250 / scale
    const linear = 100 * triangle(atMs, 1200000, 1008, 1018) - P7 / 16
    let q = linear / (1 + P8 / 524288)
    q = linear / (1 + P8 / 524288 + (q * P9) / 34359738368)
    q = linear / (1 + P8 / 524288 + (q * P9) / 34359738368)
    const p = fine / 2 - 64000
    const offset = ((p * p * P6) / 32768 + p * P5 * 2) / 4 + P4 * 65536
    const scale = (1 + ((p * p * P3) / 524288 + p * P2) / 17179869184) * P1
    this.store20(PRESSURE, (registers[CTRL_MEAS] >> 2) & 7, 1048576 - offset / 4096 - (q * scale) / 6250)

    // humidity = y (1 - y H1 / 2^19)  where y = (adc_H - 64 H4 - h H5 / 2^14) H2 / 2^16 (1 + h H6 / 2^26 (1 + h H3 / 2^26))
    if (this.humidityOversampling === 0) {
      registers[HUMIDITY] = SKIPPED_MSB
      registers[HUMIDITY + 1] = 0
      return
    }
    const humidity = triangle(atMs, 840000, 40, 50)
    let y = humidity / (1 - (humidity * H1) / 524288)
    y = humidity / (1 - (y * H1) / 524288)
    const h = fine - 76800
    const slope = (H2 / 65536) * (1 + ((h * H6) / 67108864) * (1 + (h * H3) / 67108864))
    const raw = (64 * H4 + (h * H5) / 16384 + y / slope + 0.5) | 0
    registers[HUMIDITY] = raw >> 8
    registers[HUMIDITY + 1] = raw & 0xff
  }

  /** Stores the 20-bit `value`; 16 bits of it, and one more for each doubling of the samples, unless the filter is on. */
  private store20(register: number, oversampling: number, value: number): void {
    const registers = this.memory
    let raw = 0x80000
    if (oversampling > 0) {
      raw = (value + 0.5) | 0
      if (oversampling < 5 && (registers[CONFIG] & 0x1c) === 0) raw &= -1 << (5 - oversampling)
    }
    registers[register] = raw >> 12
    registers[register + 1] = (raw >> 4) & 0xff
    registers[register + 2] = (raw & 0x0f) << 4
  }

  /** The data registers as they are after a reset. */
  private skipAll(): void {
    this.memory.fillAt(PRESSURE, 8, 0)
    this.memory[PRESSURE] = SKIPPED_MSB
    this.memory[TEMPERATURE] = SKIPPED_MSB
    this.memory[HUMIDITY] = SKIPPED_MSB
  }
}

/** The number of samples that the oversampling setting 0..7 asks for: 0, 1, 2, 4, 8, 16, 16, 16. */
function samples(oversampling: number): number {
  if (oversampling === 0) return 0
  return oversampling < 5 ? 1 << (oversampling - 1) : 16
}
