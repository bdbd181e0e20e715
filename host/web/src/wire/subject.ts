// The subject of a row: a device on the virtio-msg bus, or a chip on its I2C bus. The ladder can show only one of them.

import { hex } from "../../../src/hex.js"
import type { Row } from "./row.js"

/** "bus", "device 0", "chip 0x54"; "" for everything. */
export type Subject = string

export interface KnownSubject {
  readonly subject: Subject
  /** Its place within its group. */
  readonly order: number
  readonly label: string
  readonly group: "Devices" | "Chips on the I2C bus"
}

/**
 * The subjects of the row. A remark or a heartbeat has none: they are always shown. With `onlyAnswered`, a chip counts
 * only when it answered, because a search of the bus asks every address.
 */
export function subjectsOf(row: Row, { onlyAnswered = false } = {}): KnownSubject[] {
  if (row.kind !== "message" && row.kind !== "memory") return []
  const subjects = row.requests.flatMap(({ devNum, deviceType, fields, ok }) => {
    const address = fields.find(({ name }) => name === "i2c_addr")?.value
    const isChip = typeof address === "number" && (ok || !onlyAnswered)
    const device = deviceSubject(devNum, deviceType)
    return isChip ? [device, chipSubject(address >> 1)] : [device]
  })
  if (row.kind === "memory") return subjects
  const { devNum } = row.message
  const own = devNum === undefined ? BUS : deviceSubject(devNum)
  return subjects.some(({ subject }) => subject === own.subject) ? subjects : [...subjects, own]
}

/** Whether the ladder shows the row when it shows only `subject`. */
export function isAbout(row: Row, subject: Subject): boolean {
  if (subject === "") return true
  const subjects = subjectsOf(row)
  const isBeside = row.kind === "remark" || row.kind === "signal"
  return isBeside || subjects.some((one) => one.subject === subject)
}

const BUS: KnownSubject = { subject: "bus", order: -1, label: "The bus itself", group: "Devices" }

function deviceSubject(devNum: number, deviceType?: string): KnownSubject {
  const label = deviceType ? `Device ${devNum}, ${deviceType}` : `Device ${devNum}`
  return { subject: `device ${devNum}`, order: devNum, label, group: "Devices" }
}

function chipSubject(address: number): KnownSubject {
  const digits = hex(address, 2)
  return { subject: `chip ${digits}`, order: address, label: `Chip ${digits}`, group: "Chips on the I2C bus" }
}
