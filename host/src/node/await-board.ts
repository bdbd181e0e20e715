// Waits for a board that starts again: its serial port goes away and comes back, perhaps under another name.

import { delay, systemClock } from "../clock.js"
import { BoardClient } from "../deploy/board-client.js"
import { isSameProgram, otherProgram, readHeldProgram } from "../deploy/deploy-program.js"
import { VirtioMsgError } from "../errors.js"
import type { OpenedBus } from "../opened-bus.js"
import type { Trace } from "../trace/trace.js"
import { openBus } from "./open-bus.js"
import { makeFramePort } from "./open-link.js"
import type { SerialLocation } from "./serial-location.js"

/** A board resets, is enumerated on USB, and starts its program about a second later; 5 s after a panic. */
const RESTART_MS = 30_000
const LOOK_AGAIN_MS = 250
/** Errors that may be gone at the next attempt. */
const PASSING = ["NOT_FOUND", "CONNECT_FAILED", "LINK_CLOSED", "TIMEOUT", "DEVICE_RESTARTED"]

/**
 * Opens the bus of our firmware on a board that was just given it, wherever its port is now. Rejects with the reason
 * if it does not answer within 30 s.
 */
export function openRestartedBoard(location: SerialLocation, trace: Trace | undefined): Promise<OpenedBus> {
  return untilThere(async () => openBus({ port: await location.find(), trace }))
}

/**
 * Waits until a board that was just given `program` says that it holds it. Rejects with the reason if it does not
 * within 30 s.
 */
export function awaitHeldProgram(location: SerialLocation, program: Uint8Array): Promise<void> {
  return untilThere(async () => {
    const client = await BoardClient.open(makeFramePort(await location.find()))
    try {
      const held = await readHeldProgram(client)
      if (!isSameProgram(held, program)) throw otherProgram(client, held)
    } finally {
      await client.close()
    }
  })
}

/** Tries until it succeeds, or fails in a way that another attempt cannot change, or 30 s have passed. */
async function untilThere<T>(attempt: () => Promise<T>): Promise<T> {
  const endMs = systemClock.now() + RESTART_MS
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof VirtioMsgError) || !PASSING.includes(error.code) || systemClock.now() >= endMs)
        throw error
    }
    await delay(systemClock, LOOK_AGAIN_MS)
  }
}
