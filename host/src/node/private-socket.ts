// Sockets that only their owner may use, from the first moment, and addresses that only this computer can reach.

import { once } from "node:events"
import { lstat, rm } from "node:fs/promises"
import net from "node:net"
import { isMainThread } from "node:worker_threads"

/** Runs `make`, which creates a socket in the file system before it returns, so that nobody else can ever open it. */
export function ownersOnly<T>(make: () => T): T {
  // a worker has no umask of its own; the code that makes a socket there sets the mode afterwards
  if (!isMainThread) return make()
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

/** Removes a socket that nobody listens on any more. Any other file is not ours to remove. */
export async function removeStaleSocket(path: string): Promise<void> {
  // connecting to a regular file is refused, too, so the kind of file is checked first
  const found = await lstat(path).catch(() => undefined)
  if (!found?.isSocket()) return
  const probe = net.createConnection({ path })
  try {
    await once(probe, "connect")
    probe.destroy()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ECONNREFUSED") await rm(path, { force: true })
  }
}
