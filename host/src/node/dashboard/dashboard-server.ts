// Serves the page on this computer, and beside it the live view as server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html).

import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { networkInterfaces } from "node:os"
import path from "node:path"
import { invalidArgument } from "../../errors.js"
import { listen } from "../listen.js"
import { isLoopback } from "../private-socket.js"
import type { LiveFeed } from "./live-feed.js"
import { readPageFiles } from "./page-files.js"

export interface DashboardServerOptions {
  readonly host: string
  /** 0 takes any that is free. */
  readonly port: number
  readonly feed: LiveFeed
  /** The page's files by their paths; those that were built when absent. */
  readonly files?: ReadonlyMap<string, Uint8Array>
  /** Whether other computers may reach it; false when absent. */
  readonly isExposed?: boolean
  /** What there is to see. With it, the page begins with the live view, and pauses if it is a replay. */
  readonly shows?: "command" | "replay" | undefined
}

const CONTENT_TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".png": "image/png",
}
const LIVE_PATH = "live"
/** A comment is sent this often, so that proxies and browsers do not close a quiet connection. */
const KEEP_ALIVE_MS = 15_000
/** More connections than the pages of one user have. Further ones are closed. Each costs only what Node buffers. */
const MOST_CONNECTIONS = 512

export interface DashboardServer {
  /** What to open in a browser. */
  readonly url: string
  /** For each page that follows the live view, the bytes that wait for it. */
  readonly waitingBytes: number[]
  /** Ends every connection; nothing is left. */
  close(): Promise<void>
}

/**
 * Begins to serve. Rejects with INVALID_ARGUMENT for a host that others can reach unless it is exposed, with
 * SYSTEM_FAILED when the port is taken, and as `readPageFiles`.
 */
export async function startDashboard(options: DashboardServerOptions): Promise<DashboardServer> {
  const { host, port, feed, files: given, isExposed, shows } = options
  if (!isExposed && !isLoopback(host))
    throw invalidArgument(`${host}:${port} can be reached from other computers.`, {
      hint: "Whoever reaches it sees what the bus carries: use 127.0.0.1, or say --expose if that is what you want.",
    })
  const files = new Map(given ?? (await readPageFiles()))
  markLive(files, shows ?? "yes")
  const streams = new Set<ServerResponse>()
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (!isOurs(request)) refuse(response, 403, "This server only answers by the name of this computer.\n")
    else if (request.method !== "GET" && request.method !== "HEAD") refuse(response, 405, "Only GET.\n")
    else if (nameOf(request) === LIVE_PATH) streamFeed(request, response, feed, streams)
    else sendFile(request, response, files)
  }
  const server = createServer((request, response) => {
    response.on("error", () => {}) // the page has gone
    try {
      answer(request, response)
    } catch {
      // whatever a client sends, only that client gets no answer
      if (response.headersSent) response.destroy()
      else refuse(response, 400, "This request makes no sense.\n")
    }
  })
  server.maxConnections = MOST_CONNECTIONS
  await listen(server, { port, host }, `${host}:${port}`)
  const keepAlive = setInterval(() => {
    for (const stream of streams) if (!stream.writableNeedDrain) stream.write(":\n\n")
  }, KEEP_ALIVE_MS)
  const name = isEverywhere(host) ? ownAddress() : host
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://${name.includes(":") ? `[${name}]` : name}:${bound}/`,
    get waitingBytes() {
      return [...streams].map((stream) => stream.writableLength)
    },
    async close() {
      clearInterval(keepAlive)
      for (const stream of streams) stream.end()
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}

/**
 * Whether a request names this computer. A foreign web page whose name was made to point here (DNS rebinding) names
 * itself, and must not read the bus.
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

/** The address by which others reach this computer. Its own loopback if it has no other. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.1"
}

function nameOf(request: IncomingMessage): string {
  const [path = ""] = (request.url ?? "").split("?") // looked up exactly as written, so it can do no harm
  return path === "/" ? "index.html" : path.slice(1)
}

function sendFile(request: IncomingMessage, response: ServerResponse, files: Map<string, Uint8Array>): void {
  const name = nameOf(request)
  const content = files.get(name) // looked up in a map, so that no path leads out of the page
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

/** Sends the events that there are, and those that come, no faster than the page reads. */
function streamFeed(
  request: IncomingMessage,
  response: ServerResponse,
  feed: LiveFeed,
  streams: Set<ServerResponse>,
): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" })
  if (request.method === "HEAD") {
    response.end()
    return
  }
  const chosen = /[?&]session=(\d{1,9})(?:&|$)/.exec(request.url ?? "")?.[1]
  const next = feed.reader(chosen === undefined ? undefined : Number(chosen))
  const send = () => {
    while (!response.writableNeedDrain) {
      const event = next()
      if (!event) return
      response.write(`data: ${JSON.stringify(event)}\n\n`)
    }
  }
  response.write("retry: 1000\n\n")
  const off = feed.onMore.on(send)
  response.on("drain", send)
  streams.add(response)
  response.on("close", () => {
    off()
    streams.delete(response)
  })
  send()
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" })
  response.end(text)
}

/** Tells the page that this server has a live view, and what is in it. */
function markLive(files: Map<string, Uint8Array>, content: string): void {
  const mark = `<meta name="virtio-msg-live" content="${content}" />`
  const page = new TextDecoder().decode(files.get("index.html"))
  files.set("index.html", new TextEncoder().encode(page.replace("</head>", `${mark}</head>`)))
}
