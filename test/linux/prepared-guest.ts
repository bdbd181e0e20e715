// What guests are made of, made by one test file while the others that want it wait: they run at the same time. And
// whose turn it is, where only one may run.

import { once } from "node:events"
import { createServer } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { findPreparedGuest, type GuestImage, prepareGuest } from "../../host/src/node/linux-guest/prepare.js"

const POLL_MS = 200

/** As `prepareGuest`, which two test files do not do at a time. */
export function preparedGuest(): Promise<GuestImage> {
  return makeOnce("guest", findPreparedGuest, prepareGuest)
}

/** What `find` finds, or else `make` makes, which nobody else on this machine does meanwhile under this name. */
export async function makeOnce<T>(
  name: string,
  find: () => Promise<T | undefined>,
  make: () => Promise<T>,
): Promise<T> {
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    const end = await tryTurn(name)
    if (end === undefined) {
      await sleep(POLL_MS)
      continue
    }
    try {
      return (await find()) ?? (await make())
    } finally {
      end()
    }
  }
}

/** Waits until nobody else on this machine has this name's turn, and takes it; the result gives it back. */
export async function takeTurn(name: string): Promise<() => void> {
  for (;;) {
    const end = await tryTurn(name)
    if (end !== undefined) return end
    await sleep(POLL_MS)
  }
}

async function tryTurn(name: string): Promise<(() => void) | undefined> {
  const turn = createServer()
  try {
    // a Unix socket without a file: whoever has the name is at work, and a process that was killed has it no more
    await once(turn.listen(`\0virtio-msg-tests-${name}-${process.getuid?.()}`), "listening")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error
    return undefined
  }
  return () => turn.close()
}
