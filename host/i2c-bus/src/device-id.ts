// The I2C device id (NXP UM10204 3.1.17): 12 bits of manufacturer, 9 of part, 3 of revision. It is read at a reserved
// address, after the chip's own address was written there.

/** The reserved address, 7 bits. */
export const DEVICE_ID_ADDRESS = 0x7c

export interface DeviceId {
  /** 12 bits. */
  readonly manufacturer: number
  /** 12 bits: part and revision. */
  readonly product: number
  /** The manufacturer's name, or its number as text. */
  readonly name: string
}

/** By number (UM10204 table 7). The numbers 1 to 3 are reserved for the first manufacturer. */
const MANUFACTURERS = [
  "NXP Semiconductors",
  "NXP Semiconductors (reserved)",
  "NXP Semiconductors (reserved)",
  "NXP Semiconductors (reserved)",
  "Ramtron International",
  "Analog Devices",
  "STMicroelectronics",
  "ON Semiconductor",
  "Sprintek Corporation",
  "ESPROS Photonics AG",
  "Fujitsu Semiconductor",
  "Flir",
  "O2Micro",
  "Atmel",
]

/** Takes the three bytes apart. */
export function parseDeviceId(data: Uint8Array): DeviceId {
  const [high = 0, middle = 0, low = 0] = data
  const manufacturer = (high << 4) | (middle >> 4)
  const product = ((middle & 0x0f) << 8) | low
  return {
    manufacturer,
    product,
    name: MANUFACTURERS[manufacturer] ?? `<0x${manufacturer.toString(16)}>`,
  }
}
