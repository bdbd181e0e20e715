// Any web server that hosts the built page as plain files, at a place of its own choosing.

import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import path from "node:path"
import { fileURLToPath } from "node:url"

const PAGE = fileURLToPath(new URL("../../../dist/web", import.meta.url))
const PLACE = "/some/where/"
const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" }

export interface StaticServer {
  readonly url: string
  /** The paths that were asked for, in order. */
  readonly asked: readonly string[]
  close(): Promise<void>
}

export async function hostPage(): Promise<StaticServer> {
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    const name = (request.url ?? "").replace(PLACE, "") || "index.html"
    asked.push(name)
    try {
      const content = await readFile(path.join(PAGE, name))
      response.writeHead(200, { "content-type": TYPES[path.extname(name)] ?? "application/octet-stream" })
      response.end(content)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${PLACE}`,
    asked,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
