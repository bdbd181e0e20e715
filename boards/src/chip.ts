// What the boards with one chip share. Pin rules are those of the runtime's I2C code and of the chips' data sheets.

interface ChipFacts {
  readonly name: string
  /** The runtime's heap for programs. */
  readonly heapKib: number
  /** What its serial port runs at; undefined: native USB, which has no speed. */
  readonly serialBaud: number | undefined
  /**
   * The runtime gives an I2C transaction about 20 ms, in which so many bytes pass at 100 kHz: an estimate from its
   * source, not tried on silicon. undefined: it waits without bound, and a bus that is held stops the program.
   */
  readonly maxI2cTransferBytes: number | undefined
}

/** Takes firmware as a UF2 file that is copied to a USB drive. */
export interface Uf2Chip extends ChipFacts {
  readonly flashBy: "uf2-drive"
  /** The family id of its UF2 files. */
  readonly uf2Family: number
  /** The drive's name, and the USB id under which it appears. */
  readonly drive: string
  readonly driveUsb: { readonly vendor: number; readonly product: number }
}

/** Takes firmware through the boot loader in its ROM, over its serial port. */
export interface EspChip extends ChipFacts {
  readonly flashBy: "esp-rom"
  /** The chip id in the header of its images. */
  readonly imageChipId: number
  /** Where in flash the image begins. */
  readonly flashOffset: number
}

export type Chip = Uf2Chip | EspChip

export const RP2040: Uf2Chip = {
  name: "RP2040",
  heapKib: 64,
  serialBaud: undefined,
  maxI2cTransferBytes: undefined,
  flashBy: "uf2-drive",
  uf2Family: 0xe48bff56,
  drive: "RPI-RP2",
  driveUsb: { vendor: 0x2e8a, product: 0x0003 },
}

export const ESP32: EspChip = {
  name: "ESP32",
  heapKib: 64,
  serialBaud: 1_500_000,
  maxI2cTransferBytes: 200,
  flashBy: "esp-rom",
  imageChipId: 0,
  flashOffset: 0x1000,
}

export const ESP32_S2: EspChip = {
  name: "ESP32-S2",
  heapKib: 40,
  serialBaud: undefined,
  maxI2cTransferBytes: 200,
  flashBy: "esp-rom",
  imageChipId: 2,
  flashOffset: 0x1000,
}

export const ESP32_C3: EspChip = {
  name: "ESP32-C3",
  heapKib: 64,
  serialBaud: undefined,
  maxI2cTransferBytes: 200,
  flashBy: "esp-rom",
  imageChipId: 5,
  flashOffset: 0,
}

export const ESP32_S3: EspChip = {
  name: "ESP32-S3",
  heapKib: 64,
  serialBaud: undefined,
  maxI2cTransferBytes: 200,
  flashBy: "esp-rom",
  imageChipId: 9,
  flashOffset: 0,
}
