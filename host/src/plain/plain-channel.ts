// The plain profile as a channel (docs/conform-your-own.md): frames on a stream, and memory that both sides really
// share.
// A new epoch is a new connection.

import { OutgoingArea } from "../../../shared-protocol/src/mailbox/outgoing-area.js"
import { MAX_AREA_SIZE } from "../../../shared-protocol/src/mailbox/packet.js"
import type { ChannelParameters } from "../bus/channel.js"
import { DirectChannel } from "../bus/direct-channel.js"
import { busClosed, linkGone } from "../bus/failures.js"
import { tidyArea } from "../bus/tidy-area.js"
import { UsedRings } from "../bus/used-rings.js"
import { Window } from "../bus/window.js"
import { allocateBytes, type HostBytes } from "../bytes.js"
import type { VirtioMsgError } from "../errors.js"
import { OTHER_IMPLEMENTATION } from "../link/far-end.js"
import { drainArea } from "./drain-area.js"
import type { OpenPlainPeer, PlainPeer } from "./plain-peer.js"

/** Epochs are 1 to this. */
const LAST_EPOCH = 0xfffe

export interface PlainChannelOptions {
  /** Bytes. The device's own limit holds where it is lower. When this is absent, only the device's limit holds. */
  readonly maxMessageSize?: number
}

/** What belongs to one connection. */
interface Connected {
  readonly peer: PlainPeer
  readonly areaSize: number
  readonly usedRings: UsedRings
}

export class PlainChannel extends DirectChannel {
  readonly #open: OpenPlainPeer
  readonly #maxMessageSize: number
  #connected: Connected | undefined
  #epoch = 0
  #isClosed = false

  /** To the device that `open` connects to. `name` is what the user calls it. */
  constructor(name: string, open: OpenPlainPeer, { maxMessageSize = 0xffff }: PlainChannelOptions = {}) {
    super(name, OTHER_IMPLEMENTATION)
    this.#open = open
    this.#maxMessageSize = maxMessageSize
  }

  get isOpen(): boolean {
    return this.#connected !== undefined
  }

  async connect(): Promise<ChannelParameters> {
    await this.#disconnect()
    const epoch = (this.#epoch % LAST_EPOCH) + 1
    this.#epoch = epoch
    const early: Uint8Array[] = []
    let lostBy: VirtioMsgError | undefined
    const peer = await this.#open({
      onFrame: (frame) => {
        if (epoch !== this.#epoch) return
        if (this.#connected) this.#take(frame)
        else early.push(frame)
      },
      onClose: (reason) => {
        if (epoch !== this.#epoch || this.#isClosed) return
        lostBy = linkGone(this, reason)
        void this.#disconnect() // the memory has to be let go, too
        this.onLost.emit(lostBy)
      },
    })
    if (this.#isClosed || lostBy) {
      await peer.close()
      throw lostBy ?? busClosed()
    }
    const parameters = this.#begin(peer)
    for (const frame of early) this.#take(frame)
    return parameters
  }

  post(frame: Uint8Array): void {
    if (!this.#connected) return
    this.flush()
    this.#connected.usedRings.note(frame)
    this.#connected.peer.send(frame)
  }

  flush(): void {
    const { peer } = this.#connected ?? {}
    const { outgoing } = this.window
    if (!peer || !outgoing.isDirty()) return
    tidyArea(outgoing)
    drainArea(outgoing, (offset, bytes) => peer.window.write(offset, bytes))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#disconnect()
  }

  async #disconnect(): Promise<void> {
    const { peer } = this.#connected ?? {}
    this.#connected = undefined
    await peer?.close()
  }

  /** The new window. An address is an offset in it. The driver's area is its first half, the device's the second. */
  #begin(peer: PlainPeer): ChannelParameters {
    const { greeting } = peer
    const areaSize = Math.min(MAX_AREA_SIZE, Math.floor(greeting.windowBytes / 32) * 16)
    const connected = { peer, areaSize, usedRings: new UsedRings(areaSize) }
    this.#connected = connected
    const incoming = allocateBytes(areaSize)
    const bases = { driver: { low: 0, high: 0 }, device: { low: areaSize, high: 0 } }
    this.window = new Window(new OutgoingArea(allocateBytes(areaSize)), incoming, bases, {
      refresh: () => refresh(connected, incoming),
      prefill(offset, bytes) {
        peer.window.write(areaSize + offset, bytes)
        incoming.set(bytes.subarray(0, Math.max(0, areaSize - offset)), Math.min(offset, areaSize))
      },
      readOutgoing: (offset, lengthBytes) => peer.window.read(offset, lengthBytes),
    })
    // an epoch begins with an area of zeros, so what a driver before left there is overwritten
    peer.window.write(0, new Uint8Array(areaSize))
    refresh(connected, incoming)
    this.parameters = {
      revision: greeting.revision,
      maxMessageSize: Math.min(greeting.maxMessageSize, this.#maxMessageSize),
      transportFeatures: greeting.transportFeatures,
      isPolling: greeting.isPolling === true,
      ...(greeting.slotBytes === undefined ? {} : { slotBytes: greeting.slotBytes }),
      epoch: this.#epoch,
      driverAreaSize: areaSize,
      deviceAreaSize: areaSize,
      board: peer.busName ?? "plain profile",
      firmwareVersion: [0, 0, 0, 0],
      hasSimulatedChips: true,
    }
    return this.parameters
  }

  #take(frame: Uint8Array): void {
    this.window.shared?.refresh()
    this.onMessage.emit(frame)
  }
}

/**
 * Copies the device's area, which the device may write to meanwhile. The indexes are read first. So whatever the
 * device completes during the copy, an index only speaks of what is in the copy.
 */
function refresh({ peer, areaSize, usedRings }: Connected, incoming: HostBytes): void {
  const indexes = [...usedRings.all()]
    .filter(({ indexOffset }) => indexOffset >= 0 && indexOffset + 2 <= areaSize)
    .map(({ indexOffset }) => ({ indexOffset, bytes: peer.window.read(areaSize + indexOffset, 2) }))
  incoming.set(peer.window.read(areaSize, areaSize))
  for (const { indexOffset, bytes } of indexes) incoming.set(bytes, indexOffset)
}
