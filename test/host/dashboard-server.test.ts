// The dashboard's server: who may reach it, what it answers, and what a page that comes late is told.

import { once } from "node:events"
import { get, type IncomingMessage, request } from "node:http"
import net from "node:net"
import { text } from "node:stream/consumers"
import { afterEach, describe, expect, it } from "vitest"
import { type DashboardServer, startDashboard } from "../../host/src/node/dashboard/dashboard-server.js"
import { type LiveEvent, LiveFeed } from "../../host/src/node/dashboard/live-feed.js"
import { PACKET_SNAPSHOT } from "../../host/src/trace/packet-fields.js"
import { PACKET_DATA } from "../../shared-protocol/src/mailbox/packet.js"
import { virtioMsg } from "../cli/command.js"

const feed = new LiveFeed()
/** Packets: with records; without any; and with what was before somebody came to look on. */
const DEED = Uint8Array.of(PACKET_DATA, 1, 0, 0, 0)
const HEARTBEAT = Uint8Array.of(0, 1, 0, 0, 0)
const SNAPSHOT = Uint8Array.of(PACKET_DATA | PACKET_SNAPSHOT, 1, 0, 0, 0)

describe("the live feed", () => {
  let nowMs = 0
  const feed = () => new LiveFeed(() => nowMs)
  const shown = (next: () => LiveEvent | undefined) => {
    const titles: string[] = []
    for (let event = next(); event; event = next()) if (event.type === "session") titles.push(event.title)
    return titles
  }

  it("never begins on a process that does nothing, and follows whoever begins to do something", () => {
    const made = feed()
    const next = made.reader()
    const first = made.begin("first")
    const second = made.begin("second")
    // heartbeats, and what was before somebody came to look on, are nothing that it does
    second.packet(0, "out", HEARTBEAT)
    second.packet(0, "out", SNAPSHOT)
    expect(shown(next)).toEqual([])
    first.packet(0, "out", DEED)
    expect(shown(next)).toEqual(["first"])
    second.packet(1, "out", DEED)
    expect(shown(next)).toEqual(["second"])
    // both go on: that is no reason to jump to and fro
    for (nowMs = 0; nowMs < 20_000; nowMs += 500)
      for (const one of [first, second]) one.packet(nowMs, "in", DEED)
    expect(shown(next)).toEqual([])
    second.end()
    first.packet(nowMs, "in", DEED)
    expect(shown(next)).toEqual(["first"])
    nowMs += 10_000
    const third = made.begin("third")
    expect(shown(next)).toEqual([])
    third.packet(0, "out", DEED)
    expect(shown(next)).toEqual(["third"])
  })

  it("shows a chosen process whatever the others do, and a page that asks for one that is not there nothing", () => {
    const made = feed()
    const quiet = made.begin("quiet")
    quiet.packet(0, "out", SNAPSHOT)
    const next = made.reader(1)
    made.begin("loud").packet(0, "out", DEED)
    expect(shown(next)).toEqual(["quiet"])
    expect(shown(made.reader(77))).toEqual([])
  })

  it("lets go of processes that ended long ago", () => {
    const made = feed()
    for (let i = 0; i < 30; i++) {
      const session = made.begin(`command ${i}`)
      session.packet(0, "out", DEED)
      session.end()
    }
    const [first] = [made.reader()()]
    const count = first?.type === "processes" ? first.processes.length : 0
    expect(count).toBeGreaterThanOrEqual(8)
    expect(count).toBeLessThan(12)
  })
})

describe("the dashboard's server", () => {
  let server: DashboardServer | undefined

  afterEach(async () => {
    await server?.close()
    server = undefined
  })

  const start = async (host = "127.0.0.1", isExposed = false) => {
    server = await startDashboard({ host, port: 0, feed, isExposed })
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

  it("says what is no capture to replay, before it serves anything", async () => {
    for (const [words, text] of [
      ["--replay /nowhere/x.pcapng", "Cannot read /nowhere/x.pcapng"],
      [`--replay ${import.meta.filename}`, "capture"],
      ["--replay x.pcapng -- i2c detect", "A capture and a command are two things to show"],
    ] as const) {
      const { code, stdout, stderr } = await virtioMsg(`dashboard --listen 127.0.0.1:0 ${words}`)
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
      expect(stderr).toMatch(/^error: .*\nhint: /)
      expect(stderr).toContain(text)
    }
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

  it("tells a page that comes late of the session that has begun to do something, from its beginning", async () => {
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
    expect(events.shift()).toMatchObject({
      type: "processes",
      processes: [
        { title: "an older one", state: "active" },
        { title: "i2c detect", state: "ended" },
      ],
    })
    expect(events).toEqual([
      { type: "session", session: 2, title: "i2c detect" },
      { type: "packet", session: 2, atMs: 0, direction: "out", hex: "12ab" },
      { type: "packet", session: 2, atMs: 2.5, direction: "in", hex: "ff" },
      { type: "end", session: 2 },
    ])
  })

  /** What the server says to bytes that no browser sends; "" when it hangs up without a word. */
  const say = async (bytes: string | Uint8Array): Promise<string> => {
    const { port } = new URL(server?.url ?? "")
    const socket = net.connect(Number(port), "127.0.0.1")
    socket.on("error", () => {})
    socket.end(bytes)
    let said = ""
    try {
      for await (const chunk of socket) {
        said += chunk
        if (said.includes("\r\n\r\n")) break
      }
    } catch {} // it may be reset
    socket.destroy()
    return said
  }
  const head = (line: string) => `${line}\r\nhost: localhost\r\n\r\n`

  it.each(["//", "///", "//[", "/%", "/%00", "/../../etc/passwd", "http://[", "*", "/\\", "/?//"])(
    "answers GET %s like any path that is not there, and goes on",
    async (path) => {
      const url = await start()
      expect(await say(head(`GET ${path} HTTP/1.1`))).toMatch(
        path === "/?//" ? /^HTTP\/1.1 200 / : /^HTTP\/1.1 404 /,
      )
      expect(await ask(url)).toMatchObject({ status: 200 })
    },
  )

  it.each([
    "GET",
    "GET / HTTP/9.9",
    "\0\0\0\0",
    "GET / HTTP/1.1\r\n: x",
    "GET /\x01 HTTP/1.1",
    "é / HTTP/1.1",
  ])("answers 400 to the request line %j, and goes on", async (line) => {
    const url = await start()
    expect(await say(head(line))).toMatch(/^HTTP\/1.1 (400|505) /)
    expect(await ask(url)).toMatchObject({ status: 200 })
  })

  it("answers 431 to endless headers, and closes what tunnels or upgrades", async () => {
    const url = await start()
    expect(await say(`GET / HTTP/1.1\r\nx: ${"y".repeat(100_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /)
    expect(await say(head("CONNECT localhost:80 HTTP/1.1"))).toBe("")
    expect(await ask(url)).toMatchObject({ status: 200 })
  })

  /** Reads a live view's events until `isEnough` of them. */
  const follow = async (url: string, isEnough: (events: readonly LiveEvent[]) => boolean) => {
    const asking = get(`${url}live`)
    const [response] = (await once(asking, "response")) as [IncomingMessage]
    const events: LiveEvent[] = []
    let rest = ""
    for await (const chunk of response) {
      const lines = (rest + chunk).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) if (line.startsWith("data: ")) events.push(JSON.parse(line.slice(6)))
      if (isEnough(events)) break
    }
    asking.destroy()
    return events
  }

  it("tells a page that comes behind a very long session of what it still has, and how much is missing", async () => {
    const url = await start()
    const session = feed.begin("long")
    const packets = 120_000
    for (let at = 0; at < packets; at++) session.packet(at, "in", new Uint8Array(236).fill(at))
    const events = await follow(url, (seen) => {
      const last = seen.at(-1)
      return last?.type === "packet" && last.atMs === packets - 1
    })
    const [first, missed] = events.filter(({ type }) => type !== "processes")
    expect(first).toMatchObject({ type: "session", title: "long" })
    const count = missed?.type === "missed" ? missed.count : 0
    expect(count).toBeGreaterThan(packets / 2)
    expect(count + events.filter(({ type }) => type === "packet").length).toBe(packets)
  })

  it("keeps no more for pages that do not read than Node's buffer of each", async () => {
    const url = await start()
    const session = feed.begin("watched by many")
    const { port } = new URL(url)
    const pages = Array.from({ length: 60 }, () => net.connect(Number(port), "127.0.0.1"))
    for (const page of pages) {
      page.on("error", () => {})
      page.pause()
      page.write(head("GET /live HTTP/1.1"))
    }
    const streams = () => server?.waitingBytes ?? []
    await expect.poll(() => streams().length).toBe(pages.length)
    for (let at = 0; at < 60_000; at++) {
      session.packet(at, "in", new Uint8Array(236).fill(PACKET_DATA))
      if (at % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(Math.max(...streams())).toBeLessThan(256 * 1024)
    // one of them wakes up, and is told what it missed
    const woken = pages[0] as net.Socket
    let seen = ""
    woken.resume()
    for await (const chunk of woken) {
      seen = (seen + chunk).slice(-100_000)
      if (seen.includes('"missed"')) break
    }
    expect(seen).toContain('"type":"missed"')
    for (const page of pages) page.destroy()
  })
})
