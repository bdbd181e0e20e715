// Boards that dial in: the real firmware in the VM over its real sockets; strangers who connect instead; and a host
// that means no good. Time is real where sockets are, so nothing here asks how long anything took.

import net from "node:net"
import { afterAll, describe, expect, it } from "vitest"
import { systemClock, VirtualClock } from "../../host/src/clock.js"
import { VirtioMsgError } from "../../host/src/errors.js"
import { EMPTY_RECORD, encodeDialRecord } from "../../host/src/link/dial-record.js"
import { DialInLink, parseDialAddress } from "../../host/src/node/dial-in-link.js"
import { makeFramePort } from "../../host/src/node/open-link.js"
import { type OpenedBus, openBus } from "../../host/src/open-bus.js"
import { seededRandom, wholeNumber } from "../faults/seeded-random.js"
import { DialCable, DiallingBoard } from "../support/dialling-board.js"

/** What a board sends first: it answers a probe. */
const GREETING = encodeDialRecord(Uint8Array.of(8, 0xff, 0xff, 0, 0))
const ANY_PORT = "tcp-listen://127.0.0.1:0"

/** Tests run beside each other here, so what they leave to be cleared away is not theirs but the file's. */
const endings: (() => Promise<void>)[] = []
const atEnd = (end: () => Promise<void>) => endings.push(end)
afterAll(() => Promise.all(endings.map((end) => end())))

function portOf(text: string): number {
  return Number(/^.*?tcp-listen:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1])
}

/** A bus that waits for a board, and the port on which it does. */
function waitForBoard(): Promise<{ port: number; bus: Promise<OpenedBus> }> {
  return new Promise((resolve) => {
    const bus = openBus({ port: ANY_PORT, onChoice: (notice) => resolve({ port: portOf(notice), bus }) })
    bus.catch(() => {})
  })
}

/** A board on a cable to a bus. */
async function connectBoard() {
  const { port, bus } = await waitForBoard()
  const cable = await DialCable.lay(() => port)
  const board = await DiallingBoard.boot(cable.address)
  const opened = await bus
  atEnd(async () => {
    await opened.close()
    board.stop()
    await cable.takeUp()
  })
  return { bus: opened, cable, board }
}

/** Lets sockets have their say. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** The code of the error with which `call` rejects. */
function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "done",
    (error: VirtioMsgError) => error.code,
  )
}

async function untilDone<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if ((error as VirtioMsgError).code !== "LINK_CLOSED") throw error
      await nextTurn()
    }
  }
}

describe.concurrent("a board that dials in", () => {
  it("has the same devices as behind a serial port", async () => {
    const { bus, board } = await connectBoard()
    expect(bus.board.hasSimulatedChips).toBe(true)
    expect((await bus.devices()).map(({ info }) => info?.deviceId)).toEqual([34, 41, 4, 3])
    const i2c = await bus.i2c()
    expect([...(await i2c.readBlock(0x54, 14, 1))]).toEqual([0x66])
    const bytes = Uint8Array.from({ length: 8 }, (_, at) => 3 * at)
    await i2c.transfer(0x50, [{ write: [0x40, ...bytes] }])
    while ((await codeOf(i2c.readBlock(0x50, 0, 1))) === "NACK") await nextTurn() // it is writing
    expect([...(await i2c.readBlock(0x50, 0x40, 8))]).toEqual([...bytes])
    const reads = await Promise.all(Array.from({ length: 200 }, () => i2c.readBlock(0x50, 0, 256)))
    expect(new Set(reads.map(String)).size).toBe(1)
    expect(board.panics).toEqual([])
  })

  it("is found again when the connection was cut in the middle of calls, in another epoch", async () => {
    const { bus, cable, board } = await connectBoard()
    const i2c = await bus.i2c()
    for (let round = 1; round <= 3; round++) {
      const { generation } = bus.bus
      const calls = Array.from({ length: 64 }, () => codeOf(i2c.readBlock(0x50, 0, 256)))
      await Promise.race(calls)
      cable.cut()
      const codes = await Promise.all(calls)
      expect(codes.filter((code) => code !== "done" && code !== "LINK_CLOSED")).toEqual([])
      expect(codes).toContain("LINK_CLOSED")
      expect([...(await untilDone(() => i2c.readBlock(0x54, 14, 1)))]).toEqual([0x66])
      expect(bus.bus.generation).toBeGreaterThan(generation)
      expect(cable.count).toBeGreaterThan(round)
    }
    expect(board.panics).toEqual([])
  })

  it("dials the next host when the one before has gone", async () => {
    const first = await waitForBoard()
    let { port } = first
    const cable = await DialCable.lay(() => port)
    const board = await DiallingBoard.boot(cable.address)
    const before = await first.bus
    const { epoch } = before.board
    await before.close()
    const second = await waitForBoard()
    port = second.port
    const after = await second.bus
    expect(after.board.epoch).not.toBe(epoch)
    expect([...(await (await after.i2c()).readBlock(0x54, 14, 1))]).toEqual([0x66])
    await after.close()
    board.stop()
    await cable.takeUp()
    expect(board.panics).toEqual([])
  })
})

/** A host that the board in the VM dials, in virtual time: sockets are real, the firmware's waits are not. */
class RawHost {
  readonly received: Uint8Array[] = []
  connections = 0
  socket: net.Socket | undefined
  readonly #clock: VirtualClock
  readonly board: DiallingBoard

  private constructor(server: net.Server, board: DiallingBoard, clock: VirtualClock) {
    this.board = board
    this.#clock = clock
    server.on("connection", (socket) => {
      this.connections++
      this.received.length = 0
      this.socket = socket
      socket.on("error", () => {})
      socket.on("data", (chunk) => this.received.push(Uint8Array.from(chunk)))
      socket.on("close", () => {
        if (this.socket === socket) this.socket = undefined
      })
    })
  }

  static async start(): Promise<RawHost> {
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as net.AddressInfo
    const clock = new VirtualClock(1000)
    const host = new RawHost(server, await DiallingBoard.boot(`127.0.0.1:${port}`, clock), clock)
    atEnd(async () => {
      host.board.stop()
      const closed = new Promise((resolve) => server.close(resolve))
      host.socket?.destroy()
      await closed
    })
    return host
  }

  get bytes(): number[] {
    return this.received.flatMap((chunk) => [...chunk])
  }

  /** Lets virtual milliseconds pass in small steps, and real events between them. */
  pass(durationMs: number): Promise<number> {
    const endMs = this.#clock.now() + durationMs
    return this.until(() => this.#clock.now() >= endMs)
  }

  /** Lets virtual time pass in small steps, and real events between them, until it is so. Returns the virtual ms. */
  async until(isSo: () => boolean): Promise<number> {
    const startMs = this.#clock.now()
    while (!isSo()) {
      await this.#clock.advance(5)
      await nextTurn()
    }
    return this.#clock.now() - startMs
  }
}

describe.concurrent("the firmware that dials", () => {
  it("greets, and then waits for what its host says", async () => {
    const host = await RawHost.start()
    await host.until(() => host.bytes.length >= GREETING.length)
    expect(host.bytes.slice(0, GREETING.length)).toEqual([...GREETING])
  })

  it("hangs up on a host that has fallen silent, and dials again", async () => {
    const host = await RawHost.start()
    await host.until(() => host.bytes.length >= GREETING.length)
    await host.until(() => host.connections === 2)
    expect(host.bytes.slice(GREETING.length).every((byte) => byte === 0)).toBe(true)
  })

  it("forgets half a record when its connection ends", async () => {
    const host = await RawHost.start()
    await host.until(() => host.bytes.length >= GREETING.length)
    host.socket?.write(Uint8Array.of(200, 1, 2))
    await host.pass(100)
    host.socket?.destroy()
    await host.until(() => host.connections === 2 && host.bytes.length >= GREETING.length)
    // a probe is answered as a board greets
    host.socket?.write(encodeDialRecord(Uint8Array.of(0, 0xff, 0xff, 0, 0)))
    await host.until(() => host.bytes.length >= 2 * GREETING.length)
    expect(host.bytes.slice(GREETING.length, 2 * GREETING.length)).toEqual([...GREETING])
    expect(host.connections).toBe(2)
  })

  it("stays with a host that says no more than that it is there", async () => {
    const host = await RawHost.start()
    await host.until(() => host.bytes.length >= GREETING.length)
    for (let second = 0; second < 40; second++) {
      host.socket?.write(Uint8Array.of(0))
      await host.pass(1000)
    }
    expect(host.connections).toBe(1)
  })

  it.each([1, 2, 3, 4])("survives a host that sends it random bytes (seed %i)", async (seed) => {
    const random = seededRandom(seed)
    const host = await RawHost.start()
    await host.until(() => host.bytes.length >= GREETING.length)
    for (let round = 0; round < 40; round++) {
      host.socket?.write(
        Uint8Array.from({ length: wholeNumber(random, 1, 300) }, () => wholeNumber(random, 0, 255)),
      )
      await host.pass(20)
    }
    // another host connects, and is greeted
    const before = host.connections
    host.socket?.destroy()
    await host.until(() => host.connections > before && host.bytes.length >= GREETING.length)
    expect(host.bytes.slice(0, GREETING.length)).toEqual([...GREETING])
    expect(host.board.panics).toEqual([])
  })
})

describe.concurrent("a host that floods its board", () => {
  // a board's runtime hands on 128 bytes or a network packet at a time; the VM whatever Node has, and fails at 60 kB
  it.each([1400, 4000])("with %i bytes at a time is stood, or hung up on", async (lengthBytes) => {
    const host = await RawHost.start()
    await host.until(() => host.bytes.length >= GREETING.length)
    for (let round = 0; round < 100; round++) {
      host.socket?.write(new Uint8Array(lengthBytes).fill(5))
      await host.pass(5)
    }
    const before = host.connections
    host.socket?.destroy()
    await host.until(() => host.connections > before && host.bytes.length >= GREETING.length)
    expect(host.board.panics).toEqual([])
  })
})

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
    expect(await codeOf(openBus({ port: `tcp-listen://127.0.0.1:${port}` }))).toBe("CONNECT_FAILED")
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
