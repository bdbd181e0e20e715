// What Wireshark can capture from: the simulated board, boards on serial ports, processes that offer their trace.

import path from "node:path"
import { notFound } from "../errors.js"
import { findBoards } from "../node/find-boards.js"
import { offeredTraces } from "../node/trace-socket.js"

/** What a board has to do when the user names nothing: it is harmless, and seen at once. */
export const DEFAULT_COMMAND = "i2c detect"
export const DEFAULT_INTERVAL_S = 2

export interface ExtcapInterface {
  /** The interface's name for Wireshark. */
  readonly value: string
  readonly display: string
  /** `board`: we are its driver, and give it something to do; `process`: we only watch. */
  readonly kind: "board" | "process"
  /** A board's port, or a process's socket. */
  readonly where: string
}

const PREFIX = "virtio-msg-"

/** All interfaces that are there now. */
export async function listInterfaces(): Promise<ExtcapInterface[]> {
  const [boards, traces] = await Promise.all([findBoards(), offeredTraces()])
  return [
    { value: `${PREFIX}sim`, display: "virtio-msg: the simulated board", kind: "board", where: "sim" },
    ...boards.map(
      ({ path: port, board }): ExtcapInterface => ({
        value: `${PREFIX}${path.basename(port)}`,
        display: `virtio-msg: ${board} on ${port}`,
        kind: "board",
        where: port,
      }),
    ),
    ...traces.map(
      ({ name, path: socket }): ExtcapInterface => ({
        value: `${PREFIX}${name}`,
        display: `virtio-msg: what ${name} is doing`,
        kind: "process",
        where: socket,
      }),
    ),
  ]
}

/** The interface of that name. Rejects with NOT_FOUND. */
export async function findInterface(value: string): Promise<ExtcapInterface> {
  const found = (await listInterfaces()).find((candidate) => candidate.value === value)
  if (found) return found
  throw notFound(`There is no interface ${value} now.`, {
    hint: "Was the board unplugged, or has the process ended? Wireshark: Capture, Refresh Interfaces.",
  })
}
