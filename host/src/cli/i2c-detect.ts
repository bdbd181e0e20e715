// `virtio-msg i2c detect`: the chips on the bus, as i2cdetect prints them.

import type { I2cAdapter, I2cRequest } from "../driver/i2c-adapter.js"
import { hexDigits } from "../hex.js"

/** How to ask whether a chip is there. */
export type ProbeMode = "auto" | "quick" | "read"

/**
 * The first scan asks so many addresses at once, because the device has to learn the descriptors of each. A second
 * scan asks so many, and learns the others. Each further scan is two rounds in which hardly anything is new.
 */
const FIRST_ROUND = 28
const ROUND = 56

/**
 * Asks every address from `first` to `last`. Returns those that acknowledged. `auto` sends a write without bytes.
 * Where that could change an EEPROM or lock a chip, it reads a byte instead, as i2cdetect does.
 */
export async function detect(
  i2c: I2cAdapter,
  first: number,
  last: number,
  mode: ProbeMode,
): Promise<Set<number>> {
  const addresses = Array.from({ length: last - first + 1 }, (_, i) => first + i)
  const isRead = (address: number) => mode === "read" || (mode === "auto" && isWriteRisky(address))
  const reads = addresses.filter(isRead).map((address) => ({ address, readLength: 1, failNext: false }))
  const writes = addresses.filter((at) => !isRead(at)).map((address) => ({ address, failNext: false }))
  const found = new Set<number>()
  const count = Math.ceil(addresses.length / (i2c.describedCount < FIRST_ROUND ? FIRST_ROUND : ROUND))
  for (let round = 0; round < count; round++) {
    // each round has as many of each kind, in the same order, so that their descriptors stay the same
    const requests: I2cRequest[] = [reads, writes].flatMap((all) => share(all, round, count))
    const outcomes = await Promise.all(i2c.submit(requests))
    for (const [at, { address }] of requests.entries()) if (outcomes[at]?.ok) found.add(address)
  }
  return new Set(addresses.filter((address) => found.has(address)))
}

/** Part `index` of `count` parts of about the same length. */
function share<T>(all: readonly T[], index: number, count: number): T[] {
  return all.slice(Math.floor((all.length * index) / count), Math.floor((all.length * (index + 1)) / count))
}

/** EEPROMs, and the chips that a quick write makes write-protected. */
function isWriteRisky(address: number): boolean {
  return (address >= 0x30 && address <= 0x37) || (address >= 0x50 && address <= 0x5f)
}

/** What Linux's driver calls the adapter. */
export function adapterName(devNum: number): string {
  return `i2c_virtio at virtio bus ${devNum}`
}

/** An adapter as a line of i2cdetect -l. */
export function adapterLine(devNum: number): string {
  return `i2c-${devNum}\t${"i2c".padEnd(10)}\t${adapterName(devNum).padEnd(32)}\tI2C adapter`
}

/** What an adapter can do, in i2cdetect's words: as Linux's i2c-virtio, whose transactions are emulated. */
export const FUNCTIONALITY: ReadonlyMap<string, boolean> = new Map([
  ["I2C", true],
  ["SMBus Quick Command", true],
  ["SMBus Send Byte", true],
  ["SMBus Receive Byte", true],
  ["SMBus Write Byte", true],
  ["SMBus Read Byte", true],
  ["SMBus Write Word", true],
  ["SMBus Read Word", true],
  ["SMBus Process Call", true],
  ["SMBus Block Write", true],
  // a message whose length the chip decides
  ["SMBus Block Read", false],
  ["SMBus Block Process Call", false],
  ["SMBus PEC", true],
  ["I2C Block Write", true],
  ["I2C Block Read", true],
])

/** i2cdetect's list of that (-F). */
export function functionalityLines(devNum: number): string[] {
  return [
    `Functionalities implemented by /dev/i2c-${devNum}:`,
    ...Array.from(FUNCTIONALITY, ([name, isThere]) => `${name.padEnd(32)} ${isThere ? "yes" : "no"}`),
  ]
}

/** i2cdetect's table. */
export function formatDetected(found: ReadonlySet<number>, first: number, last: number): string[] {
  const lines = ["     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f"]
  for (let row = 0; row < 128; row += 16) {
    let line = `${hexDigits(row, 2)}: `
    for (let address = row; address < row + 16; address++) {
      if (address < first || address > last) line += "   "
      else line += found.has(address) ? `${hexDigits(address, 2)} ` : "-- "
    }
    lines.push(line)
  }
  return lines
}
