// The firmware that dials, in the real VM over its real sockets: as a board, and against hosts that mean no good. Time is
// real where sockets are, so nothing here asks how long anything took.

import net from "node:net"
import { afterAll, describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import type { VirtioMsgError } from "../../host/src/errors.js"
import { encodeDialRecord } from "../../host/src/link/dial-record.js"
import { seededRandom, wholeNumber } from "../faults/seeded-random.js"
import { DialCable, DiallingBoard } from "../support/dialling-board.js"
import { codeOf, GREETING, nextTurn, waitForBoard } from "../support/waiting-port.js"

/** Tests run beside each other here, so what they leave to be cleared away is not theirs but the file's. */
const endings: (() => Promise<void>)[] = []
const atEnd = (end: () => Promise<void>) => endings.push(end)
afterAll(() => Promise.all(endings.map((end) => end())))

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
      const { epochCount } = bus.bus
      const calls = Array.from({ length: 64 }, () => codeOf(i2c.readBlock(0x50, 0, 256)))
      await Promise.race(calls)
      cable.cut()
      const codes = await Promise.all(calls)
      expect(codes.filter((code) => code !== "done" && code !== "LINK_CLOSED")).toEqual([])
      expect(codes).toContain("LINK_CLOSED")
      expect([...(await untilDone(() => i2c.readBlock(0x54, 14, 1)))]).toEqual([0x66])
      expect(bus.bus.epochCount).toBeGreaterThan(epochCount)
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
