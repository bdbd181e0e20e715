// A link that brings packets up to 120 packets late, doubled and in any order, and loses some: the most that the rules
// allow (docs/bus.md "Order, once"). Two mailboxes, and sequence numbers that wrap several times meanwhile.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import { Mailbox } from "../../../shared-protocol/src/mailbox/mailbox.js"
import { PACKET_RESEND } from "../../../shared-protocol/src/mailbox/packet.js"
import { seededRandom, wholeNumber } from "../../faults/seeded-random.js"

/** As many packets of the same sender may come before one that is late. */
const MOST_LATE = 120
/** Four times round, each way. */
const MESSAGES = 1100
const AREA_SIZE = 64
const EPOCH = 7

/** One direction: packets under way, each with how many more its sender must have sent before it comes. */
class LateLink {
  sent = 0
  late = 0
  readonly #random: () => number
  readonly #lossShare: number
  readonly #lateShare: number
  #underWay: { readonly dueAt: number; readonly packet: Uint8Array }[] = []

  constructor(random: () => number, lossShare: number, lateShare: number) {
    this.#random = random
    this.#lossShare = lossShare
    this.#lateShare = lateShare
  }

  send(packet: Uint8Array): void {
    this.sent++
    if (this.#random() >= this.#lossShare) this.#add(packet, wholeNumber(this.#random, 0, 2))
    if (this.#random() < this.#lateShare) {
      this.late++
      this.#add(packet, wholeNumber(this.#random, 3, MOST_LATE))
    }
  }

  /** What comes now, in no order. */
  arrive(): Uint8Array[] {
    const due = this.#underWay.filter(({ dueAt }) => dueAt <= this.sent)
    this.#underWay = this.#underWay.filter(({ dueAt }) => dueAt > this.sent)
    return due.map(({ packet }) => packet).sort(() => this.#random() - 0.5)
  }

  #add(packet: Uint8Array, delay: number): void {
    this.#underWay.push({ dueAt: this.sent + delay, packet: Uint8Array.from(packet) })
  }
}

class End {
  readonly mailbox = new Mailbox({
    alloc: allocateBytes,
    outgoingSize: AREA_SIZE,
    incomingSize: AREA_SIZE,
    credit: 6,
  })
  readonly taken: number[] = []
  #posted = 0

  constructor() {
    this.mailbox.begin(EPOCH)
    this.mailbox.onMessage = (packet, at) =>
      this.taken.push((packet[at] as number) | ((packet[at + 1] as number) << 8))
  }

  /** A turn: a message in a packet of its own, if there is credit, else what asks for the missing. */
  act(link: LateLink, turn: number): void {
    if (this.#posted < MESSAGES && !this.mailbox.hasPending()) {
      this.mailbox.outgoing.put16((this.#posted % (AREA_SIZE / 2)) & ~1, this.#posted)
      this.mailbox.post(Uint8Array.of(this.#posted & 0xff, this.#posted >> 8) as never)
      this.#posted++
    }
    if (turn % 9 === 0) this.mailbox.requestResend()
    const packet = this.mailbox.nextPacket() ?? this.mailbox.barePacket(turn % 5 === 0 ? PACKET_RESEND : 0)
    link.send(packet as unknown as Uint8Array)
  }
}

describe("packets that come up to 120 packets late", () => {
  it.each([
    [1, 0, 0.3],
    [2, 0.1, 0.3],
    [3, 0.1, 1],
    [4, 0.3, 1],
  ])(
    "are each taken once and in order, four times round the sequence (seed %i, %d lost, %d late)",
    (seed, loss, late) => {
      const random = seededRandom(seed)
      const [a, b] = [new End(), new End()]
      const links = [new LateLink(random, loss, late), new LateLink(random, loss, late)] as const
      for (let turn = 0; turn < 40 * MESSAGES; turn++) {
        a.act(links[0], turn)
        b.act(links[1], turn)
        for (const packet of links[0].arrive()) b.mailbox.receive(packet)
        for (const packet of links[1].arrive()) a.mailbox.receive(packet)
        if (a.taken.length >= MESSAGES && b.taken.length >= MESSAGES && turn % 500 === 0) break
      }
      const all = Array.from({ length: MESSAGES }, (_, at) => at)
      expect(a.taken).toEqual(all)
      expect(b.taken).toEqual(all)
      for (const [mine, theirs] of [
        [a, b],
        [b, a],
      ] as const)
        expect(Array.from(mine.mailbox.incoming as never)).toEqual(
          Array.from(theirs.mailbox.outgoing.bytes as never),
        )
      expect(a.mailbox.malformedCount + b.mailbox.malformedCount).toBe(0)
      expect(Math.min(links[0].late, links[1].late)).toBeGreaterThan(MESSAGES / 5)
    },
  )
})
