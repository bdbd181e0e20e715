// Peers that flood us and do not read: what waits for them has a bound, and they are not read from meanwhile.

import net from "node:net"
import { Duplex } from "node:stream"
import { afterEach, describe, expect, it } from "vitest"
import type { Clock } from "../../host/src/clock.js"
import { VirtioMsgError } from "../../host/src/errors.js"
import { encodeSerialFrame } from "../../host/src/link/jacdac-serial.js"
import { type ByteStreamEvents, StreamPort } from "../../host/src/link/stream-port.js"
import { BoundedStream, MOST_WAITING_BYTES } from "../../host/src/node/bounded-stream.js"
import { SocketStream } from "../../host/src/node/socket-stream.js"

/** A peer that reads only when it is told to. */
class Unread extends Duplex {
  taken = 0
  #done: (() => void)[] = []

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.taken += chunk.length
    this.#done.push(done)
  }

  readAll(): void {
    for (const done of this.#done.splice(0)) done()
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe("a stream to a peer that does not read", () => {
  it("is not read from while answers wait, and goes on where it stopped once they are read", async () => {
    const peer = new Unread()
    let seen = 0
    const bounded = new BoundedStream(peer, {
      name: "it",
      onData(chunk) {
        seen += chunk.length
        bounded.write(new Uint8Array(1024)) // an answer to each
      },
    })
    const questions = 5000
    for (let at = 0; at < questions; at++) peer.push(Uint8Array.of(at))
    await turn()
    expect(seen).toBeLessThan(100)
    expect(peer.writableLength).toBeLessThan(128 * 1024)
    for (let at = 0; at < 2 * questions && seen < questions; at++) {
      peer.readAll()
      await turn()
    }
    expect(seen).toBe(questions)
  })

  it("is closed with a sentence when more than the bound waits", () => {
    const peer = new Unread()
    const ends: VirtioMsgError[] = []
    const bounded = new BoundedStream(peer, {
      name: "It",
      onData() {},
      onOverflow: (error) => ends.push(error),
    })
    for (let written = 0; written < 10 * MOST_WAITING_BYTES; written += 4096)
      bounded.write(new Uint8Array(4096))
    expect(ends.map(({ code }) => code)).toEqual(["LINK_CLOSED"])
    expect(ends[0]?.message).toMatch(
      /^It was disconnected: it does not read what it is sent, and \d+ bytes wait\.$/,
    )
    expect(peer.destroyed).toBe(true)
  })

  it("ends alone when what it sent shows a defect of ours", () => {
    const peer = new Unread()
    const thrown: unknown[] = []
    new BoundedStream(peer, {
      name: "It",
      onData: () => {
        throw new Error("a defect")
      },
      onThrow: (error) => thrown.push(error),
    })
    peer.push(Uint8Array.of(1))
    peer.read()
    expect(peer.destroyed).toBe(true)
    expect(thrown).toEqual([new Error("a defect")])
  })

  it("stays, and loses what is too much, where nobody may be at the other end", () => {
    const peer = new Unread()
    const bounded = new BoundedStream(peer, { name: "It", onData() {}, isLossy: true })
    for (let written = 0; written < 10 * MOST_WAITING_BYTES; written += 4096)
      bounded.write(new Uint8Array(4096))
    expect(peer.writableLength).toBeLessThanOrEqual(MOST_WAITING_BYTES + 4096)
    expect(peer.destroyed).toBe(false)
  })

  it("leaves a turn of the event loop to others behind each full read", async () => {
    const peer = new Unread({ readableHighWaterMark: 1 << 24 })
    let seen = 0
    new BoundedStream(peer, { name: "it", onData: () => seen++ })
    for (let at = 0; at < 20; at++) peer.push(new Uint8Array(65_536))
    const seenAtTurns: number[] = []
    for (let at = 0; at < 60 && seen < 20; at++) {
      await turn()
      seenAtTurns.push(seen)
    }
    expect(seen).toBe(20)
    expect(new Set(seenAtTurns).size).toBeGreaterThan(10)
  })
})

describe("a board on a socket that floods and never reads", () => {
  let server: net.Server
  const sockets = new Set<net.Socket>()

  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  it("ends with an error that says so, and not with our memory", async () => {
    server = net.createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => {})
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as net.AddressInfo
    const stream = new SocketStream("tcp://it", { host: "127.0.0.1", port })
    const closed = new Promise<Error | undefined>((resolve) => {
      void stream.open({ onData() {}, onClose: resolve } satisfies ByteStreamEvents).then(() => {
        // more than kernel and bound hold together: whoever writes without looking would go on for ever
        const write = () => {
          for (let at = 0; at < 64; at++) stream.write(encodeSerialFrame(new Uint8Array(240)))
          if (!isClosed) setImmediate(write)
        }
        write()
      })
    })
    let isClosed = false
    const reason = await closed
    isClosed = true
    expect(reason).toBeInstanceOf(VirtioMsgError)
    expect(reason?.message).toContain("does not read what it is sent")
  })
})

describe("frames that wait for the pauses between them", () => {
  it("are bounded: what is too much is dropped and counted, as on the wire", async () => {
    const written: Uint8Array[] = []
    const port = new StreamPort(
      {
        name: "slow",
        isSimulated: false,
        paceMs: 3_600_000,
        open: async () => {},
        write: (bytes) => written.push(bytes),
        close: async () => {},
      },
      { now: () => 0, schedule: () => ({ cancel() {} }) } as unknown as Clock,
    )
    await port.open({ onPacket() {}, onClose() {}, onLog() {} })
    for (let at = 0; at < 5000; at++) port.send(new Uint8Array(200))
    expect(port.droppedCount).toBe(5000 - 1000 - 1)
    await port.close()
  })
})
