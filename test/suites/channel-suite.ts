// What every channel does for whoever stands on it, whatever carries its messages: run over each of them
// (test/host/channels.test.ts).

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import type { Channel } from "../../host/src/bus/channel.js"
import { allocateBytes } from "../../host/src/bytes.js"
import type { Clock } from "../../host/src/clock.js"
import type { VirtioMsgError } from "../../host/src/errors.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { encodePingRequest, PING_SIZE } from "../../shared-protocol/src/messages/bus.js"
import { getToken, putToken, TYPE_RESPONSE } from "../../shared-protocol/src/messages/header.js"
import { PING } from "../../shared-protocol/src/messages/ids.js"

export interface ChannelSubject {
  /** Not yet connected; the device behind it is the simulated I2C bus, or a board that has it. */
  readonly channel: Channel
  readonly clock: Clock
  /** Timers that wait; undefined where time is real. */
  pendingTimers(): number | undefined
  run<T>(promise: Promise<T>): Promise<T>
  /** The device loses all that it had in memory. */
  restart(): Promise<void> | void
  /** What carries the messages goes away, and does not come back; undefined where that cannot be played. */
  readonly cut: (() => Promise<void> | void) | undefined
  /** The device says nothing any more; undefined where that cannot be played. */
  readonly silence: (() => void) | undefined
  /** Bytes that no device sends arrive as if one did. */
  garbage(bytes: Uint8Array): void
  stop(): Promise<void>
}

/** Longer than any channel may take to notice that nobody is there. */
const BOUND_MS = 10_000

function ping(token: number): Uint8Array {
  const frame = allocateBytes(PING_SIZE)
  encodePingRequest(frame, 0x1000 + token)
  putToken(frame, token)
  return frame
}

export function channelTests(make: () => Promise<ChannelSubject>): void {
  let subject: ChannelSubject
  let channel: Channel
  const lost: VirtioMsgError[] = []
  const frames: Uint8Array[] = []
  /** Settles when `isDone`; asked at each message and each loss. */
  const until = (isDone: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (isDone()) resolve()
      }
      channel.onMessage.on(look)
      channel.onLost.on(look)
      look()
    })
  const tokens = () =>
    frames.filter((frame) => frame[1] === PING && (frame[0] as number) & TYPE_RESPONSE).map(getToken)
  const answer = async (token: number) => {
    const release = channel.hold()
    channel.post(ping(token))
    await subject.run(until(() => tokens().includes(token) || lost.length > 0))
    release()
  }

  beforeEach(async () => {
    subject = await make()
    channel = subject.channel
    lost.length = 0
    frames.length = 0
    channel.onLost.on((error) => lost.push(error))
    channel.onMessage.on((frame) => frames.push(frame))
  })

  afterEach(async () => {
    await channel.close()
    await subject.stop()
    expect(subject.pendingTimers() ?? 0).toBe(0)
  })

  describe("connect", () => {
    it("opens what carries the messages, and says what the bus is", async () => {
      expect(channel).toMatchObject({ isOpen: false, parameters: undefined })
      expect(channel.window.incoming.length).toBe(0)
      const parameters = await subject.run(channel.connect())
      expect(channel).toMatchObject({ isOpen: true, parameters })
      expect(parameters).toMatchObject({ revision: 1, epoch: expect.any(Number) })
      expect(parameters.maxMessageSize).toBeGreaterThanOrEqual(52)
      expect([channel.window.outgoing.bytes.length, channel.window.incoming.length]).toEqual([
        parameters.driverAreaSize,
        parameters.deviceAreaSize,
      ])
    })

    it("again begins another epoch, with a window of its own", async () => {
      const before = await subject.run(channel.connect())
      const { window } = channel
      window.outgoing.put8(100, 0x5a)
      const after = await subject.run(channel.connect())
      expect(after.epoch).not.toBe(before.epoch)
      expect(channel.window).not.toBe(window)
      expect(channel.window.outgoing.bytes[100]).toBe(0)
      await answer(1)
      expect({ tokens: tokens(), lost }).toEqual({ tokens: [1], lost: [] })
    })
  })

  it("carries messages as they are, in their order, each once", async () => {
    await subject.run(channel.connect())
    const sent = Array.from({ length: 30 }, (_, at) => 0x1234 + at)
    const release = channel.hold()
    for (const token of sent) channel.post(ping(token))
    await subject.run(until(() => tokens().length === sent.length))
    release()
    expect(tokens()).toEqual(sent)
  })

  it("shows either side what the other wrote before its message", async () => {
    const bus = new OpenedBus(await subject.run(Bus.open(channel, { clock: subject.clock })))
    const i2c = await subject.run(bus.i2c())
    for (let round = 0; round < 20; round++) {
      await subject.run(i2c.writeBlock(0x54, 0, [round, round + 1, round + 2]))
      expect([...(await subject.run(i2c.readBlock(0x54, 0, 3)))]).toEqual([round, round + 1, round + 2])
    }
    await bus.close()
  })

  it("is lost when the device starts again, and another epoch follows", async () => {
    const before = await subject.run(channel.connect())
    await subject.restart()
    await answer(1)
    expect(["DEVICE_RESTARTED", "LINK_CLOSED"]).toContain(lost[0]?.code)
    expect(lost).toHaveLength(1)
    const after = await subject.run(channel.connect())
    expect(after.epoch).not.toBe(before.epoch)
    lost.length = 0
    await answer(2)
    expect({ tokens: tokens(), lost }).toEqual({ tokens: [2], lost: [] })
  })

  it("says so when what carried it is gone, and drops what is posted then", async () => {
    await subject.run(channel.connect())
    if (!subject.cut) return
    await subject.cut()
    await subject.run(until(() => lost.length > 0))
    expect(lost).toMatchObject([{ code: "LINK_CLOSED", hint: channel.farEnd.whenGone, maybeExecuted: true }])
    expect(channel.isOpen).toBe(false)
    channel.post(ping(1))
    channel.flush()
    await subject.run(Promise.resolve())
    expect(tokens()).toEqual([])
  })

  it("notices in bounded time that nobody answers, while an answer is awaited and while it connects", async () => {
    await subject.run(channel.connect())
    if (!subject.silence) return
    subject.silence()
    const startMs = subject.clock.now()
    const release = channel.hold()
    channel.post(ping(1))
    await subject.run(until(() => lost.length > 0))
    release()
    expect(lost).toMatchObject([{ code: "TIMEOUT", hint: channel.farEnd.whenSilent, maybeExecuted: true }])
    await expect(subject.run(channel.connect())).rejects.toMatchObject({ code: "CONNECT_FAILED" })
    expect(subject.clock.now() - startMs).toBeLessThan(BOUND_MS)
  })

  it("takes no harm from what no device sends", async () => {
    await subject.run(channel.connect())
    for (let length = 0; length < 300; length += 7)
      subject.garbage(Uint8Array.from({ length }, (_, at) => (at * 89 + length) & 0xff))
    if (!channel.isOpen || lost.length > 0) await subject.run(channel.connect())
    lost.length = 0
    await answer(1)
    expect({ tokens: tokens(), lost }).toEqual({ tokens: [1], lost: [] })
  })

  it("ends without a word when it is closed, also while it connects", async () => {
    const connecting = channel.connect().then(
      () => "connected",
      (error) => error.code,
    )
    await channel.close()
    expect(["LINK_CLOSED", "connected"]).toContain(await subject.run(connecting))
    await channel.close()
    channel.post(ping(1))
    expect({ isOpen: channel.isOpen, lost }).toEqual({ isOpen: false, lost: [] })
  })
}
