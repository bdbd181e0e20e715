// Shared by tests of boards that dial in: a port that waits, the first bytes of a board, and how calls end.

import type { VirtioMsgError } from "../../host/src/errors.js"
import { encodeDialRecord } from "../../host/src/link/dial-record.js"
import { type OpenedBus, openBus } from "../../host/src/open-bus.js"

/** The first bytes of a board: the answer to a probe. */
export const GREETING = encodeDialRecord(Uint8Array.of(8, 0xff, 0xff, 0, 0))
export const ANY_PORT = "tcp-listen://127.0.0.1:0"

export function portOf(text: string): number {
  return Number(/^.*?tcp-listen:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1])
}

/** A bus that waits for a board, and the port on which it does. */
export function waitForBoard(): Promise<{ port: number; bus: Promise<OpenedBus> }> {
  return new Promise((resolve) => {
    const bus = openBus({ port: ANY_PORT, onChoice: (notice) => resolve({ port: portOf(notice), bus }) })
    bus.catch(() => {})
  })
}

/** Gives sockets time for their events. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** The code of the error with which `call` rejects. */
export function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "done",
    (error: VirtioMsgError) => error.code,
  )
}
