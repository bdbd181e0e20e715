// Runs the user's own chips beside the VM of a simulated board. Each transfer to one of their addresses comes out of
// the VM as a report, and its result goes back in as a command (layouts: firmware/src/outside-bus.ts).

import { getU16 } from "../../../shared-protocol/src/bytes.js"
import { I2C_DONE, I2C_READ_FAILED, I2C_WRITE_FAILED } from "../../../shared-protocol/src/device-types/i2c.js"
import { type Clock, systemClock } from "../clock.js"
import { decodeFrame, encodeCommand, type JacdacPacket } from "../link/jacdac-frame.js"
import type { BusChip } from "./bus-chip.js"
import type { Machine } from "./machine.js"

const SERVICE_INDEX = 1
const CHIP_COMMAND = 0x81
const REQUEST_HEADER = 6
const ANSWER_HEADER = 4
const PACKET_BYTES = 236
const MAX_TRANSFER_BYTES = 4096
/** The runtime's queue holds seven packets: the rest of a longer answer has to wait. */
const PACKET_EVERY_MS = 2

export interface ChipTransfer {
  /** I2C_*. */
  readonly status: number
  readonly data: Uint8Array
}

/** Carries out one transaction: a write, if there are bytes or nothing is read, then a read after a repeated start. */
export function runTransfer(chip: BusChip, written: Uint8Array, readLength: number): ChipTransfer {
  const data = new Uint8Array(readLength)
  const end = (status: number): ChipTransfer => {
    chip.stop?.()
    return { status, data: status === I2C_DONE ? data : new Uint8Array(0) }
  }
  if (written.length > 0 || readLength === 0) {
    chip.start?.()
    if (chip.address?.(false) === false) return end(I2C_WRITE_FAILED)
    for (const byte of written) if (!chip.write || chip.write(byte) === false) return end(I2C_WRITE_FAILED)
  }
  if (readLength > 0) {
    chip.start?.()
    if (chip.address?.(true) === false) return end(written.length > 0 ? I2C_READ_FAILED : I2C_WRITE_FAILED)
    for (let at = 0; at < readLength; at++) data[at] = chip.read?.() ?? 0xff
  }
  return end(I2C_DONE)
}

/**
 * Serves `chips`, by address, to the board until the returned function is called. `onError` is told what a chip threw.
 * The transfer then fails as if the chip had not acknowledged.
 */
export function serveChips(
  machine: Machine,
  chips: ReadonlyMap<number, BusChip>,
  onError: (address: number, error: unknown) => void,
  clock: Clock = systemClock,
): () => void {
  let id = -1
  let written: number[] = []

  const reply = (deviceId: string, { status, data }: ChipTransfer): void => {
    const answered = id
    for (let sent = 0, count = 0; count === 0 || sent < data.length; count++) {
      const part = data.subarray(sent, sent + PACKET_BYTES - ANSWER_HEADER)
      sent += part.length
      const packet = Uint8Array.of(answered, sent === data.length ? 1 : 0, status, 0, ...part)
      const frame = encodeCommand(deviceId, SERVICE_INDEX, CHIP_COMMAND, packet)
      clock.schedule(count * PACKET_EVERY_MS, () => machine.sendFrame(frame))
    }
  }

  const take = ({ deviceId, payload }: JacdacPacket): void => {
    if (payload.length < REQUEST_HEADER) return
    const [newId = 0, last = 0, address = 0] = payload
    if (newId !== id) written = []
    id = newId
    written.push(...payload.subarray(REQUEST_HEADER))
    if (last !== 1 || written.length > MAX_TRANSFER_BYTES) return
    const chip = chips.get(address)
    let transfer: ChipTransfer = { status: I2C_WRITE_FAILED, data: new Uint8Array(0) }
    try {
      if (chip) transfer = runTransfer(chip, Uint8Array.from(written), getU16(payload, 4))
    } catch (error) {
      onError(address, error)
    }
    reply(deviceId, transfer)
  }

  return machine.onFrame.on((frame) => {
    for (const packet of decodeFrame(frame))
      if (!packet.isCommand && packet.serviceIndex === SERVICE_INDEX && packet.command === CHIP_COMMAND)
        take(packet)
  })
}
