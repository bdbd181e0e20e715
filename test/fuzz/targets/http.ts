// What is no browser to the dashboard's server: request lines, headers and bodies that are sound, cut and absurd. At most
// the connection ends; the next one is served.

import net from "node:net"
import fc from "fast-check"
import { startDashboard } from "../../../host/src/node/dashboard/dashboard-server.js"
import { LiveFeed } from "../../../host/src/node/dashboard/live-feed.js"
import { type FuzzTarget, plain } from "../target.js"
import { said, UNTIL_CLOSED_MS } from "./hostile-client.js"

const token = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 12,
})
const path = fc.oneof(
  fc.constantFrom(
    "/",
    "//",
    "/live",
    "/live?x",
    "/assets/",
    "/vm/devicescript-vm.js",
    "/%",
    "/..%2f",
    "*",
    "http://[",
    "//[",
  ),
  token.map((text) => `/${text}`),
  fc.nat(20_000).map((length) => `/${"a".repeat(length)}`),
)
const method = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("GET", "HEAD", "POST", "OPTIONS", "CONNECT", "PRI") },
  token,
)
const header = fc.oneof(
  fc.constantFrom(
    "host: localhost",
    "host:",
    "host: evil.example",
    "transfer-encoding: chunked",
    "content-length: 5",
    "content-length: 99999999999999999999",
    "expect: 100-continue",
    "expect: x",
    "connection: upgrade\r\nupgrade: websocket",
    "connection: keep-alive",
  ),
  fc.tuple(token, token).map(([name, value]) => `${name}: ${value}`),
)
const sound = fc
  .record({
    method,
    path,
    version: fc.constantFrom("1.1", "1.0", "0.9", "2.0", "x"),
    headers: fc.array(header, { maxLength: 6 }),
    body: fc.constantFrom("", "hello", "5\r\nhello\r\n0\r\n\r\n", "zz\r\n"),
  })
  .map(({ method, path, version, headers, body }) =>
    Buffer.from(
      `${method} ${path} HTTP/${version}\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n${body}`,
    ),
  )
const damaged = fc
  .tuple(sound, fc.nat(200), fc.nat(255), fc.boolean())
  .map(([bytes, at, value, isCut]) =>
    isCut ? bytes.subarray(0, at) : bytes.map((byte, index) => (index === at ? value : byte)),
  )
const piece = fc
  .oneof(sound, damaged, fc.uint8Array({ maxLength: 64 }))
  .map((bytes) => Uint8Array.from(bytes))

const PAGE = new Map([["index.html", Buffer.from("<html><head></head></html>")]])

export const http: FuzzTarget<Uint8Array[]> = {
  name: "http",
  about: "sound, cut and absurd requests to the dashboard's server",
  cases: fc.array(piece, { minLength: 1, maxLength: 4 }),
  async run(pieces) {
    const server = await startDashboard({
      host: "127.0.0.1",
      port: 0,
      feed: new LiveFeed(),
      files: PAGE,
    })
    const port = Number(new URL(server.url).port)
    try {
      await said(net.connect(port, "127.0.0.1"), pieces)
      const answer = await said(
        net.connect(port, "127.0.0.1"),
        [Buffer.from("HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")],
        UNTIL_CLOSED_MS,
      )
      if (!answer.startsWith("HTTP/1.1 200 ")) throw new Error(`the next page gets ${JSON.stringify(answer)}`)
    } finally {
      await server.close()
    }
  },
  ...plain,
}
