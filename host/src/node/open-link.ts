// From what a user writes behind --port to a link.

import { existsSync } from "node:fs"
import { type Clock, systemClock } from "../clock.js"
import { VirtioMsgError } from "../errors.js"
import { type FramePort, JacdacLink } from "../link/jacdac-link.js"
import type { Link } from "../link/link.js"
import { StreamPort } from "../link/stream-port.js"
import { readFirmware } from "../vm/firmware-image.js"
import { VirtualMachine } from "../vm/virtual-machine.js"
import { VmPort } from "../vm/vm-port.js"
import { DialInLink, parseDialAddress } from "./dial-in-link.js"
import { findBoards, findUnknownPorts, unknownPortText } from "./find-boards.js"
import { isPlainPort } from "./plain-connection.js"
import { PlainLink } from "./plain-link.js"
import { PORT_FORMS, PORT_VARIABLE } from "./port-forms.js"
import type { SerialPortInfo } from "./serial-ports.js"
import { SerialStream } from "./serial-stream.js"
import { parseSocketAddress, SocketStream } from "./socket-stream.js"

export interface OpenLinkOptions {
  readonly clock?: Clock
  /** Told what `auto` chose, and what a port that listens waits for. */
  readonly onChoice?: (choice: string) => void
  /** A socket does not keep the process running. */
  readonly isBackground?: boolean
}

/**
 * Makes the link that `port` names, not yet open: `sim` for the simulated board in this process; `auto` for the
 * one board that is connected; or where a board is; `tcp-listen://[ADDRESS]:PORT` for a board that dials in; `plain:` in front of a socket for a device of the plain profile. Throws INVALID_ARGUMENT, NOT_FOUND.
 *
 * @example
 * ```ts
 * import { Bus, makeLink } from "virtio-msg"
 *
 * const link = await makeLink("sim")
 * console.log(link.isSimulated) // true
 * const bus = await Bus.open(link)
 * await bus.close()
 * ```
 */
export async function makeLink(port: string, options: OpenLinkOptions = {}): Promise<Link> {
  const clock = options.clock ?? systemClock
  if (port === "sim") {
    const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
    return new JacdacLink(new VmPort(machine), clock)
  }
  if (isPlainPort(port)) return new PlainLink(port, undefined, clock)
  const dialled = parseDialAddress(port)
  if (dialled) {
    const { onChoice: onNotice, isBackground = false } = options
    return new DialInLink(dialled, { clock, isBackground, ...(onNotice ? { onNotice } : {}) })
  }
  if (port === "auto") return makeLink(await chooseBoard(options.onChoice), options)
  return new JacdacLink(makeFramePort(port, clock, options.isBackground), clock)
}

/**
 * Makes the way to a board that runs by itself: a serial port's path, `unix:PATH` or `tcp://HOST:PORT`, not yet
 * open. `isBackground` as in OpenLinkOptions. Throws INVALID_ARGUMENT for anything else.
 */
export function makeFramePort(
  port: string,
  clock: Clock = systemClock,
  isBackground: boolean = false,
): FramePort {
  const address = parseSocketAddress(port)
  if (address) return new StreamPort(new SocketStream(port, address, isBackground), clock)
  const isPath = port.startsWith("/") || port.startsWith("./") || /^COM\d+$/i.test(port) || existsSync(port)
  if (isPath) return new StreamPort(new SerialStream(port), clock)
  if (parseDialAddress(port))
    throw new VirtioMsgError(
      "INVALID_ARGUMENT",
      `A board that dials in to ${port} has its virtio devices there, no more.`,
      {
        hint: "Its log, its runtime and its program are on its serial port: --port auto",
      },
    )
  throw new VirtioMsgError("INVALID_ARGUMENT", `"${port}" is no port.`, { hint: `A port is ${PORT_FORMS}.` })
}

/**
 * The one board that is connected, as a port. Throws NOT_FOUND when there is none, INVALID_ARGUMENT when there are
 * several.
 */
export async function findOneBoard(onChoice?: (choice: string) => void): Promise<string> {
  const boards = await findBoards()
  const [board, another] = boards
  if (!board) throw noBoard(await findUnknownPorts())
  if (another)
    throw new VirtioMsgError(
      "INVALID_ARGUMENT",
      `More than one board is connected: ${boards.map((b) => `${b.path} (${b.board})`).join(", ")}.`,
      { hint: `Say which: --port ${board.path}` },
    )
  onChoice?.(`Using ${board.board} on ${board.path}.`)
  return board.path
}

/** As `findOneBoard`, for whoever could use the simulated board as well: without a board, the error says how. */
export async function chooseBoard(onChoice?: (choice: string) => void): Promise<string> {
  try {
    return await findOneBoard(onChoice)
  } catch (error) {
    if (!(error instanceof VirtioMsgError) || error.code !== "NOT_FOUND") throw error
    // never taken unasked: who records what a simulator measures, because a cable fell out, would not notice
    const hint = `${error.hint} The simulated board has to be asked for: --port sim, or ${PORT_VARIABLE}=sim`
    throw new VirtioMsgError(error.code, error.message, { hint, cause: error })
  }
}

function noBoard(unknown: readonly SerialPortInfo[]): VirtioMsgError {
  const [first] = unknown
  if (!first)
    return new VirtioMsgError("NOT_FOUND", "No board is connected.", {
      hint: "Plug one in; virtio-msg ports shows what is there.",
    })
  const ports = unknown.map(unknownPortText).join(", ")
  return new VirtioMsgError("NOT_FOUND", `No board that we know is connected; we do not know ${ports}.`, {
    hint: `If that is a board: --port ${first.path}`,
  })
}
