// The suite as driver on any channel. It posts and receives everything itself: nothing of this package's bus is in
// between.

import { PROTOCOL_HASH } from "../../../shared-protocol/src/mailbox/protocol-hash.js"
import { decodeHeader, TYPE_RESPONSE } from "../../../shared-protocol/src/messages/header.js"
import {
  BUS_VERSION,
  decodeHelloResponse,
  encodeHelloRequest,
  HELLO_REQUEST_SIZE,
} from "../../../shared-protocol/src/messages/hello.js"
import type { BaseAddress } from "../../../shared-protocol/src/ring/layout.js"
import { REQUEST_TIMEOUT_MS } from "../bus/bus.js"
import type { BusParameters, Channel } from "../bus/channel.js"
import { PacketChannel } from "../bus/packet-channel.js"
import { PendingRequests } from "../bus/pending-requests.js"
import { TappedChannel } from "../bus/tapped-channel.js"
import { allocateBytes, type HostBytes } from "../bytes.js"
import { type Clock, systemClock } from "../clock.js"
import { Emitter } from "../emitter.js"
import type { Link } from "../link/link.js"
import { Tap, tapLink } from "../link/tap.js"
import { PlainChannel } from "../plain/plain-channel.js"
import type { OpenPlainPeer } from "../plain/plain-peer.js"
import { tapPeer } from "../plain/tap-peer.js"
import type { DevicePort, Region, SharedMemory } from "./device-port.js"

/** No ring may be at the first bytes of an area: see docs/bus.md "The window". */
const UNUSED_BYTES = 16
/** Flags and index of a used ring. */
const USED_HEADER_BYTES = 4

export interface ChannelPortOptions {
  readonly clock?: Clock
  /** Told of everything that crosses the channel. */
  readonly trace?: Tap
}

export class ChannelPort implements DevicePort {
  readonly clock: Clock
  readonly isOwnFirmware: boolean
  readonly onFrame: Emitter<[frame: Uint8Array]>
  readonly onSent: Emitter<[frame: Uint8Array]> = new Emitter()
  readonly memory: SharedMemory
  readonly request: ((frame: Uint8Array) => Promise<Uint8Array>) | undefined
  readonly #channel: Channel

  private constructor(
    channel: Channel,
    isOwnFirmware: boolean,
    { clock = systemClock, trace = new Tap() }: ChannelPortOptions,
  ) {
    this.#channel = new TappedChannel(channel, trace)
    this.clock = clock
    this.isOwnFirmware = isOwnFirmware
    this.onFrame = this.#channel.onMessage
    this.memory = windowMemory(channel)
    trace.onMessage.on((direction, frame) => {
      if (direction === "out") this.onSent.emit(frame)
    })
    if (isOwnFirmware) this.request = this.#ownDriverSide()
  }

  /** On the serial mailbox bus (docs/bus.md). Connects, and rejects as `Channel.connect`. */
  static async overLink(link: Link, options: ChannelPortOptions = {}): Promise<ChannelPort> {
    const { trace = new Tap() } = options
    const channel = new PacketChannel(tapLink(link, trace), options)
    const port = new ChannelPort(channel, true, { ...options, trace })
    return port.#opened()
  }

  /** On the plain profile (docs/conform-your-own.md), to what `open` connects to. */
  static async overPlain(
    name: string,
    open: OpenPlainPeer,
    options: ChannelPortOptions = {},
  ): Promise<ChannelPort> {
    const { trace = new Tap() } = options
    const channel = new PlainChannel(name, tapPeer(open, trace))
    const port = new ChannelPort(channel, false, { ...options, trace })
    return port.#opened()
  }

  /** On any other channel that carries each message as it is. Connects, and rejects as `Channel.connect`. */
  static async over(channel: Channel, options: ChannelPortOptions = {}): Promise<ChannelPort> {
    return new ChannelPort(channel, false, options).#opened()
  }

  get name(): string {
    return this.#channel.name
  }

  get busName(): string {
    return this.isOwnFirmware ? "serial mailbox bus" : (this.#channel.parameters?.board ?? "")
  }

  get isSimulated(): boolean {
    return this.isOwnFirmware && this.#channel.parameters?.hasSimulatedChips === true
  }

  get parameters(): BusParameters {
    const { parameters } = this.#channel
    if (!parameters) throw new Error("the channel has not connected yet")
    return parameters
  }

  send(frame: Uint8Array): void {
    this.#channel.post(frame)
  }

  flush(): void {
    this.#channel.flush()
  }

  hold(): () => void {
    return this.#channel.hold()
  }

  async reconnect(): Promise<void> {
    await this.#channel.connect()
  }

  async askParameters(): Promise<BusParameters | undefined> {
    if (!this.request) return undefined
    const request = allocateBytes(HELLO_REQUEST_SIZE)
    encodeHelloRequest(request, { protocolHash: PROTOCOL_HASH, busVersion: BUS_VERSION })
    const hello = decodeHelloResponse(await this.request(request))
    return hello.ok ? hello.value : undefined
  }

  close(): Promise<void> {
    return this.#channel.close()
  }

  async #opened(): Promise<this> {
    try {
      await this.#channel.connect()
    } catch (error) {
      await this.#channel.close()
      throw error
    }
    return this
  }

  /** This package's own requests, as a `Bus` on the same channel makes them. */
  #ownDriverSide(): (frame: Uint8Array) => Promise<Uint8Array> {
    const pending = new PendingRequests(this.#channel, this.clock)
    this.#channel.onLost.on((error) => pending.fail(error))
    this.#channel.onMessage.on((frame) => {
      const header = decodeHeader(frame)
      if (header.ok && header.value.type & TYPE_RESPONSE) pending.answer(header.value, frame)
    })
    return (frame) => pending.send(frame, REQUEST_TIMEOUT_MS)
  }
}

/** The window of the channel's present epoch, by the addresses that descriptors carry. */
function windowMemory(channel: Channel): SharedMemory {
  const driverBase = () => toBigInt(channel.window.bases.driver)
  const deviceBase = () => toBigInt(channel.window.bases.device)
  const inDriverArea = (address: bigint) => Number(address - driverBase())
  return {
    get driverRegion() {
      return region(driverBase(), channel.window.outgoing.bytes.length)
    },
    get deviceRegion() {
      return region(deviceBase(), channel.window.incoming.length)
    },
    read(address, lengthBytes) {
      const { outgoing, incoming, shared } = channel.window
      const offset = inDriverArea(address)
      if (offset >= 0 && offset < outgoing.bytes.length) {
        if (!shared) return (outgoing.bytes as HostBytes).slice(offset, offset + lengthBytes)
        channel.flush()
        return shared.readOutgoing(offset, lengthBytes)
      }
      shared?.refresh()
      const at = Number(address - deviceBase())
      return incoming.slice(at, at + lengthBytes)
    },
    write(address, bytes) {
      for (const [i, byte] of bytes.entries()) channel.window.outgoing.put8(inDriverArea(address) + i, byte)
    },
    writeIndex(address, value) {
      channel.window.outgoing.putIndex(inDriverArea(address), value)
    },
    // where packets carry the memory, the device does it: every byte has one writer
    initialiseUsedRing(address) {
      channel.window.shared?.prefill(Number(address - deviceBase()), new Uint8Array(USED_HEADER_BYTES))
    },
    get prefill() {
      const { shared } = channel.window
      return (
        shared &&
        ((address: bigint, bytes: Uint8Array) => shared.prefill(Number(address - deviceBase()), bytes))
      )
    },
  }
}

function region(base: bigint, sizeBytes: number): Region {
  return { address: base + BigInt(UNUSED_BYTES), lengthBytes: sizeBytes - UNUSED_BYTES }
}

function toBigInt({ low, high }: BaseAddress): bigint {
  return (BigInt(high) << 32n) + BigInt(low)
}
