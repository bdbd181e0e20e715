// How many bytes one I2C message may have: the firmware has a limit, and some boards' runtimes a lower one.

import { BOARDS } from "../../../boards/src/index.js"
import { I2C_MAX_TRANSFER_BYTES } from "../../../shared-protocol/src/device-types/i2c.js"
import type { HelloResponse } from "../../../shared-protocol/src/messages/hello.js"
import { counted } from "../counted.js"

export interface TransferLimit {
  readonly maxBytes: number
  /** Why not more than this, as a sentence. */
  readonly reason: string
}

const FIRMWARE: TransferLimit = {
  maxBytes: I2C_MAX_TRANSFER_BYTES,
  reason: `The window and the firmware's heap have room for ${I2C_MAX_TRANSFER_BYTES} bytes in a message.`,
}

/** The limit of the board that said `hello`. The board is found by its name in boards/. */
export function transferLimitOf(hello: Pick<HelloResponse, "board" | "hasSimulatedChips">): TransferLimit {
  if (hello.hasSimulatedChips) return FIRMWARE // no wires, so no limit by them
  const chip = BOARDS.find((board) => board.name === hello.board)?.chip
  if (chip?.maxI2cTransferBytes === undefined) return FIRMWARE
  return {
    maxBytes: chip.maxI2cTransferBytes,
    reason:
      `The runtime on an ${chip.name} gives a transaction about 20 ms, ` +
      `in which ${counted(chip.maxI2cTransferBytes, "byte")} pass at 100 kHz.`,
  }
}
