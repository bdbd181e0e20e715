// Sockets that only their owner may use, from the moment they are there; and what is this computer's alone.

import { lstat, rm } from "node:fs/promises"
import net from "node:net"
import { isMainThread } from "node:worker_threads"

/** Runs `make`, which creates a socket in the file system at once, so that nobody else may ever open it. */
export function ownersOnly<T>(make: () => T): T {
  if (!isMainThread) return make() // a worker has no umask of its own; whoever makes it there sets the mode afterwards
  const before = process.umask(0o177)
  try {
    return make()
  } finally {
    process.umask(before)
  }
}

/** Whether `host` can be reached from this computer only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/** A socket that nobody listens on any more is in the way; any other file is not ours to remove. */
export async function removeStaleSocket(path: string): Promise<void> {
  // connecting to a regular file is refused, too, and no file that is not a socket may ever be removed
  const found = await lstat(path).catch(() => undefined)
  if (!found?.isSocket()) return
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = net.createConnection({ path })
    probe.once("connect", () => {
      probe.destroy()
      resolve(true)
    })
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"))
  })
  if (!isAlive) await rm(path, { force: true })
}
