// The channel suite over every channel: packets over a link in memory and into the real VM, the plain profile in this
// process and over a socket with a shared file. Beside it, what only one of them does.

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { PacketChannel } from "../../host/src/bus/packet-channel.js"
import { systemClock, VirtualClock } from "../../host/src/clock.js"
import { encodeCommand } from "../../host/src/link/jacdac-frame.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import type { LinkEvents } from "../../host/src/link/link.js"
import { Tap, tapLink } from "../../host/src/link/tap.js"
import { makeChannel } from "../../host/src/node/open-channel.js"
import { makeNativeChannel, servePlainBoard, simulatedModels } from "../../host/src/node/plain-board.js"
import { OpenedBus, openBus } from "../../host/src/open-bus.js"
import { PlainChannel } from "../../host/src/plain/plain-channel.js"
import type { PlainEvents } from "../../host/src/plain/plain-peer.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { type ChannelSubject, channelTests } from "../suites/channel-suite.js"
import { MemoryLink } from "../support/memory-link.js"
import { plainDevicePeer } from "../support/plain-device-peer.js"

/** Keeps what a channel listens with, to speak in the device's place; can fall silent. */
class TellingLink extends MemoryLink {
  events: LinkEvents | undefined
  isSilent = false
  readonly isReliable: boolean

  constructor(clock: VirtualClock, isReliable = false) {
    super(clock)
    this.isReliable = isReliable
  }

  override async open(events: LinkEvents): Promise<void> {
    this.events = events
    await super.open(events)
  }

  override send(packet: Uint8Array): void {
    if (!this.isSilent) super.send(packet)
  }
}

/** Our device code in this process, without a mailbox. */
async function natively(): Promise<ChannelSubject> {
  const clock = new VirtualClock(1000)
  const channel = makeNativeChannel(clock)
  return {
    channel,
    clock,
    pendingTimers: () => clock.pendingCount,
    run: (promise) => clock.run(promise),
    restart: () => channel.restart(),
    cut: undefined,
    silence: undefined,
    garbage: (bytes) => channel.onMessage.emit(bytes),
    stop: () => channel.close(),
  }
}

function overMemory(isReliable: boolean): ChannelSubject {
  const clock = new VirtualClock(1000)
  const link = new TellingLink(clock, isReliable)
  return {
    channel: new PacketChannel(link, { clock }),
    clock,
    pendingTimers: () => clock.pendingCount,
    run: (promise) => clock.run(promise),
    restart: () => link.restart(),
    cut: () => link.breakOff(),
    silence: () => {
      link.isSilent = true
    },
    garbage: (bytes) => link.events?.onPacket(bytes),
    stop: () => clock.advance(1000),
  }
}

async function overTheVm(): Promise<ChannelSubject> {
  const clock = new VirtualClock(1000)
  const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
  return {
    channel: new PacketChannel(new JacdacLink(new VmPort(machine), clock), { clock }),
    clock,
    pendingTimers: () => clock.pendingCount,
    run: (promise) => clock.run(promise),
    restart: () => machine.restart(),
    cut: undefined, // a machine in this process has no cable
    silence: () => machine.stop(),
    garbage(bytes) {
      machine.onFrame.emit(bytes)
      machine.onFrame.emit(encodeCommand("0102030405060708", 1, 0x80, bytes.subarray(0, 200)))
    },
    stop: async () => machine.stop(),
  }
}

async function plainInMemory(): Promise<ChannelSubject> {
  const clock = new VirtualClock(1000)
  const { open } = plainDevicePeer(clock, { maxMessageSize: 264, models: simulatedModels(clock) })
  let events: PlainEvents | undefined
  const channel = new PlainChannel("in memory", (taking) => {
    events = taking
    return open(taking)
  })
  const cut = () => events?.onClose(undefined)
  return {
    channel,
    clock,
    pendingTimers: () => clock.pendingCount,
    run: (promise) => clock.run(promise),
    restart: cut, // a device that starts again has lost its connection
    cut,
    silence: undefined, // a stream tells nothing of it: see `PlainChannel.hold`
    garbage: (bytes) => events?.onFrame(bytes),
    stop: () => clock.advance(1000),
  }
}

async function plainOverASocket(): Promise<ChannelSubject> {
  const folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-channel-"))
  const port = `plain:unix:${path.join(folder, "board.sock")}`
  let server = await servePlainBoard(port)
  return {
    channel: await makeChannel(port, new Tap()),
    clock: systemClock,
    pendingTimers: () => undefined,
    run: (promise) => promise,
    async restart() {
      await server.close()
      server = await servePlainBoard(port)
    },
    cut: () => server.close(),
    silence: undefined,
    garbage: () => {}, // what a stream can bring is frames, and those come over the one in memory
    async stop() {
      await server.close().catch(() => {})
      await rm(folder, { recursive: true, force: true })
    },
  }
}

describe("packets over a link in memory", () => channelTests(async () => overMemory(false)))
describe("packets over a reliable link", () => channelTests(async () => overMemory(true)))
describe("our device code natively", () => channelTests(natively))
describe("packets into the VM", () => channelTests(overTheVm))
describe("the plain profile in memory", () => channelTests(plainInMemory))
describe("the plain profile over a socket", () => channelTests(plainOverASocket))

describe("a link that says that it is reliable", () => {
  /** How many packets leave again while a device with a slow answer is waited for. */
  const repeated = async (isReliable: boolean) => {
    const clock = new VirtualClock(1000)
    const link = new TellingLink(clock, isReliable)
    const trace = new Tap()
    const channel = new PacketChannel(tapLink(link, trace), { clock })
    await clock.run(channel.connect())
    link.isSilent = true
    channel.post(Uint8Array.of(2, 2, 0, 0, 1, 0, 12, 0, 1, 2, 3, 4))
    const seen = new Set<string>()
    let again = 0
    trace.onPacket.on((direction, packet) => {
      const key = `${packet[3]}:${packet.subarray(5).join()}`
      if (direction === "in" || ((packet[0] as number) & 1) === 0) return
      if (seen.has(key)) again++
      seen.add(key)
    })
    await clock.advance(2000)
    await channel.close()
    return again
  }

  it("has nothing sent again for time alone; any other has", async () => {
    expect(await repeated(true)).toBe(0)
    expect(await repeated(false)).toBeGreaterThan(5)
  })
})

describe("a device that never answers HELLO", () => {
  it("is given up after 3 s, each HELLO in an epoch of its own, whatever chance says", async () => {
    for (const drawn of [0, 0.25, 0.9999999]) {
      const clock = new VirtualClock(1000)
      const link = new TellingLink(clock)
      const trace = new Tap()
      const channel = new PacketChannel(tapLink(link, trace), { clock, random: () => drawn })
      link.isSilent = true
      const epochs = new Set<number>()
      let changes = 0
      let last = 0
      trace.onPacket.on((_direction, packet) => {
        const epoch = (packet[1] as number) | ((packet[2] as number) << 8)
        if (epoch !== last) changes++
        last = epoch
        epochs.add(epoch)
      })
      await expect(clock.run(channel.connect())).rejects.toMatchObject({ code: "CONNECT_FAILED" })
      expect(clock.now()).toBe(4000)
      expect(changes).toBeGreaterThan(1)
      expect(epochs.has(0) || epochs.has(0xffff)).toBe(false) // no epoch, and the one of probes
      await channel.close()
    }
  })
})

describe("the plain profile's window", () => {
  it("is one: what is written into it is in the other side's at the next message, and an index never before its element", async () => {
    const memory = new Uint8Array(65536)
    const writes: number[] = []
    let events: PlainEvents | undefined
    const channel = new PlainChannel("memory", async (taking) => {
      events = taking
      return {
        greeting: {
          revision: 1,
          maxMessageSize: 264,
          transportFeatures: 0,
          windowBytes: memory.length,
          file: "",
        },
        window: {
          read: (offset, length) => memory.slice(offset, offset + length),
          write(offset, bytes) {
            memory.set(bytes, offset)
            writes.push(offset)
          },
        },
        send: () => {},
        close: async () => {},
      }
    })
    await channel.connect()
    writes.length = 0
    channel.window.outgoing.putIndex(18, 1)
    channel.window.outgoing.put16(20, 7)
    channel.post(Uint8Array.of(2, 2, 0, 0, 1, 0, 8, 0))
    expect(writes).toEqual([20, 18])
    // the device completes something while its area is copied: the index in the copy is not newer than what it announces
    channel.post(setVqueue(0x8000 + 0x100))
    memory.set([1, 0], 0x8000 + 0x102)
    const read = memory.slice.bind(memory)
    let reads = 0
    memory.slice = (from, to) => {
      const bytes = read(from, to)
      if (reads++ === 0) memory.set([2, 0], 0x8000 + 0x102) // between the index and everything else
      return bytes
    }
    events?.onFrame(Uint8Array.of(0, 0x42, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0))
    expect(reads).toBe(2)
    expect(channel.window.incoming[0x102]).toBe(1)
    await channel.close()
  })
})

/** SET_VQUEUE of queue 0 of device 0, with its used ring at `used`. */
function setVqueue(used: number): Uint8Array {
  const frame = new Uint8Array(48)
  frame.set([0, 0x0a, 0, 0, 1, 0, 48, 0])
  frame.set([1, 0, 0, 0, 8, 0, 0, 0], 12)
  frame.set([used & 0xff, used >> 8], 40)
  return frame
}

describe("a second driver of a device of the plain profile", () => {
  it("is told that another program uses it, and the first never notices", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-channel-"))
    const notices: string[] = []
    const server = await servePlainBoard(`plain:unix:${path.join(folder, "board.sock")}`, (sentence) =>
      notices.push(sentence),
    )
    const first = await openBus({ port: server.port })
    try {
      let lost = 0
      first.bus.onLost.on(() => lost++)
      const i2c = await first.i2c()
      await expect(openBus({ port: server.port })).rejects.toMatchObject({
        code: "CONNECT_FAILED",
        message: `Another program uses the board on ${server.port}.`,
      })
      expect(notices).toEqual(["A second driver was refused: the device has one at a time."])
      expect(await i2c.readByte(0x54, 14)).toBe(0x66)
      expect({ lost, epochs: first.bus.epochCount }).toEqual({ lost: 0, epochs: 1 })
    } finally {
      await first.close()
    }
    const next = await openBus({ port: server.port }) // free as soon as the first has gone
    expect(await next.ping()).toBeGreaterThan(0)
    await next.close()
    await server.close()
    await rm(folder, { recursive: true })
  })
})

describe("a bus without notifications", () => {
  it("has its used rings looked at, and no EVENT_AVAIL is sent", async () => {
    const clock = new VirtualClock(1000)
    const options = { maxMessageSize: 264, models: simulatedModels(clock), isPolling: true }
    const channel = new PlainChannel("polled", plainDevicePeer(clock, options).open)
    const bus = new OpenedBus(await clock.run(Bus.open(channel, { clock })))
    let notifications = 0
    bus.bus.trace.onMessage.on((_, frame) => {
      if (frame[0] === 0 && (frame[1] === 0x41 || frame[1] === 0x42)) notifications++
    })
    const i2c = await clock.run(bus.i2c())
    expect(await clock.run(i2c.readByte(0x54, 14))).toBe(0x66)
    expect(notifications).toBe(0)
    await bus.close()
    await clock.advance(1000)
    expect(clock.pendingCount).toBe(0)
  })
})
