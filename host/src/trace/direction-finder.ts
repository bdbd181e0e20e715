// Finds out who sent a packet, for captures that do not say it (docs/bus.md "Packets"). The packet's flags and
// messages may show it, or the sequences of the packets around it.

import { DEVICE_CREDIT, HOST_CREDIT, PROBE_EPOCH } from "../../../shared-protocol/src/mailbox/packet.js"
import { EVENT_BIT, TYPE_BUS, TYPE_RESPONSE } from "../../../shared-protocol/src/messages/header.js"
import { EVENT_AVAIL } from "../../../shared-protocol/src/messages/ids.js"
import type { Direction } from "../link/link.js"
import { type PacketContents, readPacket } from "./packet-records.js"

/** An acknowledgement is no further behind than so many packets may be unacknowledged. */
const MOST_BEHIND = Math.max(DEVICE_CREDIT, HOST_CREDIT)
/** Heartbeats come in between. After so many packets nothing can be concluded any more. */
const MOST_WAITING = 64

interface Sequences {
  out: number | undefined
  in: number | undefined
}

interface Waiting<Packet> {
  readonly packet: Packet
  readonly bytes: Uint8Array
  readonly stated: Direction | undefined
}

/** Hands packets on in order, each with its sender; undefined when nothing shows who that is. */
export class DirectionFinder<Packet extends { readonly bytes: Uint8Array }> {
  readonly #onPacket: (packet: Packet, direction: Direction | undefined) => void
  /** The first of them could be from either side. It waits until a later packet shows whose sequence continues. */
  #waiting: Waiting<Packet>[] = []
  #epoch: number | undefined
  /** The next sequence of each side. Undefined until its first packet. */
  readonly #next: Sequences = { out: undefined, in: undefined }
  /** What each side has acknowledged. A side never takes that back. */
  readonly #acknowledged: Sequences = { out: undefined, in: undefined }

  constructor(onPacket: (packet: Packet, direction: Direction | undefined) => void) {
    this.#onPacket = onPacket
  }

  /** Takes the next packet, and what the capture says of its sender. */
  push(packet: Packet, stated: Direction | undefined): void {
    const { bytes } = packet
    const parts = readPacket(bytes)
    if (this.#waiting.length === 0) {
      const direction = this.#directionOf(parts, bytes, stated)
      if (direction || !parts?.hasData) this.#onPacket(packet, direction)
      else this.#waiting.push({ packet, bytes, stated })
      return
    }
    this.#waiting.push({ packet, bytes, stated })
    const direction = parts?.hasData ? (stated ?? toldBy(parts, bytes)) : undefined
    if (parts && direction && parts.epoch === this.#epoch) this.#settle(direction, parts.sequence)
    else if (direction || this.#waiting.length > MOST_WAITING) this.end()
  }

  /** There are no more packets. */
  end(): void {
    this.#settle(undefined, 0)
  }

  /**
   * Hands on the packets that wait. Side `known` has reached `sequence`: the numbers that it lacks before are among
   * them.
   */
  #settle(known: Direction | undefined, sequence: number): void {
    for (const { packet, bytes, stated } of this.#waiting.splice(0)) {
      const parts = readPacket(bytes)
      let direction = this.#directionOf(parts, bytes, stated)
      if (!direction && known && parts?.hasData && parts.epoch === this.#epoch) {
        const lacks = (sequence - (this.#next[known] ?? sequence)) & 0xff
        const isKnown = lacks > 0 && lacks <= MOST_BEHIND && parts.sequence === this.#next[known]
        const other = known === "out" ? "in" : "out"
        const found = isKnown ? known : parts.sequence === this.#next[other] ? other : undefined
        if (found) direction = this.#directionOf(parts, bytes, found)
      }
      this.#onPacket(packet, direction)
    }
  }

  #directionOf(
    parts: PacketContents | undefined,
    bytes: Uint8Array,
    stated: Direction | undefined,
  ): Direction | undefined {
    if (!parts) return stated
    if (parts.epoch === PROBE_EPOCH || parts.knowsNoEpoch)
      return stated ?? (parts.knowsNoEpoch ? "in" : "out")
    if (parts.epoch !== this.#epoch) this.#begin(parts)
    const direction = stated ?? toldBy(parts, bytes) ?? this.#fits(parts)
    if (!direction) return undefined
    if (parts.hasData) this.#next[direction] = (parts.sequence + 1) & 0xff
    this.#acknowledged[direction] = parts.acknowledgement
    return direction
  }

  /** A CONNECT begins an epoch, and so new sequences on both sides. */
  #begin({ epoch, isConnect }: PacketContents): void {
    this.#epoch = epoch
    for (const sequences of [this.#next, this.#acknowledged]) {
      sequences.out = isConnect ? 0 : undefined
      sequences.in = isConnect ? 0 : undefined
    }
  }

  /** The one direction that agrees with the packet's sequence and acknowledgement. */
  #fits(parts: PacketContents): Direction | undefined {
    const [only, another] = (["out", "in"] as const).filter((direction) => {
      if (parts.hasData && this.#next[direction] !== parts.sequence) return false
      const from = this.#acknowledged[direction]
      const to = this.#next[direction === "out" ? "in" : "out"]
      if (to !== undefined && ((to - parts.acknowledgement) & 0xff) > MOST_BEHIND) return false
      return from === undefined || ((parts.acknowledgement - from) & 0xff) <= MOST_BEHIND
    })
    return another ? undefined : only
  }
}

/** Only a host connects, sends requests and makes chains available. Only a device answers and uses chains. */
function toldBy({ isConnect, records }: PacketContents, bytes: Uint8Array): Direction | undefined {
  if (isConnect) return "out"
  const message = records.find(({ kind, length }) => kind === "message" && length >= 2)
  if (!message) return undefined
  const type = bytes[message.at] as number
  const msgId = bytes[message.at + 1] as number
  if (type & TYPE_RESPONSE) return "in"
  const isEvent = msgId >= EVENT_BIT && msgId < 2 * EVENT_BIT
  if (!isEvent) return "out"
  return (type & TYPE_BUS) === 0 && msgId === EVENT_AVAIL ? "out" : "in"
}
