// How much waits in the host to be sent, whatever the device does and however much callers ask: bounded
// (docs/bus.md "Delivery and flow control").

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { PacketChannel } from "../../host/src/bus/packet-channel.js"
import { VirtualClock } from "../../host/src/clock.js"
import { Transport } from "../../host/src/driver/transport.js"
import type { LinkEvents } from "../../host/src/link/link.js"
import { Tap, tapLink } from "../../host/src/link/tap.js"
import { MAX_PACKET_SIZE, PACKET_DATA, PACKET_NO_EPOCH } from "../../shared-protocol/src/mailbox/packet.js"
import { MemoryLink } from "../support/memory-link.js"

/** As many requests as may be in flight. */
const REQUESTS = 32
const QUEUES = 3

/** A device that works, and acknowledges nothing once it is told to. */
class UngratefulLink extends MemoryLink {
  isSilent = false
  #acknowledged = 0
  #events: LinkEvents | undefined

  /** A packet of whoever pretends to be the device. */
  forge(packet: Uint8Array): void {
    this.#events?.onPacket(packet)
  }

  announce(): void {
    this.#events?.onAnnounce?.()
  }

  override async open(events: LinkEvents): Promise<void> {
    this.#events = events
    return super.open({
      ...events,
      onPacket: (packet) => {
        if (!this.isSilent) this.#acknowledged = packet[4] as number
        packet[4] = this.#acknowledged
        events.onPacket(packet)
      },
    })
  }
}

let clock: VirtualClock
let link: UngratefulLink
let channel: PacketChannel
let bus: Bus
const waiting = () => channel.mailbox.messages.length

beforeEach(async () => {
  clock = new VirtualClock(1000)
  link = new UngratefulLink(clock)
  const trace = new Tap()
  channel = new PacketChannel(tapLink(link, trace), { clock })
  bus = await clock.run(Bus.open(channel, { clock, trace }))
})

afterEach(() => bus.close())

/** Ends with the messages that ever waited, at the most. */
async function mostWaiting(turns: number, act: (turn: number) => void): Promise<number> {
  let most = 0
  for (let turn = 0; turn < turns; turn++) {
    act(turn)
    most = Math.max(most, waiting())
    if (turn % 50 === 49) await clock.advance(1)
  }
  return most
}

describe("while a device acknowledges nothing", () => {
  it("the same event waits once, however often a driver kicks", async () => {
    link.isSilent = true
    const transport = new Transport(bus, 0)
    expect(await mostWaiting(5000, (turn) => transport.eventAvail(turn % QUEUES))).toBeLessThanOrEqual(QUEUES)
    expect(waiting()).toBe(QUEUES) // they wait, and are not lost
  })

  it("no more requests wait than may be in flight, and each ends with an error", async () => {
    link.isSilent = true
    const ends: unknown[] = []
    const ask = (call: Promise<unknown>) =>
      call.then(
        () => ends.push("answer"),
        (error) => ends.push(error.code),
      )
    const most = await mostWaiting(2000, (turn) => void ask(turn % 2 ? bus.ping() : bus.devices()))
    expect(most).toBeLessThanOrEqual(REQUESTS)
    await clock.advance(10_000)
    expect(ends).toHaveLength(2000)
    expect(waiting()).toBe(0)
  })
})

describe("an event that is not the same as one that waits", () => {
  it("is sent: every one of a device's queues hears of its chains", async () => {
    const sent: number[] = []
    const { send } = link
    link.send = (packet) => {
      if ((packet[0] as number) & PACKET_DATA && packet.length <= MAX_PACKET_SIZE)
        for (let at = 5; packet[at] === 0; at += 2 + (packet[at + 1] as number))
          if (packet[at + 3] === 0x41) sent.push(packet[at + 10] as number)
      send.call(link, packet)
    }
    const transport = new Transport(bus, 0)
    for (const queue of [0, 1, 0, 2, 1]) transport.eventAvail(queue)
    await clock.advance(5)
    transport.eventAvail(0)
    await clock.advance(5)
    expect(sent).toEqual([0, 1, 2, 0])
  })
})

describe("a device that makes us answer and need not read", () => {
  const EPOCH_AT = 1
  /** How many packets leave while `act` is done so often at one moment. */
  const sentBy = (count: number, act: (turn: number) => void): number => {
    let sent = 0
    const off = bus.trace.onPacket.on((direction) => {
      if (direction === "out") sent++
    })
    for (let turn = 0; turn < count; turn++) act(turn)
    off()
    return sent
  }
  const packet = (flags: number, sequence: number) => {
    const { epoch } = channel.mailbox
    const bytes = Uint8Array.of(flags, 0, 0, sequence, 0)
    bytes.set([epoch & 0xff, epoch >> 8], EPOCH_AT)
    return bytes
  }

  it("gets one answer to any number of gaps at one moment", () => {
    expect(sentBy(10_000, () => link.forge(packet(PACKET_DATA, 77)))).toBeLessThanOrEqual(1)
  })

  it("gets one answer to any number of announcements", () => {
    expect(sentBy(10_000, () => link.announce())).toBeLessThanOrEqual(1)
  })

  it("gets one answer to any number of refusals that it takes back", async () => {
    const sent = sentBy(10_000, () => {
      link.forge(packet(PACKET_NO_EPOCH, 0))
      link.forge(packet(0, 0))
    })
    expect(sent).toBeLessThanOrEqual(1)
    // and it is still served
    expect(await clock.run(bus.ping())).toBeGreaterThan(0)
  })
})
