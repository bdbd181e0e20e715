// The dashboard's server: who may reach it, what it answers, and what a page that comes late is told.

import { once } from "node:events"
import { get, type IncomingMessage, request } from "node:http"
import { text } from "node:stream/consumers"
import { afterEach, describe, expect, it } from "vitest"
import { DashboardServer } from "../../host/src/node/dashboard/dashboard-server.js"
import { LiveFeed } from "../../host/src/node/dashboard/live-feed.js"
import { virtioMsg } from "../cli/command.js"

const feed = new LiveFeed()

describe("the dashboard's server", () => {
  let server: DashboardServer | undefined

  afterEach(async () => {
    await server?.close()
    server = undefined
  })

  const start = async (host = "127.0.0.1", isExposed = false) => {
    server = await DashboardServer.start({ host, port: 0, feed, isExposed })
    return server.url
  }

  const ask = async (url: string, method = "GET", headers: Record<string, string> = {}) => {
    const asking = request(url, { method, headers })
    asking.end()
    const [response] = (await once(asking, "response")) as [IncomingMessage]
    return { status: response.statusCode, type: response.headers["content-type"], text: await text(response) }
  }

  it.each(["0.0.0.0", "::", "192.0.2.7", "127.0.0.1.example.org"])(
    "refuses to listen on %s, which others can reach, unless it is asked to expose the bus",
    async (host) => {
      await expect(start(host)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: `${host}:0 can be reached from other computers.`,
        hint: expect.stringContaining("--expose"),
      })
    },
  )

  it("says so on the command line, and ends", async () => {
    expect(await virtioMsg("dashboard --listen 0.0.0.0:0")).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "error: 0.0.0.0:0 can be reached from other computers.\n" +
        "hint: Whoever reaches it sees what the bus carries: use 127.0.0.1, or say --expose if that is what you want.\n",
    })
  })

  it("exposed on every address, prints one that a browser can open, and answers there", async () => {
    const url = await start("0.0.0.0", true)
    expect(url).not.toContain("0.0.0.0")
    expect(await ask(url)).toMatchObject({ status: 200, type: "text/html; charset=utf-8" })
  })

  it("answers by this computer's names only: a foreign page whose name was made to point here reads nothing", async () => {
    const url = await start()
    const { port } = new URL(url)
    expect(await ask(url, "GET", { host: `localhost:${port}` })).toMatchObject({ status: 200 })
    for (const path of ["", "live"])
      expect(await ask(`${url}${path}`, "GET", { host: `evil.example:${port}` })).toMatchObject({
        status: 403,
      })
  })

  it("serves the page's own files, and no path leads out of them", async () => {
    const url = await start()
    expect((await ask(url)).text).toContain('<meta name="virtio-msg-live"')
    expect(await ask(`${url}firmware/simulated.devs`)).toMatchObject({ status: 200 })
    expect(await ask(`${url}..%2f..%2fpackage.json`)).toMatchObject({ status: 404 })
    expect(await ask(url, "HEAD")).toMatchObject({ status: 200, text: "" })
    expect(await ask(url, "POST")).toMatchObject({ status: 405 })
  })

  it("tells a page that comes late of the newest session, from its beginning", async () => {
    const url = await start()
    feed.begin("an older one").packet(1, "out", Uint8Array.of(1))
    const session = feed.begin("i2c detect")
    session.packet(1000, "out", Uint8Array.of(0x12, 0xab))
    session.packet(1002.5, "in", Uint8Array.of(0xff))
    session.end()
    const [response] = (await once(get(`${url}live`), "response")) as [IncomingMessage]
    let seen = ""
    for await (const chunk of response) {
      seen += chunk
      if (seen.includes('"end"')) break
    }
    const events = seen
      .split("\n")
      .flatMap((line) => (line.startsWith("data: ") ? [JSON.parse(line.slice(6))] : []))
    expect(events).toEqual([
      { type: "session", session: 2, title: "i2c detect" },
      { type: "packet", session: 2, atMs: 0, direction: "out", hex: "12ab" },
      { type: "packet", session: 2, atMs: 2.5, direction: "in", hex: "ff" },
      { type: "end", session: 2 },
    ])
  })
})
