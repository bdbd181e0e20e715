// A client that sends what a fuzzer made, and hangs up without a trace: thousands of them must not use up the ports.

import type net from "node:net"

/** Bytes that are enough to see what the server thinks of it. */
const ENOUGH = 200_000
const PATIENCE_MS = 20
/** For an honest client, who waits for the end. */
export const UNTIL_CLOSED_MS = 60_000

/**
 * Sends the pieces, ends its half, and resolves with what the server said until it closed, or had been quiet for a while
 * that is long for a loopback.
 */
export function said(
  socket: net.Socket,
  pieces: readonly Uint8Array[],
  patienceMs = PATIENCE_MS,
): Promise<string> {
  return new Promise((resolve) => {
    let text = ""
    let timer: NodeJS.Timeout | undefined
    const end = () => {
      clearTimeout(timer)
      resolve(text)
      if (socket.remoteAddress === undefined) socket.destroy()
      else socket.resetAndDestroy()
    }
    const later = () => {
      clearTimeout(timer)
      timer = setTimeout(end, patienceMs)
    }
    socket.on("error", end)
    socket.on("close", end)
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
      if (text.length > ENOUGH) end()
      else later()
    })
    socket.on("connect", () => {
      for (const piece of pieces) socket.write(piece)
      socket.end()
      later()
    })
  })
}
