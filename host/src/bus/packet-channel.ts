// A channel of mailbox packets over a link (docs/bus.md "The mailbox"). To the bus above it, everything arrives once
// and in order, or the epoch is lost.

import {
  Mailbox,
  RECEIVED_DATA,
  RECEIVED_GAP,
  RECEIVED_MALFORMED,
  RECEIVED_OTHER_EPOCH,
} from "../../../shared-protocol/src/mailbox/mailbox.js"
import {
  DEVICE_CREDIT,
  HOST_CREDIT,
  PACKET_HEADER_SIZE,
  PACKET_NO_EPOCH,
  PROBE_EPOCH,
} from "../../../shared-protocol/src/mailbox/packet.js"
import { allocateBytes, type HostBytes } from "../bytes.js"
import { type Clock, systemClock } from "../clock.js"
import { Emitter } from "../emitter.js"
import type { VirtioMsgError } from "../errors.js"
import { type FarEnd, farEndOf } from "../link/far-end.js"
import type { Link } from "../link/link.js"
import type { Channel, ChannelParameters } from "./channel.js"
import { busClosed, deviceRestarted, deviceSilent, linkGone, noHello, notAsSpecified } from "./failures.js"
import { checkedHello, Handshake } from "./handshake.js"
import { Heartbeat } from "./heartbeat.js"
import { tidyArea } from "./tidy-area.js"
import { Window } from "./window.js"

/** Half of what a device may have on its way. Under a throttle the heartbeat acknowledges sooner. */
const ACKNOWLEDGE_AT = HOST_CREDIT / 2
/** On a link that reorders, one NO_EPOCH may be older than the epoch. So many of them are believed. */
const REFUSALS = 2

export interface PacketChannelOptions {
  readonly clock?: Clock | undefined
  /** 0 <= x < 1; only epochs are made of it. */
  readonly random?: (() => number) | undefined
}

/**
 * A channel over a link of packets. `Bus.open` makes one of a link by itself; make it yourself to count what was sent again.
 *
 * @example
 * ```ts
 * import { Bus, makeLink, PacketChannel } from "virtio-msg"
 *
 * const channel = new PacketChannel(await makeLink("sim"))
 * const bus = await Bus.open(channel)
 * console.log(channel.mailbox.resentCount) // 0
 * await bus.close()
 * ```
 */
export class PacketChannel implements Channel {
  readonly onMessage: Emitter<[frame: Uint8Array]> = new Emitter()
  readonly onLost: Emitter<[error: VirtioMsgError]> = new Emitter()
  readonly onLog: Emitter<[line: string]> = new Emitter()
  readonly onAnnounce: Emitter<[]> = new Emitter()
  /** For users to read: what waits, what was sent again. */
  readonly mailbox: Mailbox
  window: Window = Window.empty()
  parameters: ChannelParameters | undefined
  isOpen = false

  readonly #link: Link
  readonly #clock: Clock
  readonly #random: () => number
  readonly #heartbeat: Heartbeat
  #isUp = false
  #isClosed = false
  /** While HELLO is awaited. */
  #handshake: Handshake | undefined
  #isFlushScheduled = false
  /** NO_EPOCH packets since the device last spoke in our epoch. */
  #refusals = 0

  constructor(link: Link, options: PacketChannelOptions = {}) {
    const { clock = systemClock, random = Math.random } = options
    this.#link = link
    this.#clock = clock
    this.#random = random
    this.mailbox = new Mailbox({
      alloc: allocateBytes,
      outgoingSize: 0,
      incomingSize: 0,
      credit: DEVICE_CREDIT,
    })
    this.mailbox.onMessage = (packet, offset, length) =>
      this.#takeMessage((packet as Uint8Array).slice(offset, offset + length))
    this.#heartbeat = new Heartbeat({
      mailbox: this.mailbox,
      clock,
      isReliable: link.isReliable === true,
      send: (packet) => link.send(packet),
      flush: () => this.#flush(),
      onSilence: () => this.#lose(deviceSilent(this)),
    })
  }

  get name(): string {
    return this.#link.name
  }

  get farEnd(): FarEnd {
    return farEndOf(this.#link)
  }

  async connect(): Promise<ChannelParameters> {
    await this.#openLink()
    const handshake = new Handshake(this.#clock, {
      greet: (request) => this.#greet(request),
      onSilence: () => this.#lose(deviceSilent(this)),
    })
    this.#handshake = handshake
    this.#isUp = true
    const release = this.hold()
    try {
      const hello = checkedHello(await handshake.run(), this.name)
      this.mailbox.resize(hello.driverAreaSize, hello.deviceAreaSize)
      this.mailbox.credit = Math.min(DEVICE_CREDIT, hello.receiveCredit)
      const { outgoing, incoming } = this.mailbox
      this.window = new Window(outgoing, incoming as HostBytes)
      this.parameters = hello
      return hello
    } catch (error) {
      this.#down()
      throw error
    } finally {
      release()
      this.#handshake = undefined
    }
  }

  post(frame: Uint8Array): void {
    this.mailbox.post(frame)
    this.flush()
  }

  /** So the list does not grow with each kick to a device that takes nothing and completes requests all the same. */
  postOnce(frame: Uint8Array): boolean {
    const isWaiting = this.mailbox.messages.some(
      (waiting) => waiting.length === frame.length && frame.every((byte, at) => waiting[at] === byte),
    )
    if (isWaiting) this.flush()
    else this.post(frame)
    return !isWaiting
  }

  /** Everything that is queued in one turn of the event loop shares packets. */
  flush(): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    queueMicrotask(() => {
      this.#isFlushScheduled = false
      this.#flush()
    })
  }

  hold(): () => void {
    return this.#heartbeat.hold()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#handshake?.fail(busClosed().asUnexecuted()) // or HELLO would be sent for ever
    this.#down()
    this.isOpen = false
    await this.#link.close()
  }

  async #openLink(): Promise<void> {
    if (this.isOpen) return
    await this.#link.open({
      onPacket: (packet) => this.#receive(packet),
      onClose: (reason) => this.#linkClosed(reason),
      onLog: (line) => this.onLog.emit(line),
      onAnnounce: () => this.#announced(),
    })
    if (this.#isClosed) {
      await this.#link.close() // somebody closed the channel meanwhile
      throw busClosed()
    }
    this.isOpen = true
  }

  /** Takes an epoch that differs from the last one, and says HELLO in it. */
  #greet(request: Uint8Array): void {
    let epoch = 1 + Math.floor(this.#random() * (PROBE_EPOCH - 1))
    // not drawn again: whoever gives a source that says one number for ever gets two epochs, and no endless loop
    if (epoch === this.mailbox.epoch) epoch = 1 + (epoch % (PROBE_EPOCH - 1))
    this.mailbox.connect(epoch)
    this.#refusals = 0
    this.#heartbeat.start()
    this.post(request)
    this.#heartbeat.keepBeating()
  }

  /** Takes a packet from the link. Never throws on its bytes. */
  #receive(packet: Uint8Array): void {
    if (!this.#isUp) return
    const isNoEpoch = packet.length >= PACKET_HEADER_SIZE && ((packet[0] as number) & PACKET_NO_EPOCH) !== 0
    const epoch = (packet[1] as number) | ((packet[2] as number) << 8)
    if (isNoEpoch) {
      if (epoch === this.mailbox.epoch && !this.#handshake) this.#takeRefusal()
      return
    }
    const before = this.mailbox.unacknowledgedOut()
    const result = this.mailbox.receive(packet)
    if (!this.#isUp) return // a message in it ended the epoch
    if (result !== RECEIVED_OTHER_EPOCH) {
      this.#heartbeat.noteHeard()
      this.#refusals = 0
      this.#heartbeat.isDoubted = false
    }
    if (this.mailbox.unacknowledgedOut() < before) this.#heartbeat.noteProgress()
    if (result === RECEIVED_MALFORMED) {
      this.#lose(
        notAsSpecified(`The device on ${this.name} sent a malformed packet.`, { maybeExecuted: true }),
      )
      return
    }
    if (result === RECEIVED_GAP) this.#heartbeat.askAgain() // the next beat acknowledges the others
    this.#flush()
    // what was flushed carried the acknowledgement. A device that sends faster than its throttle need not wait for the
    // beat
    if (result === RECEIVED_DATA && this.mailbox.unacknowledgedIn >= ACKNOWLEDGE_AT)
      this.#heartbeat.sendBare()
    this.#heartbeat.keepBeating()
  }

  #takeMessage(frame: Uint8Array): void {
    if (!this.#handshake?.take(frame)) this.onMessage.emit(frame)
  }

  /**
   * The device says that it has heard nobody for a while. If it has started again, this makes it say so, at no other
   * cost.
   */
  #announced(): void {
    if (!this.#isUp) this.onAnnounce.emit()
    else if (!this.#handshake) this.#heartbeat.answer()
  }

  /** The device says that it does not know our epoch. */
  #takeRefusal(): void {
    this.#heartbeat.isDoubted = true
    if (++this.#refusals < REFUSALS) {
      this.#heartbeat.answer()
      this.#heartbeat.keepBeating()
    } else this.#lose(deviceRestarted(this))
  }

  #flush(): void {
    if (!this.#isUp) return
    tidyArea(this.mailbox.outgoing)
    for (;;) {
      const isFirst = this.mailbox.unacknowledgedOut() === 0
      const packet = this.mailbox.nextPacket()
      if (!packet) break
      if (isFirst) this.#heartbeat.noteProgress()
      this.#link.send(packet as unknown as Uint8Array)
    }
    this.#heartbeat.keepBeating()
  }

  #linkClosed(reason: Error | undefined): void {
    this.isOpen = false
    const wasUp = this.#isUp && !this.#handshake
    const error = linkGone(this, reason)
    this.#lose(error)
    if (!wasUp && !this.#isClosed) this.onLost.emit(error)
  }

  /** Ends the epoch, or the attempt to begin one. */
  #lose(error: VirtioMsgError): void {
    if (!this.#isUp) return
    this.#down()
    if (this.#handshake) this.#handshake.fail(error.code === "TIMEOUT" ? noHello(this) : error)
    else this.onLost.emit(error)
  }

  #down(): void {
    this.#isUp = false
    this.#heartbeat.stop()
  }
}
