// What watches a link and what spoils it: wrappers of one kind, around any link and around each other.

import { describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import { FaultyLink } from "../../host/src/link/faulty-link.js"
import type { Link, LinkEvents } from "../../host/src/link/link.js"
import { Tap, tapLink } from "../../host/src/link/tap.js"

/** Gives back whatever is sent. */
class Echo implements Link {
  readonly name = "echo"
  readonly isSimulated = true
  readonly isReliable = true
  events: LinkEvents | undefined
  readonly sent: Uint8Array[] = []
  async open(events: LinkEvents): Promise<void> {
    this.events = events
  }
  send(packet: Uint8Array): void {
    this.sent.push(packet)
    this.events?.onPacket(packet)
  }
  async close(): Promise<void> {}
}

async function opened(random = () => 0.5) {
  const clock = new VirtualClock()
  const echo = new Echo()
  const link = new FaultyLink(echo, clock, random)
  const fates: string[] = []
  link.onFate.on((direction, _packet, fate) => fates.push(`${direction} ${fate}`))
  const arrived: number[] = []
  const events = { onPacket: (packet: Uint8Array) => arrived.push(packet[0] as number), onClose() {} }
  await link.open(events)
  return { clock, echo, link, fates, arrived, events }
}

describe("a faulty link", () => {
  it("hands everything on at once until something is said to go wrong, and promises nothing", async () => {
    const { link, fates, arrived } = await opened()
    link.send(Uint8Array.of(1))
    expect(arrived).toEqual([1])
    expect(fates).toEqual(["out delivered", "in delivered"])
    expect(link.isReliable).toBe(false) // whatever is inside
  })

  it("loses, doubles and damages the share that it is told", async () => {
    const { link, fates, arrived, echo } = await opened()
    link.setFaults({ loss: 1 })
    link.send(Uint8Array.of(1))
    expect([...fates.splice(0), echo.sent.length]).toEqual(["out dropped", 0])
    link.setFaults({ loss: 0, duplication: 1 })
    link.send(Uint8Array.of(2))
    expect(arrived.splice(0)).toEqual([2, 2, 2, 2]) // twice each way
    link.setFaults({ duplication: 0, damage: 1 })
    const whole = Uint8Array.of(0)
    link.send(whole)
    expect(echo.sent.at(-1)).toEqual(Uint8Array.of(1 << 4)) // 0.5 of 8 bits
    expect([...whole]).toEqual([0]) // the sender's own is not touched
    expect(fates.slice(-2)).toEqual(["out damaged", "in damaged"])
  })

  it("keeps the order, but for what is reordered", async () => {
    const draws = [0.9, 0, 0.1, 0] // jitter of the first, its echo's, of the second, its echo's
    const { clock, link, arrived, echo } = await opened(() => draws.shift() ?? 0)
    link.setFaults({ latencyMs: 1, jitterMs: 10 })
    link.send(Uint8Array.of(1))
    link.send(Uint8Array.of(2))
    expect(arrived).toEqual([])
    await clock.advance(40)
    expect([...echo.sent].map(([first]) => first)).toEqual([1, 2])
    expect(arrived.splice(0)).toEqual([1, 2])
    link.setFaults({ reordering: 1, jitterMs: 0 })
    const late = [0, 0, 0.9, 0, 0, 0.1]
    draws.push(...late)
    link.send(Uint8Array.of(3))
    link.send(Uint8Array.of(4))
    await clock.advance(60)
    expect(arrived).toEqual([4, 3])
  })

  it("loses what is under way when it is cut, closed or opened again", async () => {
    const { clock, link, fates, arrived, events } = await opened()
    link.setFaults({ latencyMs: 5 })
    for (const end of [() => link.cut(), () => link.close(), () => link.open(events)]) {
      link.send(Uint8Array.of(1))
      await end()
      await clock.advance(50)
      expect(arrived).toEqual([])
      if (link.isCut) link.send(Uint8Array.of(2))
      link.mend()
    }
    expect(fates).toEqual(["out delivered", "out cut", "out delivered", "out delivered"])
  })
})

it("a tap outside a faulty link sees what was sent, one inside what came through", async () => {
  const clock = new VirtualClock()
  const seen = { outside: 0, inside: 0 }
  const taps = { outside: new Tap(), inside: new Tap() }
  for (const side of ["outside", "inside"] as const) taps[side].onPacket.on(() => seen[side]++)
  const faulty = new FaultyLink(tapLink(new Echo(), taps.inside), clock, () => 0)
  const link = tapLink(faulty, taps.outside)
  await link.open({ onPacket() {}, onClose() {} })
  link.send(Uint8Array.of(1))
  faulty.setFaults({ loss: 1 })
  link.send(Uint8Array.of(2))
  expect(seen).toEqual({ outside: 3, inside: 2 })
  expect(link).toMatchObject({ name: "echo", isSimulated: true, isReliable: false })
})
