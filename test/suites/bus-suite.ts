// What a bus with our firmware behind it does, whatever link it is reached by. Each link runs all of it.

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { detect } from "../../host/src/cli/i2c-detect.js"
import type { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { VirtioMsgError } from "../../host/src/errors.js"
import type { OpenedBus } from "../../host/src/open-bus.js"
import { PACKET_DATA } from "../../shared-protocol/src/mailbox/packet.js"
import { STATUS_DRIVER_OK } from "../../shared-protocol/src/messages/status.js"

/** A bus and its board, under test. */
export interface Subject {
  readonly bus: OpenedBus
  /** Waits for a promise: in virtual time, time passes meanwhile. */
  run<T>(promise: Promise<T>): Promise<T>
  /** Switches the board off and on. */
  restartBoard(): Promise<void>
  /** Ends what is not the bus's: the board, its server. */
  stop(): Promise<void>
  /** How many timers or handles are left; 0 after everything was closed. */
  leftovers(): number
}

const SUITE_TIMEOUT_MS = 15_000

export function busSuite(name: string, makeSubject: () => Promise<Subject>): void {
  describe(`a bus over ${name}`, { timeout: SUITE_TIMEOUT_MS }, () => {
    let subject: Subject
    let i2c: I2cAdapter
    const run = <T>(promise: Promise<T>): Promise<T> => subject.run(promise)

    beforeEach(async () => {
      subject = await makeSubject()
      i2c = await run(subject.bus.i2c())
    })

    afterEach(async () => {
      await subject.bus.close()
      await subject.stop()
    })

    it("B5 knows revision, sizes and features from HELLO", () => {
      expect(subject.bus.board).toMatchObject({
        revision: 1,
        maxMessageSize: 228,
        transportFeatures: 0,
        driverAreaSize: 8192,
        hasSimulatedChips: true,
      })
      expect([6400, 8192]).toContain(subject.bus.board.deviceAreaSize) // in the firmware, and natively
    })

    it("B15 enumerates the virtio-i2c device, brought to DRIVER_OK with a confirmed queue", async () => {
      const devices = await run(subject.bus.devices())
      expect(devices.map((device) => [device.devNum, device.info?.deviceId])[0]).toEqual([0, 34])
      expect(i2c.device.status & STATUS_DRIVER_OK).toBe(STATUS_DRIVER_OK)
      expect(i2c.device.queues[0]?.state).toMatchObject({ curSize: 256, flags: 1 })
    })

    it("carries ST's five lines", async () => {
      const found = await run(detect(i2c, 0x08, 0x77, "auto"))
      expect([...found]).toEqual([0x48, 0x50, 0x54, 0x56, 0x76])
      expect(await run(i2c.readByte(0x54, 14))).toBe(0x66)
      await run(i2c.writeByte(0x54, 14, 0x25))
      expect(await run(i2c.readByte(0x54, 14))).toBe(0x25)
    })

    it("needs one packet each way for a kick, whatever the number of its requests", async () => {
      // by sequence number: a packet that was sent again, to a busy computer, is the same one
      const sent = { out: new Set<unknown>(), in: new Set<unknown>() }
      const counts = () => ({ out: sent.out.size, in: sent.in.size })
      // each of the 64 slots is described once; after that only what changes travels
      await run(Promise.all(Array.from({ length: 32 }, () => i2c.readByte(0x54, 0))))
      subject.bus.bus.trace.onPacket.on((direction, packet) => {
        if ((packet[0] as number) & PACKET_DATA) sent[direction].add(packet[3])
      })
      await run(i2c.readByte(0x54, 1))
      expect(counts()).toEqual({ out: 1, in: 1 })
      const values = await run(Promise.all([2, 3, 4, 5, 6, 7].map((at) => i2c.readByte(0x54, at))))
      expect(values).toEqual([0x33, 0x34, 0x35, 0x36, 0x37, 0x38])
      expect(counts()).toEqual({ out: 2, in: 2 })
    })

    it("completes 200 calls at once, each with its own data", async () => {
      const text = "123456789abcdefghij"
      const calls = Array.from({ length: 200 }, (_, at) => i2c.readByte(0x54, at % text.length))
      const values = await run(Promise.all(calls))
      expect(values).toEqual(values.map((_, at) => text.charCodeAt(at % text.length)))
    })

    it("says NACK for an absent chip, and its neighbours do not notice", async () => {
      const absent = i2c.readByte(0x11, 0).catch((error) => error)
      const present = i2c.readByte(0x54, 0)
      expect(await run(absent)).toMatchObject({ code: "NACK", maybeExecuted: false })
      expect(await run(present)).toBe(0x31)
    })

    it("answers a zero-length request by whether a chip is there", async () => {
      expect(await run(Promise.all([i2c.probe(0x54), i2c.probe(0x55)]))).toEqual([true, false])
    })

    it("fails a group from its failing message on, and executes none behind it", async () => {
      const outcomes = i2c.submit([
        { address: 0x54, write: Uint8Array.of(3, 0x41), failNext: true },
        { address: 0x11, write: Uint8Array.of(0), failNext: true },
        { address: 0x54, write: Uint8Array.of(3, 0x42), failNext: false },
      ])
      expect((await run(Promise.all(outcomes))).map((outcome) => outcome.ok)).toEqual([true, false, false])
      expect(await run(i2c.readByte(0x54, 3))).toBe(0x41)
    })

    it("reads all of an EEPROM, and writes a page of it", async () => {
      const all = await run(i2c.readBlock(0x50, 0, 256))
      expect(String.fromCharCode(...all.subarray(0, 24))).toBe("virtio-msg on a $4 board")
      expect(all[255]).toBe(0xff)
      await run(i2c.writeBlock(0x50, 0x40, [1, 2, 3, 4, 5, 6, 7, 8]))
      // the chip does not acknowledge for 5 ms, as a real one: whoever wants to read asks until it does
      for (let tries = 0; tries < 50 && !(await run(i2c.probe(0x50))); tries++);
      expect(await run(i2c.readBlock(0x50, 0x40, 8))).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
    })

    it("B19 V19 discards what makes no sense, without a word, and goes on", async () => {
      const send = (...bytes: number[]) => subject.bus.bus.channel.post(Uint8Array.from(bytes))
      send(0, 2, 0) // shorter than a header
      send(0, 2, 0, 0, 1, 0, 255, 0) // msg_size longer than the message
      send(0, 2, 0, 0, 1, 0, 7, 0) // msg_size shorter than a header
      send(0, 2, 0, 0, 6, 0) // the 6-byte header of an older draft
      send(0, 0x3f, 0, 0, 1, 0, 8, 0) // no such transport message
      send(2, 0x3f, 0, 0, 1, 0, 8, 0) // no such bus message
      send(0, 5, 0, 0, 1, 0, 8, 0) // GET_CONFIG without its payload
      send(0, 2, 9, 0, 1, 0, 8, 0) // a device that is not there
      send(0, 0x41, 0, 0, 0, 0, 16, 0, 9, 0, 0, 0, 0, 0, 0, 0) // a queue that is not there
      const discarded = subject.bus.bus.discardedCount
      await run(subject.bus.ping())
      expect(await run(i2c.readByte(0x54, 0))).toBe(0x31)
      expect(subject.bus.bus.discardedCount).toBe(discarded) // nothing came back for them
    })

    it("B17 ends a request to a device that is not there with one TIMEOUT", async () => {
      const request = Uint8Array.of(0, 7, 9, 0, 0, 0, 8, 0) // GET_DEVICE_STATUS of device 9
      const error = await run(subject.bus.bus.request(request).catch((reason) => reason))
      expect(error).toBeInstanceOf(VirtioMsgError)
      expect(error).toMatchObject({ code: "TIMEOUT", maybeExecuted: true })
      await run(subject.bus.ping())
    })

    it("initialises the device again after a reset", async () => {
      await run(i2c.device.reset())
      expect(i2c.device.isLive).toBe(false)
      expect(await run(i2c.readByte(0x54, 0))).toBe(0x31)
    })

    it("ends every call in flight when the board starts again, and serves the next", async () => {
      // far more than fits in flight, so that some are waiting on this side
      const calls = Array.from({ length: 100 }, () => i2c.readByte(0x54, 0).catch((error) => error))
      const first = await run(Promise.race(calls))
      expect(first).toBe(0x31)
      await subject.restartBoard()
      const outcomes = await run(Promise.all(calls))
      const errors = outcomes.filter((outcome) => outcome !== 0x31)
      expect(errors.length).toBeGreaterThan(0)
      for (const error of errors) expect(["DEVICE_RESTARTED", "TIMEOUT"]).toContain(error.code)
      expect(errors.some((error) => error.maybeExecuted)).toBe(true)
      expect(await run(i2c.readByte(0x54, 0))).toBe(0x31)
    })

    it("ends calls in flight with LINK_CLOSED when it is closed, and leaves nothing behind", async () => {
      const call = i2c.readByte(0x54, 0).catch((error) => error)
      await Promise.resolve()
      await subject.bus.close()
      expect(await call).toMatchObject({ code: "LINK_CLOSED" })
      await expect(i2c.readByte(0x54, 0)).rejects.toMatchObject({ code: "LINK_CLOSED" })
      await subject.stop()
      expect(subject.leftovers()).toBe(0)
    })
  })
}
