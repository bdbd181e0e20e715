// Where a board is to dial, as a user writes it: HOST:PORT.

import type { Board } from "../../../boards/src/index.js"
import { invalidArgument } from "../errors.js"
import { isLoopback } from "./private-socket.js"

/** Of a name in the DNS. The runtime in the VM cuts longer names at 256. */
const MAX_HOST_SIZE = 253

function parse(dial: string): { readonly host: string; readonly port: number } | undefined {
  const [, host = "", digits] = /^([A-Za-z0-9.-]+):(\d{1,5})$/.exec(dial) ?? []
  const port = Number(digits)
  return host !== "" && host.length <= MAX_HOST_SIZE && port >= 1 && port <= 65535
    ? { host, port }
    : undefined
}

/** Throws INVALID_ARGUMENT for what is no HOST:PORT, or no host that `board` can dial. */
export function checkDialled(dial: string, board: Board | undefined): void {
  const address = parse(dial)
  if (!address)
    throw invalidArgument(`--dial ${dial} is no HOST:PORT.`, {
      hint: "This computer's address in the board's network, and a port: --dial 192.0.2.10:7654",
    })
  if (!board) return
  if (!board.hasWifi)
    throw invalidArgument(`The ${board.name} has no WiFi, so it cannot dial.`, {
      hint: "Leave --dial out: it is used over its serial port.",
    })
  if (isLoopback(address.host))
    throw invalidArgument(`${address.host} is the board itself, when it dials that.`, {
      hint: "This computer's address in the board's network: --dial 192.0.2.10:7654",
    })
}

/** What to give to --port so that a board that dials `dial` finds a host there. */
export function listeningPort(dial: string): string {
  const { host, port } = parse(dial) as { host: string; port: number }
  return isLoopback(host) ? `tcp-listen://${host}:${port}` : `tcp-listen://0.0.0.0:${port},expose`
}
