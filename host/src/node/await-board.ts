// Waits for a board that starts again: its serial port goes away and comes back, perhaps under another name.

import { type Clock, delay, systemClock } from "../clock.js"
import { VirtioMsgError } from "../errors.js"
import { type OpenedBus, openBus } from "../open-bus.js"
import { listSerialPorts } from "./serial-ports.js"

/** A board resets, is enumerated on USB, and starts its program 5 s later. */
const RESTART_MS = 20_000
const LOOK_AGAIN_MS = 250
/** What the next attempt may cure. */
const PASSING = ["NOT_FOUND", "CONNECT_FAILED", "LINK_CLOSED", "TIMEOUT", "DEVICE_RESTARTED"]

/** What a board is known by when its port's name changes; undefined for what is not on USB. */
export async function serialNumberOf(port: string): Promise<string | undefined> {
  return (await listSerialPorts()).find(({ path }) => path === port)?.usb?.serialNumber
}

/** The port of the board with that number; `port` if there is none, or it has no number. */
export async function currentPort(port: string, serialNumber: string | undefined): Promise<string> {
  if (serialNumber === undefined) return port
  const found = (await listSerialPorts()).find(({ usb }) => usb?.serialNumber === serialNumber)
  return found?.path ?? port
}

/**
 * Opens the bus of our firmware on a board that was just given it. Rejects with why it did not answer within 20 s.
 */
export async function openRestartedBoard(
  port: string,
  serialNumber: string | undefined,
  clock: Clock = systemClock,
): Promise<OpenedBus> {
  const endMs = clock.now() + RESTART_MS
  for (;;) {
    try {
      return await openBus({ port: await currentPort(port, serialNumber), clock })
    } catch (error) {
      if (!(error instanceof VirtioMsgError) || !PASSING.includes(error.code) || clock.now() >= endMs)
        throw error
    }
    await delay(clock, LOOK_AGAIN_MS)
  }
}
