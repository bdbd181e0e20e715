// Begins to listen. A socket in the file system belongs to its owner alone from the first moment.

import { chmod } from "node:fs/promises"
import type net from "node:net"
import { cannotListen, checkSocketPlace } from "./listening-place.js"
import { ownersOnly, removeStaleSocket } from "./private-socket.js"

/**
 * Rejects with SYSTEM_FAILED, in which `where` is the address as the user wrote it, and as `checkSocketPlace` for a
 * path that no socket can have. A connection that cannot be accepted later ends nothing.
 */
export async function listen(server: net.Server, address: net.ListenOptions, where: string): Promise<void> {
  const { path } = address
  if (path !== undefined) {
    checkSocketPlace(path)
    await removeStaleSocket(path)
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(cannotListen(where, cause)))
    ownersOnly(() => server.listen(address, resolve))
  })
  server.on("error", () => {})
  if (path !== undefined) await chmod(path, 0o600)
}
