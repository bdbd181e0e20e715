// A port that waits for a board to dial in: strangers who connect instead, and when waiting ends. Time is real where
// sockets are, so nothing here asks how long anything took.

import net from "node:net"
import { afterAll, describe, expect, it } from "vitest"
import { systemClock, VirtualClock } from "../../host/src/clock.js"
import { VirtioMsgError } from "../../host/src/errors.js"
import { EMPTY_RECORD, encodeDialRecord } from "../../host/src/link/dial-record.js"
import { DialInLink, parseDialAddress } from "../../host/src/node/dial-in-link.js"
import { makeFramePort } from "../../host/src/node/open-link.js"
import { openBus } from "../../host/src/open-bus.js"
import { seededRandom, wholeNumber } from "../faults/seeded-random.js"
import { ANY_PORT, codeOf, GREETING, nextTurn, portOf, waitForBoard } from "../support/waiting-port.js"

/** Tests run beside each other here, so what they leave to be cleared away is not theirs but the file's. */
const endings: (() => Promise<void>)[] = []
const atEnd = (end: () => Promise<void>) => endings.push(end)
afterAll(() => Promise.all(endings.map((end) => end())))

/** A link that waits, what it says, and the port. */
async function startWaiting(clock = systemClock) {
  const notices: string[] = []
  let onPort: (port: number) => void = () => {}
  const port = new Promise<number>((resolve) => {
    onPort = resolve
  })
  const link = new DialInLink(
    parseDialAddress(ANY_PORT) as NonNullable<ReturnType<typeof parseDialAddress>>,
    {
      clock,
      onNotice: (notice) => {
        notices.push(notice)
        onPort(portOf(notice))
      },
    },
  )
  const packets: Uint8Array[] = []
  let onClosed: (reason: Error | undefined) => void = () => {}
  const closed = new Promise<Error | undefined>((resolve) => {
    onClosed = resolve
  })
  const opened = link.open({
    onPacket: (packet) => packets.push(packet),
    onClose: (reason) => onClosed(reason),
  })
  opened.catch(() => {})
  atEnd(() => link.close())
  return { link, opened, closed, packets, notices, port: await port }
}

function connect(port: number): net.Socket {
  const socket = net.createConnection(port, "127.0.0.1")
  socket.on("error", () => {})
  socket.resume()
  return socket
}

function gone(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve())
  })
}

describe.concurrent("a stranger who connects", () => {
  const WORDS: readonly (readonly [string, Uint8Array])[] = [
    ["a web browser", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["a terminal", new TextEncoder().encode("\r\n")],
    ["TLS", Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3)],
    ["a board that never greeted", EMPTY_RECORD],
    ["an empty packet", Uint8Array.of(5, 0, 0xff, 0xff, 0, 0)],
    ["a mailbox packet of another epoch", Uint8Array.of(5, 8, 1, 2, 0, 0)],
    ["a record that is too short", Uint8Array.of(4, 8, 0xff, 0xff, 0)],
    ["a record that is too long", Uint8Array.of(237, 8, 0xff, 0xff, 0, 0)],
  ]

  it.each(WORDS)("and speaks like %s is turned away, and the board that comes is taken", async (_, bytes) => {
    const { opened, notices, port } = await startWaiting()
    const stranger = connect(port)
    stranger.write(bytes)
    await gone(stranger)
    expect(notices[1]).toBe("A connection from 127.0.0.1 was closed: it does not greet as our firmware does.")
    const board = connect(port)
    board.write(GREETING)
    await opened
    board.destroy()
  })

  it("and says nothing is turned away after a while", async () => {
    const clock = new VirtualClock()
    const { opened, notices, port } = await startWaiting(clock)
    const stranger = connect(port)
    const isGone = gone(stranger)
    // the wait for a board has a timer, and the stranger's greeting
    while (clock.pendingCount < 2) await nextTurn()
    await clock.advance(10_000)
    await isGone
    expect(notices[1]).toBe("A connection from 127.0.0.1 was closed: it did not greet.")
    const board = connect(port)
    board.write(GREETING)
    await opened
  })

  it("is turned away while a board is there, even if it greets as one", async () => {
    const { opened, packets, notices, port } = await startWaiting()
    const board = connect(port)
    board.write(GREETING)
    await opened
    const other = connect(port)
    other.write(GREETING)
    await gone(other)
    expect(notices[1]).toBe("A connection from 127.0.0.1 was closed: a board is there already.")
    board.write(encodeDialRecord(Uint8Array.of(1, 2, 3, 4, 5)))
    while (packets.length === 0) await nextTurn()
    expect(packets).toEqual([Uint8Array.of(1, 2, 3, 4, 5)])
  })

  it("who greets as a board does and then sends what is no packet is disconnected, with the reason", async () => {
    const { opened, closed, notices, port } = await startWaiting()
    const board = connect(port)
    board.write(Uint8Array.of(...GREETING, 3, 1, 2, 3))
    await opened
    expect(notices[1]).toContain("was disconnected. It sent a record of 3 bytes, which no packet has.")
    expect(await closed).toMatchObject({
      code: "PROTOCOL",
      message: expect.stringContaining("a record of 3 bytes"),
    })
  })

  it.each([11, 12, 13, 14, 15])("and sends random bytes harms nobody (seed %i)", async (seed) => {
    const random = seededRandom(seed)
    const { port, bus } = await waitForBoard()
    for (let round = 0; round < 20; round++) {
      const stranger = connect(port)
      const bytes = Uint8Array.from({ length: wholeNumber(random, 1, 2000) }, () =>
        wholeNumber(random, 0, 255),
      )
      stranger.write(bytes)
      stranger.end()
      await gone(stranger)
    }
    const hostile = connect(port)
    hostile.write(GREETING)
    // sound records of random bytes, which the bus above the link has to stand
    for (let round = 0; round < 200; round++)
      hostile.write(
        encodeDialRecord(
          Uint8Array.from({ length: wholeNumber(random, 5, 234) }, () => wholeNumber(random, 0, 255)),
        ),
      )
    hostile.end()
    expect(["CONNECT_FAILED", "LINK_CLOSED", "PROTOCOL"]).toContain(await codeOf(bus))
  })

  it("greets in pieces, as a network may cut it, and is taken", async () => {
    const { opened, packets, port } = await startWaiting()
    const board = connect(port)
    board.setNoDelay(true)
    for (const byte of [...GREETING, 0, 0, 5, 1, 2, 3, 4, 5]) {
      board.write(Uint8Array.of(byte))
      await nextTurn()
    }
    await opened
    while (packets.length === 0) await nextTurn()
    expect(packets).toEqual([Uint8Array.of(1, 2, 3, 4, 5)])
  })
})

describe.concurrent("a port that waits for a board", () => {
  it("gives up after a minute", async () => {
    const clock = new VirtualClock()
    const { opened, link } = await startWaiting(clock)
    const code = codeOf(opened)
    await clock.advance(60_000)
    expect(await code).toBe("NOT_FOUND")
    expect(link.name).toMatch(/^tcp-listen:\/\/127\.0\.0\.1:\d+$/)
  })

  it("takes a board for gone that is silent", async () => {
    const clock = new VirtualClock()
    const { opened, closed, port } = await startWaiting(clock)
    const board = connect(port)
    board.write(GREETING)
    await opened
    await clock.advance(20_000)
    expect(await closed).toMatchObject({ code: "LINK_CLOSED" })
  })

  it("stops waiting when it is closed, and leaves the port", async () => {
    const { opened, link, port } = await startWaiting()
    const code = codeOf(opened)
    await link.close()
    expect(await code).toBe("LINK_CLOSED")
    const late = connect(port)
    await gone(late)
  })

  it("says when another program has it", async () => {
    const { port } = await startWaiting()
    expect(await codeOf(openBus({ port: `tcp-listen://127.0.0.1:${port}` }))).toBe("SYSTEM_FAILED")
  })

  it("is this computer's alone, unless that is said", async () => {
    for (const where of ["0.0.0.0", "[::]", "192.0.2.1", "example.org"])
      await expect(openBus({ port: `tcp-listen://${where}:7654` })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        hint: expect.stringContaining(`tcp-listen://${where}:7654,expose`),
      })
    const exposed = parseDialAddress("tcp-listen://0.0.0.0:0,expose")
    expect(exposed && new DialInLink(exposed, { clock: systemClock }).name).toBe("tcp-listen://0.0.0.0:0")
  })

  it("has a name with nothing left out", () => {
    expect(parseDialAddress("tcp-listen://:7654")).toEqual({
      host: "127.0.0.1",
      port: 7654,
      isExposed: false,
    })
    expect(parseDialAddress("tcp-listen://[::1]:7")).toEqual({ host: "::1", port: 7, isExposed: false })
    for (const text of ["tcp-listen://", "tcp-listen://:65536", "tcp-listen://a:1,exposed", "tcp://a:1", ""])
      expect(parseDialAddress(text)).toBeUndefined()
  })

  it("is no way to a board's log and program", () => {
    expect(() => makeFramePort("tcp-listen://:7654")).toThrow(VirtioMsgError)
    expect(() => makeFramePort("tcp-listen://:7654")).toThrow(/has its virtio devices there, no more/)
  })
})
