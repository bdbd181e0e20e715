// Which serial ports are boards that we know.

import type { Board } from "../../../boards/src/index.js"
import { listSerialPorts } from "./serial-ports.js"

export interface BoardPort {
  readonly path: string
  /** The board's name, or what those that it may be have in common. */
  readonly board: string
  readonly serialNumber: string | undefined
}

/** The serial ports that look like a board that we know, by path. */
export async function findBoards(): Promise<BoardPort[]> {
  const ports = await listSerialPorts()
  return ports
    .filter(({ boards }) => boards.length > 0)
    .map(({ path, boards, usb }) => ({ path, board: namesOf(boards), serialNumber: usb?.serialNumber }))
}

/** One name, two, or the chips of more boards than one wants to read. */
export function namesOf(boards: readonly Board[]): string {
  const names = boards.map(({ name }) => name)
  if (names.length <= 2) return names.join(" or ")
  const chips = new Set(boards.map(({ chip }) => chip.name))
  return `a board with ${[...chips].join(" or ")}`
}
