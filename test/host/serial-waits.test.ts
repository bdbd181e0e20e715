// A serial port of which both directions wait: neither makes the other forgotten.

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openPty, type Pty } from "../../host/src/node/pty.js"
import { openSerialPort, type SerialPortLike } from "../../host/src/node/serial-stream.js"
import { UNLESS_LINUX } from "../support/because.js"

/** More than the kernel and the streams keep for whoever does not read. */
const MUCH = 1_000_000

/** For what waits for ever where it fails. */
const LIMIT = { timeout: 60_000 }

describe.skipIf(UNLESS_LINUX)(`a serial port whose other end does not read${UNLESS_LINUX}`, LIMIT, () => {
  let far: Pty
  let port: SerialPortLike
  beforeEach(async () => {
    far = await openPty()
    far.stream.pause()
    port = await openSerialPort(far.path, 115_200)
    port.on("error", () => {})
  })
  afterEach(async () => {
    if (port.isOpen) await new Promise<void>((resolve) => port.close(() => resolve()))
    far.close()
  })

  /** Resolves once the package waits for the kernel to tell it of `event`. */
  const waits = (event: "readable" | "writable") =>
    expect.poll(() => pollerOf(port).listenerCount(event), { interval: 1 }).toBe(1)

  it("is read while a write waits", async () => {
    const read: number[] = []
    port.on("data", (chunk) => read.push(...chunk))
    await waits("readable")
    port.write(new Uint8Array(MUCH), () => {})
    // the kernel takes some more each time, until it is full
    for (let at = 1; at <= 50; at++) {
      await waits("writable")
      far.stream.write(Uint8Array.of(at))
      await expect.poll(() => read.length, { interval: 1 }).toBe(at)
    }
  })

  it("goes on writing when it is read again, also where a read began to wait meanwhile", async () => {
    const written = new Promise((resolve) => port.write(new Uint8Array(MUCH), resolve))
    await waits("writable")
    port.on("data", () => {})
    await waits("readable")
    let length = 0
    far.stream.on("data", (chunk: Uint8Array) => {
      length += chunk.length
    })
    far.stream.resume()
    expect(await written).toBeFalsy()
    await expect.poll(() => length).toBe(MUCH)
  })

  it("may be closed while a read is under way, which waits for nothing then", async () => {
    await new Promise<void>((resolve) => port.close(() => resolve()))
    for (let at = 0; at < 50; at++) {
      const other = await openSerialPort(far.path, 115_200)
      other.on("error", () => {})
      other.on("data", () => {})
      await new Promise((resolve) => process.nextTick(resolve)) // the read has begun by then
      await new Promise<void>((resolve) => other.close(() => resolve()))
      await new Promise((resolve) => setImmediate(resolve))
      expect(pollerOf(other).listenerCount("readable")).toBe(0)
    }
  })

  it("is closed where it hung up while nobody waited to read", async () => {
    far.close()
    const closed = new Promise((resolve) => port.on("close", resolve))
    port.on("data", () => {})
    expect(await closed).toMatchObject({ message: "The port hung up." })
  })
})

function pollerOf(port: SerialPortLike): { listenerCount(event: string): number } {
  const { port: binding } = port as unknown as { port: { poller: { listenerCount(event: string): number } } }
  return binding.poller
}
