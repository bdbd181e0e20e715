// Serves the page on this computer, and beside it the live view as server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { networkInterfaces } from "node:os"
import path from "node:path"
import { VirtioMsgError } from "../../errors.js"
import { isLoopback } from "../private-socket.js"
import type { LiveEvent, LiveFeed } from "./live-feed.js"
import { readPageFiles } from "./page-files.js"

export interface DashboardServerOptions {
  readonly host: string
  /** 0 takes any that is free. */
  readonly port: number
  readonly feed: LiveFeed
  /** Whether other computers may reach it; false when absent. */
  readonly isExposed?: boolean
}

const CONTENT_TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".png": "image/png",
}
/** Tells the page that this server has a live view. */
const LIVE_MARK = '<meta name="virtio-msg-live" content="yes" />'
const LIVE_PATH = "live"
/** A comment so often keeps proxies and browsers from closing a quiet connection. */
const KEEP_ALIVE_MS = 15_000
/** A page that reads slower than this many bytes lag behind is sent away; it comes back and begins anew. */
const MOST_UNSENT_BYTES = 16_000_000

export class DashboardServer {
  /** What to open in a browser. */
  readonly url: string
  readonly #server: Server
  readonly #stop: () => void

  private constructor(server: Server, host: string, stop: () => void) {
    this.#server = server
    this.#stop = stop
    const { port } = server.address() as AddressInfo
    const name = isEverywhere(host) ? ownAddress() : host
    this.url = `http://${name.includes(":") ? `[${name}]` : name}:${port}/`
  }

  /**
   * Begins to serve. Rejects with INVALID_ARGUMENT for a host that others can reach unless it is exposed, with
   * CONNECT_FAILED when the port is taken, and as `readPageFiles`.
   */
  static async start({ host, port, feed, isExposed }: DashboardServerOptions): Promise<DashboardServer> {
    if (!isExposed && !isLoopback(host))
      throw new VirtioMsgError("INVALID_ARGUMENT", `${host}:${port} can be reached from other computers.`, {
        hint: "Whoever reaches it sees what the bus carries: use 127.0.0.1, or say --expose if that is what you want.",
      })
    const files = await readPageFiles()
    markLive(files)
    const streams = new Set<ServerResponse>()
    const server = createServer((request, response) => {
      if (!isOurs(request)) refuse(response, 403, "This server only answers by the name of this computer.\n")
      else if (request.method !== "GET" && request.method !== "HEAD") refuse(response, 405, "Only GET.\n")
      else if (nameOf(request) === LIVE_PATH) streamFeed(response, feed, streams)
      else sendFile(request, response, files)
    })
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(
          new VirtioMsgError("CONNECT_FAILED", `${host}:${port} cannot be listened on: ${cause.message}.`, {
            hint: "Another dashboard may run there. Choose another port: virtio-msg dashboard --listen 127.0.0.1:0",
            cause,
          }),
        ),
      )
      server.listen(port, host, resolve)
    })
    const keepAlive = setInterval(() => {
      for (const stream of streams) stream.write(":\n\n")
    }, KEEP_ALIVE_MS)
    return new DashboardServer(server, host, () => {
      clearInterval(keepAlive)
      for (const stream of streams) stream.end()
    })
  }

  /** Ends every connection; nothing is left. */
  async close(): Promise<void> {
    this.#stop()
    await new Promise((resolve) => {
      this.#server.close(resolve)
      this.#server.closeAllConnections()
    })
  }
}

/**
 * Whether a request names this computer. A foreign web page whose name was made to point here (DNS rebinding)
 * names itself, and must not read what a bus carries.
 */
function isOurs(request: IncomingMessage): boolean {
  const { localAddress = "" } = request.socket
  const host = (request.headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1")
  return host === "localhost" || host === localAddress.replace(/^::ffff:/, "")
}

/** Whether `host` stands for all addresses of this computer. */
function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::"
}

/** The address by which others reach this computer; its own loopback where it has no other. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.1"
}

function nameOf(request: IncomingMessage): string {
  const { pathname } = new URL(request.url ?? "/", "http://page")
  return pathname === "/" ? "index.html" : pathname.slice(1)
}

function sendFile(request: IncomingMessage, response: ServerResponse, files: Map<string, Uint8Array>): void {
  const name = nameOf(request)
  const content = files.get(name) // a map, so that no path leads out of the page
  if (!content) {
    refuse(response, 404, "There is no such file.\n")
    return
  }
  response.writeHead(200, {
    "content-type": CONTENT_TYPES[path.extname(name)] ?? "application/octet-stream",
    "content-length": content.length,
    // the names of what is in assets/ follow from the contents
    "cache-control": name.startsWith("assets/") ? "max-age=31536000, immutable" : "no-cache",
    "x-content-type-options": "nosniff",
  })
  response.end(request.method === "HEAD" ? undefined : content)
}

function streamFeed(response: ServerResponse, feed: LiveFeed, streams: Set<ServerResponse>): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" })
  const send = (event: LiveEvent) => {
    response.write(`data: ${JSON.stringify(event)}\n\n`)
    if (response.writableLength > MOST_UNSENT_BYTES) response.destroy()
  }
  response.write("retry: 1000\n\n")
  for (const event of feed.history) send(event)
  const off = feed.onEvent.on(send)
  streams.add(response)
  response.on("close", () => {
    off()
    streams.delete(response)
  })
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" })
  response.end(text)
}

function markLive(files: Map<string, Uint8Array>): void {
  const page = new TextDecoder().decode(files.get("index.html"))
  files.set("index.html", new TextEncoder().encode(page.replace("</head>", `${LIVE_MARK}</head>`)))
}
