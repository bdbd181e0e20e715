// `virtio-msg i2c detect`: the chips on the bus, as i2cdetect prints them.

import type { I2cAdapter, I2cRequest } from "../driver/i2c-adapter.js"

/** How to ask whether a chip is there. */
export type ProbeMode = "auto" | "quick" | "read"

/**
 * Asks every address from `first` to `last`, all at once, and returns those that acknowledged. `auto` writes
 * nothing except where a write could change an EEPROM or lock a chip: there it reads a byte, as i2cdetect does.
 */
export async function detect(
  i2c: I2cAdapter,
  first: number,
  last: number,
  mode: ProbeMode,
): Promise<Set<number>> {
  const addresses = Array.from({ length: last - first + 1 }, (_, i) => first + i)
  const outcomes = await Promise.all(
    i2c.submit(
      addresses.map((address): I2cRequest => {
        const isRead = mode === "read" || (mode === "auto" && isWriteRisky(address))
        return isRead ? { address, readLength: 1, failNext: false } : { address, failNext: false }
      }),
    ),
  )
  return new Set(addresses.filter((_, at) => outcomes[at]?.ok))
}

/** EEPROMs, and the chips that a quick write makes write-protected. */
function isWriteRisky(address: number): boolean {
  return (address >= 0x30 && address <= 0x37) || (address >= 0x50 && address <= 0x5f)
}

/** i2cdetect's line for an adapter (-l), with the name that Linux's driver gives it. */
export function adapterLine(devNum: number): string {
  const name = `i2c_virtio at virtio bus ${devNum}`
  return `i2c-${devNum}\t${"i2c".padEnd(10)}\t${name.padEnd(32)}\tI2C adapter`
}

/** i2cdetect's list of what an adapter can do (-F): as Linux's i2c-virtio, whose transactions are emulated. */
export function functionalityLines(devNum: number): string[] {
  const names = [
    "I2C",
    "SMBus Quick Command",
    "SMBus Send Byte",
    "SMBus Receive Byte",
    "SMBus Write Byte",
    "SMBus Read Byte",
    "SMBus Write Word",
    "SMBus Read Word",
    "SMBus Process Call",
    "SMBus Block Write",
    "SMBus Block Read",
    "SMBus Block Process Call",
    "SMBus PEC",
    "I2C Block Write",
    "I2C Block Read",
  ]
  // these need a message whose length the chip decides
  const missing = ["SMBus Block Read", "SMBus Block Process Call"]
  return [
    `Functionalities implemented by /dev/i2c-${devNum}:`,
    ...names.map((name) => `${name.padEnd(32)} ${missing.includes(name) ? "no" : "yes"}`),
  ]
}

/** i2cdetect's table. */
export function formatDetected(found: ReadonlySet<number>, first: number, last: number): string[] {
  const lines = ["     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f"]
  for (let row = 0; row < 128; row += 16) {
    let line = `${hex2(row)}: `
    for (let address = row; address < row + 16; address++) {
      if (address < first || address > last) line += "   "
      else line += found.has(address) ? `${hex2(address)} ` : "-- "
    }
    lines.push(line)
  }
  return lines
}

function hex2(value: number): string {
  return value.toString(16).padStart(2, "0")
}
