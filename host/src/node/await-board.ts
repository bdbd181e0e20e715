// Waits for a board that starts again: its serial port goes away and comes back, perhaps under another name.

import { delay, systemClock } from "../clock.js"
import { VirtioMsgError } from "../errors.js"
import { type OpenBusOptions, type OpenedBus, openBus } from "../open-bus.js"
import type { SerialLocation } from "./serial-location.js"

/** A board resets, is enumerated on USB, and starts its program 5 s later. */
const RESTART_MS = 30_000
const LOOK_AGAIN_MS = 250
/** What the next attempt may cure. */
const PASSING = ["NOT_FOUND", "CONNECT_FAILED", "LINK_CLOSED", "TIMEOUT", "DEVICE_RESTARTED"]

/**
 * Opens the bus of our firmware on a board that was just given it, wherever its port is now. Rejects with why it did not answer within 30 s.
 */
export async function openRestartedBoard(
  location: SerialLocation,
  options: Omit<OpenBusOptions, "port"> = {},
): Promise<OpenedBus> {
  const clock = options.clock ?? systemClock
  const endMs = clock.now() + RESTART_MS
  for (;;) {
    try {
      return await openBus({ ...options, port: await location.find() })
    } catch (error) {
      if (!(error instanceof VirtioMsgError) || !PASSING.includes(error.code) || clock.now() >= endMs)
        throw error
    }
    await delay(clock, LOOK_AGAIN_MS)
  }
}
