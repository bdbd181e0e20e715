// Which board is meant: the one that is connected, or the one with a serial number.

import { notFound, VirtioMsgError } from "../errors.js"
import { findBoards, findUnknownPorts, unknownPortText } from "./find-boards.js"
import { PORT_VARIABLE } from "./port-forms.js"
import { listSerialPorts, type SerialPortInfo } from "./serial-ports.js"
import { runningBoards } from "./simulated-boards.js"

/** The beginning of a port that is a board's USB serial number. */
export const SERIAL_NUMBER = "serial:"

/** A hint names so many of the running simulated boards. */
const MOST_NAMED = 3

/** Several boards are connected, and one has to be chosen. */
export class SeveralBoardsError extends VirtioMsgError {
  /** What to write behind --port, for each. */
  readonly ports: readonly string[]

  constructor(message: string, ports: readonly string[]) {
    super("INVALID_ARGUMENT", message, {
      hint: `Say which: ${ports.map((port) => `--port ${port}`).join(" or ")}`,
    })
    this.ports = ports
  }
}

interface Place {
  readonly path: string
  readonly serialNumber: string | undefined
}

/** The best name for each board: a serial number that no other has. It stays when the port gets another name. */
export function portsOf(places: readonly Place[]): string[] {
  return places.map(({ path, serialNumber }) => {
    const isOwn = places.filter((place) => place.serialNumber === serialNumber).length === 1
    // a word that a shell leaves as it is
    return serialNumber !== undefined && isOwn && /^[\w.:-]+$/.test(serialNumber)
      ? `${SERIAL_NUMBER}${serialNumber}`
      : path
  })
}

/** For `auto` and `serial:NUMBER`, the port of that board; any other port unchanged. Rejects as `chooseBoard`. */
export async function resolvePort(port: string, onChoice?: (choice: string) => void): Promise<string> {
  if (port === "auto") return chooseBoard(onChoice)
  return port.startsWith(SERIAL_NUMBER) ? serialPortOf(port) : port
}

/** The path of `serial:NUMBER`. Rejects with NOT_FOUND, or with INVALID_ARGUMENT when several ports have the number. */
export async function serialPortOf(port: string): Promise<string> {
  const wanted = port.slice(SERIAL_NUMBER.length)
  const all = await listSerialPorts()
  const found = all.filter(({ usb }) => usb?.serialNumber?.toLowerCase() === wanted.toLowerCase())
  const [first, another] = found
  if (another)
    throw new SeveralBoardsError(
      `More than one port has the serial number ${wanted}: ${found.map(({ path }) => path).join(", ")}.`,
      found.map(({ path }) => path),
    )
  if (first && wanted !== "") return first.path
  const numbers = all.flatMap(({ usb }) => usb?.serialNumber ?? [])
  throw notFound(`No port has the serial number "${wanted}".`, {
    hint:
      numbers.length > 0
        ? `There are: ${numbers.join(", ")}. See them: virtio-msg ports`
        : "Plug the board in; virtio-msg ports shows what is there.",
  })
}

/**
 * The one board that is connected, as a port. Rejects with NOT_FOUND when there is none, INVALID_ARGUMENT when there are
 * several.
 */
export async function findOneBoard(onChoice?: (choice: string) => void): Promise<string> {
  const boards = await findBoards()
  const [board, another] = boards
  if (!board) throw noBoard(await findUnknownPorts())
  if (another)
    throw new SeveralBoardsError(
      `More than one board is connected: ${boards.map((each) => `${each.path} (${each.board})`).join(", ")}.`,
      portsOf(boards),
    )
  onChoice?.(`Using ${board.board} on ${board.path}.`)
  return board.path
}

/** As `findOneBoard`, for callers that could use a simulated board as well: without a board, the error says how. */
export async function chooseBoard(onChoice?: (choice: string) => void): Promise<string> {
  try {
    return await findOneBoard(onChoice)
  } catch (error) {
    if (!(error instanceof VirtioMsgError) || error.code !== "NOT_FOUND") throw error
    // a simulated board is only taken when asked for: else a measurement would go on unnoticed after a cable fell out
    const hint = `${error.hint} The simulated board has to be asked for: --port sim, or ${PORT_VARIABLE}=sim${running()}`
    throw new VirtioMsgError(error.code, error.message, { hint, cause: error })
  }
}

/** The simulated boards that run on this computer, as the end of a hint. */
function running(): string {
  const boards = runningBoards()
  if (boards.length === 0) return ""
  const named = boards.slice(0, MOST_NAMED).map(({ port }) => `--port ${port}`)
  const more = boards.length - named.length
  return `; running already: ${named.join(" or ")}${more > 0 ? ` and ${more} more` : ""}`
}

function noBoard(unknown: readonly SerialPortInfo[]): VirtioMsgError {
  const [first] = unknown
  if (!first)
    return notFound("No board is connected.", {
      hint: "Plug one in; virtio-msg ports shows what is there.",
    })
  const ports = unknown.map(unknownPortText).join(", ")
  return notFound(`No board that we know is connected; we do not know ${ports}.`, {
    hint: `If that is a board: --port ${first.path}`,
  })
}
