// A simulated board behind a socket or a pseudo-terminal. Another process drives it exactly like a real one.

import net from "node:net"
import type { Duplex } from "node:stream"
import { invalidArgument } from "../errors.js"
import { BoardStream } from "../link/board-stream.js"
import { type JacdacTap, makeJacdacTap } from "../link/jacdac-tap.js"
import type { Trace } from "../trace/trace.js"
import type { VirtualMachine } from "../vm/virtual-machine.js"
import { BoundedStream } from "./bounded-stream.js"
import { listen } from "./listen.js"
import { OneHost } from "./one-host.js"
import { isLoopback } from "./private-socket.js"
import { openPty } from "./pty.js"
import { parseSocketAddress } from "./socket-stream.js"

export interface BoardServer {
  /** What to give to --port. */
  readonly port: string
  close(): Promise<void>
}

/**
 * Makes `machine`, which is running, reachable: `unix:PATH` (a socket that only its owner may use),
 * `tcp://HOST:PORT` (port 0 for any free one), or `pty` (a new pseudo-terminal).
 * `trace` is told of every packet. A host that others can reach is refused unless `isExposed`: whoever reaches the port
 * has the board. `onNotice` is told of a host that was disconnected. Rejects with INVALID_ARGUMENT, SYSTEM_FAILED or MISSING_DEPENDENCY.
 */
export async function serveBoard(
  machine: VirtualMachine,
  where: string,
  trace?: Trace,
  isExposed = false,
  onNotice?: (sentence: string) => void,
): Promise<BoardServer> {
  const tap = makeJacdacTap((direction, packet) => trace?.onPacket.emit(direction, packet))
  if (where === "pty") {
    const pty = await openPty()
    const detach = attach(machine, pty.stream, tap)
    return {
      port: pty.path,
      async close() {
        detach()
        pty.close()
      },
    }
  }
  const address = parseSocketAddress(where)
  if (!address)
    throw invalidArgument(`"${where}" is nothing to listen on.`, {
      hint: "Use unix:PATH, tcp://127.0.0.1:PORT or pty.",
    })
  if (!("path" in address) && !isExposed && !isLoopback(hostOf(address)))
    throw invalidArgument(`${where} can be reached from other computers.`, {
      hint: "Whoever reaches it has the board: use tcp://127.0.0.1:PORT, or say --expose if that is what you want.",
    })
  return serveSocket(machine, where, address, tap, onNotice)
}

async function serveSocket(
  machine: VirtualMachine,
  where: string,
  address: net.NetConnectOpts,
  tap: JacdacTap,
  onNotice: ((sentence: string) => void) | undefined,
): Promise<BoardServer> {
  const holder = new OneHost(
    (socket) => attach(machine, socket, tap, onNotice),
    () => onNotice?.("A second host was refused: the board has one already."),
  )
  const server = net.createServer((socket) => holder.take(socket))
  await listen(server, address, where)
  const bound = server.address()
  const port = bound && typeof bound === "object" ? `tcp://${hostOf(address)}:${bound.port}` : where
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        holder.close()
      }),
  }
}

/** Connects the two. Returns a function that undoes it. */
function attach(
  machine: VirtualMachine,
  stream: Duplex,
  tap: JacdacTap,
  onNotice?: (sentence: string) => void,
): () => void {
  const board = new BoardStream({
    sendFrame(frame) {
      tap("out", frame)
      machine.sendFrame(frame)
    },
    write: (bytes) => bounded.write(bytes),
  })
  const offs = [
    machine.onFrame.on((frame) => {
      tap("in", frame)
      board.frame(frame)
    }),
    machine.onLog.on((line) => board.log(line)),
  ]
  const bounded = new BoundedStream(stream, {
    name: "The host",
    onThrow: (error) => onNotice?.(`The host was disconnected: ${error}`),
    isLossy: !(stream instanceof net.Socket),
    onData: (chunk) => board.receive(chunk),
    onOverflow: (error) => onNotice?.(error.message),
  })
  return () => {
    for (const off of offs) off()
  }
}

function hostOf(address: net.NetConnectOpts): string {
  return "host" in address && address.host ? address.host : "127.0.0.1"
}
