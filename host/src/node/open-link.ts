// From the user's --port to a link.

import { existsSync } from "node:fs"
import { type Clock, systemClock } from "../clock.js"
import { invalidArgument } from "../errors.js"
import { type FramePort, JacdacLink } from "../link/jacdac-link.js"
import type { Link } from "../link/link.js"
import { StreamPort } from "../link/stream-port.js"
import { chooseBoard, SERIAL_NUMBER, serialPortOf } from "./choose-board.js"
import { DialInLink, parseDialAddress } from "./dial-in-link.js"
import { isPlainPort } from "./plain-connection.js"
import { NATIVE_PORT, PORT_FORMS } from "./port-forms.js"
import { isQemuMsgPort } from "./qemu-msg.js"
import { SerialStream } from "./serial-stream.js"
import { isSimPort, type McuChoice, makeSimPort } from "./sim-port.js"
import { parseSocketAddress, SocketStream } from "./socket-stream.js"

export interface OpenLinkOptions {
  readonly clock?: Clock | undefined
  /** Told what `auto` chose, and what a port that listens waits for. */
  readonly onChoice?: ((choice: string) => void) | undefined
  /** A socket does not keep the process running. */
  readonly isBackground?: boolean
  /** The microcontroller whose speed the simulated board has. When absent, computing takes no time. */
  readonly mcu?: McuChoice | undefined
}

/**
 * Makes the link that `port` names, not yet open: `sim` for the simulated board in this process,
 * `sim:mcu=rp2040` for one as slow as that chip; `auto` for the
 * one board that is connected; `serial:NUMBER` for the one with that USB serial number; or where a board is;
 * `tcp-listen://[ADDRESS]:PORT` for a board that dials in. Throws INVALID_ARGUMENT, NOT_FOUND.
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
  if (isSimPort(port)) return new JacdacLink(makeSimPort(port, clock, options.mcu), clock)
  if (options.mcu !== undefined)
    throw invalidArgument(`mcu is for the simulated board, not for ${port}.`, {
      hint: "Leave it out, or use the port sim.",
    })
  if (isWithoutPackets(port))
    throw invalidArgument(`There are no packets on ${port}, so it is no link.`, {
      hint: "makeChannel makes a channel of it, and openBus a bus.",
    })
  const dialled = parseDialAddress(port)
  if (dialled) {
    const { onChoice: onNotice, isBackground = false } = options
    return new DialInLink(dialled, { clock, isBackground, onNotice })
  }
  if (port === "auto") return makeLink(await chooseBoard(options.onChoice), options)
  if (port.startsWith(SERIAL_NUMBER)) return makeLink(await serialPortOf(port), options)
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
    throw invalidArgument(`A board that dials in to ${port} has its virtio devices there, no more.`, {
      hint: "Its log, its runtime and its program are on its serial port: --port auto",
    })
  if (isWithoutPackets(port))
    throw invalidArgument(`No board of ours is at ${port}, only virtio devices.`, {
      hint: "This needs a board, with its log, its runtime and its program: --port auto",
    })
  throw invalidArgument(`"${port}" is no port.`, { hint: `A port is ${PORT_FORMS}.` })
}

/** Whether the port's protocol has frames only, and no log text between them. */
function isWithoutPackets(port: string): boolean {
  return port === NATIVE_PORT || isPlainPort(port) || isQemuMsgPort(port)
}
