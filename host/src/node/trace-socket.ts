// Where a running process can be traced by another: a Unix socket in the user's runtime folder, which sends a pcapng
// capture to whoever connects, beginning with what a late observer has to know.

import { chmodSync, lstatSync, readdirSync } from "node:fs"
import net from "node:net"
import os from "node:os"
import path from "node:path"
import { VirtioMsgError } from "../errors.js"
import { capture } from "../trace/capture.js"
import type { Trace } from "../trace/trace.js"
import { TraceObserver } from "../trace/trace-observer.js"
import { makeFolder } from "./make-folder.js"
import { ownersOnly, removeStaleSocket } from "./private-socket.js"

/** A reader that falls so far behind is let go: it must not fill our memory. So are those of more readers than so many. */
const MOST_BUFFERED = 4 * 1024 * 1024
const MOST_READERS = 16
/** How long a reader may take for the rest when the process ends. */
const LAST_WORDS_MS = 500

export interface TraceOffer {
  /** What to call it: "serve", and the process's number is added. */
  readonly name: string
  readonly application: string
  readonly epochOffsetMs: number
  /** The folder of sockets; the user's own when absent. */
  readonly folder?: string
}

export interface OfferedTrace {
  /** "serve-1234" */
  readonly name: string
  readonly path: string
  close(): Promise<void>
}

/** Only its owner can enter it. */
export function traceFolder(): string {
  const { XDG_RUNTIME_DIR } = process.env
  if (XDG_RUNTIME_DIR) return path.join(XDG_RUNTIME_DIR, "virtio-msg")
  return path.join(os.tmpdir(), `virtio-msg-${os.userInfo().uid}`)
}

/** Offers `trace` to others until it is closed. Rejects with SYSTEM_FAILED where that cannot be. */
export async function offerTrace(trace: Trace, offer: TraceOffer): Promise<OfferedTrace> {
  const name = `${offer.name}-${process.pid}`
  const socketPath = path.join(prepareFolder(offer.folder ?? traceFolder()), `${name}.sock`)
  const known = new TraceObserver()
  const off = trace.onPacket.on((direction, packet) =>
    known.observe(trace.clock.now(), direction, Uint8Array.from(packet)),
  )
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.resume() // a reader says nothing; unread, what a stranger says would hide that he has gone
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
  await removeStaleSocket(socketPath) // a process of the same number has left it
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotOffer(socketPath, error)))
    ownersOnly(() => server.listen(socketPath, resolve))
  })
  server.on("error", () => {}) // one connection that could not be taken
  chmodSync(socketPath, 0o600)
  return {
    name,
    path: socketPath,
    close: () =>
      new Promise((resolve) => {
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
 * The processes that can be traced now, by name: none in a folder that others may write to. Sockets that nobody listens
 * on are removed.
 */
export async function offeredTraces(folder = traceFolder()): Promise<{ name: string; path: string }[]> {
  const found: { name: string; path: string }[] = []
  for (const file of socketsIn(folder)) {
    const socketPath = path.join(folder, file)
    if (await isAlive(socketPath)) found.push({ name: file.slice(0, -".sock".length), path: socketPath })
    else await removeStaleSocket(socketPath)
  }
  return found.sort((a, b) => a.name.localeCompare(b.name))
}

/** Connects to an offered trace. Rejects with SYSTEM_FAILED. */
export async function connectTrace(socketPath: string): Promise<net.Socket> {
  const socket = net.createConnection({ path: socketPath })
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve)
    socket.once("error", (error) =>
      reject(
        new VirtioMsgError("SYSTEM_FAILED", `Nothing can be traced at ${socketPath}: ${error.message}.`, {
          hint: "See what can: virtio-msg trace --list",
          cause: error,
        }),
      ),
    )
  })
  return socket
}

function prepareFolder(folder: string): string {
  try {
    makeFolder(folder, 0o700)
    if (!isPrivate(folder)) throw new Error("it belongs to others, or they may enter it")
    return folder
  } catch (error) {
    throw cannotOffer(folder, error)
  }
}

/** Whether a folder is there that nobody else may enter; on Windows there is no such question. */
function isPrivate(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  if (!found?.isDirectory()) return false
  return !process.getuid || (found.uid === process.getuid() && (found.mode & 0o077) === 0)
}

function cannotOffer(where: string, error: unknown): VirtioMsgError {
  const reason = error instanceof Error ? error.message : String(error)
  return new VirtioMsgError("SYSTEM_FAILED", `Cannot be traced by others: ${where}: ${reason}.`, {
    hint: "Set XDG_RUNTIME_DIR to a folder of your own.",
    cause: error,
  })
}

/** The files that may be sockets of processes: none in a folder that others may write to, or that is not there. */
export function socketsIn(folder: string): string[] {
  try {
    if (!isPrivate(folder)) return []
    return readdirSync(folder).filter((file) => file.endsWith(".sock"))
  } catch {
    return [] // no process has offered anything yet
  }
}

function isAlive(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.createConnection({ path: socketPath })
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })
}
