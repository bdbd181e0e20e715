// How many bytes one I2C message may have: the firmware has a limit, and some boards' runtimes a lower one.

import { BOARDS } from "../../../boards/src/index.js"
import { I2C_MAX_TRANSFER_BYTES } from "../../../shared-protocol/src/device-types/i2c.js"
import type { HelloResponse } from "../../../shared-protocol/src/messages/hello.js"

export interface TransferLimit {
  readonly maxBytes: number
  /** Why not more, as a sentence. */
  readonly reason: string
}

const FIRMWARE: TransferLimit = {
  maxBytes: I2C_MAX_TRANSFER_BYTES,
  reason: `The window and the firmware's heap have room for ${I2C_MAX_TRANSFER_BYTES} bytes in a message.`,
}

/** The limit of the board that said `hello`: by its name, as boards/ has it. */
export function transferLimitOf(hello: Pick<HelloResponse, "board" | "hasSimulatedChips">): TransferLimit {
  if (hello.hasSimulatedChips) return FIRMWARE // nothing passes over wires
  const chip = BOARDS.find((board) => board.name === hello.board)?.chip
  if (chip?.maxI2cTransferBytes === undefined) return FIRMWARE
  return {
    maxBytes: chip.maxI2cTransferBytes,
    reason:
      `The runtime on an ${chip.name} gives a transaction about 20 ms, ` +
      `in which ${chip.maxI2cTransferBytes} bytes pass at 100 kHz.`,
  }
}
