// A place where another process can trace this one: a Unix socket in the user's runtime folder. Whoever connects gets
// a pcapng capture, which begins with what a late observer has to know.

import { once } from "node:events"
import { chmodSync } from "node:fs"
import net from "node:net"
import path from "node:path"
import { systemFailed } from "../errors.js"
import { capture } from "../trace/capture.js"
import type { Trace } from "../trace/trace.js"
import { TraceObserver } from "../trace/trace-observer.js"
import { ownersOnly, removeStaleSocket } from "./private-socket.js"
import { cannotOffer, filesIn, prepareRuntimeFolder, runtimeFolder } from "./runtime-folder.js"

/**
 * A reader that is so far behind is let go, so that it cannot fill our memory. More readers than so many are let go,
 * too.
 */
const MOST_BUFFERED = 4 * 1024 * 1024
const MOST_READERS = 16
/** When the process ends, a reader has so long to take the rest. */
const LAST_WORDS_MS = 500
const CANNOT = "Cannot be traced by others"

export interface TraceOffer {
  /** What to call it: "serve". The number of the process is added. */
  readonly name: string
  readonly application: string
  readonly epochOffsetMs: number
  /** The folder of sockets; the user's own when absent. */
  readonly folder?: string
}

/** Offers `trace` to others, as `serve-1234`, until it is closed. Rejects with SYSTEM_FAILED where that cannot be. */
export async function offerTrace(trace: Trace, offer: TraceOffer) {
  const name = `${offer.name}-${process.pid}`
  const socketPath = path.join(prepareRuntimeFolder(offer.folder ?? runtimeFolder(), CANNOT), `${name}.sock`)
  const known = new TraceObserver()
  const off = trace.onPacket.on((direction, packet) =>
    known.observe(trace.clock.now(), direction, Uint8Array.from(packet)),
  )
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.resume() // a reader sends nothing. If it does, that is read, since otherwise its end would not be seen
    const end = capture(trace, {
      application: offer.application,
      epochOffsetMs: offer.epochOffsetMs,
      known,
      write(bytes) {
        if (socket.writableLength > MOST_BUFFERED) socket.destroy()
        else if (socket.writable) socket.write(bytes)
      },
    })
    socket.on("close", () => {
      sockets.delete(socket)
      end()
    })
  })
  server.maxConnections = MOST_READERS
  await removeStaleSocket(socketPath) // an earlier process with the same number has left it
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotOffer(CANNOT, socketPath, error)))
    ownersOnly(() => server.listen(socketPath, resolve))
  })
  server.on("error", () => {}) // one connection could not be accepted
  chmodSync(socketPath, 0o600)
  return {
    name,
    path: socketPath,
    close: () =>
      new Promise<void>((resolve) => {
        off()
        server.close(() => resolve())
        for (const socket of sockets) {
          socket.destroySoon()
          setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref() // it may not read
        }
      }),
  }
}

/**
 * The processes that can be traced now, by name. None when others may write to the folder. Sockets that nobody listens
 * on are removed.
 */
export async function offeredTraces(folder = runtimeFolder()): Promise<{ name: string; path: string }[]> {
  const found: { name: string; path: string }[] = []
  for (const file of socketsIn(folder)) {
    const socketPath = path.join(folder, file)
    try {
      ;(await connectTrace(socketPath)).destroy()
      found.push({ name: file.slice(0, -".sock".length), path: socketPath })
    } catch {
      await removeStaleSocket(socketPath)
    }
  }
  return found.sort((a, b) => a.name.localeCompare(b.name))
}

/** Connects to an offered trace. Rejects with SYSTEM_FAILED. */
export async function connectTrace(socketPath: string): Promise<net.Socket> {
  const socket = net.createConnection({ path: socketPath })
  try {
    await once(socket, "connect")
    return socket
  } catch (error) {
    throw systemFailed(`Nothing can be traced at ${socketPath}: ${(error as Error).message}.`, {
      hint: "See what can: virtio-msg trace --list",
      cause: error,
    })
  }
}

/** The files that may be sockets of processes. */
export function socketsIn(folder: string): string[] {
  return filesIn(folder, /\.sock$/)
}
