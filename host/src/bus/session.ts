// One link's mailbox with time added: connecting, sending what is queued, heartbeat, sending again
// (docs/bus.md "Time"). Above it, everything arrives once and in order, or the session is lost.

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
  MAX_AREA_SIZE,
  MAX_MESSAGE_SIZE,
  PACKET_HEADER_SIZE,
  PACKET_NO_EPOCH,
  PACKET_RESEND,
  PROBE_EPOCH,
} from "../../../shared-protocol/src/mailbox/packet.js"
import { PROTOCOL_HASH } from "../../../shared-protocol/src/mailbox/protocol-hash.js"
import { MIN_MAX_MESSAGE_SIZE } from "../../../shared-protocol/src/messages/header.js"
import {
  BUS_VERSION,
  decodeHelloResponse,
  encodeHelloRequest,
  HELLO_REQUEST_SIZE,
  HELLO_RESPONSE_SIZE,
  type HelloResponse,
} from "../../../shared-protocol/src/messages/hello.js"
import { allocateBytes } from "../bytes.js"
import type { Clock, Timer } from "../clock.js"
import { Emitter } from "../emitter.js"
import { VirtioMsgError } from "../errors.js"
import type { Link } from "../link/link.js"
import type { Trace } from "../trace/trace.js"
import { tidyArea } from "./tidy-area.js"

/** While anything is under way the device hears from us this often; stock firmware can doze off otherwise. */
export const HEARTBEAT_MS = 25
/** Half of what a device may have on its way. Under a throttle the heartbeat acknowledges sooner. */
const ACKNOWLEDGE_AT = HOST_CREDIT / 2
/** Without an acknowledgement for so long, packets are sent again; the wait grows by half each time. */
const FIRST_RESEND_MS = 100
const LONGEST_RESEND_MS = 200
/** After so many times without an acknowledgement the device is taken for dead: 2.7 s in all. */
const RESEND_TRIES = 12
/**
 * After so long without HELLO another epoch is tried: the one before may be the device's already, by chance. The next
 * one has twice the time, so that a round trip of more than a second (a busy computer) ends in a connection, too.
 */
const NEXT_EPOCH_MS = 1000
/** A single NO_EPOCH may be older than the epoch's beginning, from a link that reorders; this many are believed. */
const REFUSALS = 2
/** How long HELLO may take, even if the device acknowledges it: longer than any resending. */
const HELLO_TIMEOUT_MS = 3000
/** How long to wait for an answer before asking the device to send again what may be lost. */
const ASK_AGAIN_MS = 100

export class Session {
  /** A message from the device. The bytes are the receiver's to keep. */
  readonly onMessage: Emitter<[frame: Uint8Array]> = new Emitter()
  /** The epoch is over: the device started again, fell silent or broke the protocol, or the link closed. */
  readonly onLost = new Emitter<[error: VirtioMsgError]>()
  readonly mailbox: Mailbox
  readonly #trace: Trace
  readonly #link: Link
  readonly #clock: Clock
  readonly #random: () => number
  #isUp = false
  #onHello: ((hello: HelloResponse) => void) | undefined
  /** Ends the connecting that is under way. */
  #giveUp: ((error: VirtioMsgError) => void) | undefined
  #isFlushScheduled = false
  #tick: Timer | undefined
  /** How many answers are awaited by those above. */
  #awaited = 0
  #unacknowledgedSinceMs = 0
  #resendAfterMs = FIRST_RESEND_MS
  #resendTries = 0
  #heardMs = 0
  #askedAgainMs = 0
  #bareMs = 0
  /** NO_EPOCH packets since the device last spoke in our epoch. */
  #refusals = 0

  constructor(link: Link, clock: Clock, random: () => number, trace: Trace) {
    this.#trace = trace
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
  }

  /**
   * Starts a new epoch and returns what the device says of itself. Rejects with CONNECT_FAILED, PROTOCOL or
   * VERSION_MISMATCH, within 3 s.
   */
  async connect(): Promise<HelloResponse> {
    let offLost = () => {}
    let lostBy: VirtioMsgError | undefined
    let limit: Timer | undefined
    let another: Timer | undefined
    const greet = (patienceMs: number) => {
      this.#beginEpoch()
      another = this.#clock.schedule(patienceMs, () => greet(2 * patienceMs))
    }
    try {
      const hello = await new Promise<HelloResponse>((resolve, reject) => {
        offLost = this.onLost.on((cause) => {
          lostBy = cause
          reject(
            cause.code === "TIMEOUT"
              ? new VirtioMsgError("CONNECT_FAILED", `Nothing answered HELLO on ${this.#link.name}.`, {
                  hint: "Unplug the board, plug it in again, and make sure that it runs our firmware.",
                })
              : cause,
          )
        })
        this.#onHello = resolve
        this.#giveUp = reject
        this.#isUp = true
        limit = this.#clock.schedule(HELLO_TIMEOUT_MS, () => this.#lose(this.#silence()))
        this.await()
        greet(NEXT_EPOCH_MS)
      })
      if (lostBy) throw lostBy // the packet with HELLO ended the epoch, too
      checkHello(hello, this.#link.name)
      this.mailbox.resize(hello.driverAreaSize, hello.deviceAreaSize)
      this.mailbox.credit = Math.min(DEVICE_CREDIT, hello.receiveCredit)
      // a larger message would fit no packet, and be waited for in vain
      return { ...hello, maxMessageSize: Math.min(MAX_MESSAGE_SIZE, hello.maxMessageSize) }
    } catch (error) {
      this.#down()
      throw error
    } finally {
      limit?.cancel()
      another?.cancel()
      offLost()
      this.settle()
      this.#onHello = undefined
      this.#giveUp = undefined
    }
  }

  /** Takes an epoch that differs from the last one, and says HELLO in it. */
  #beginEpoch(): void {
    let epoch = this.mailbox.epoch
    while (epoch === this.mailbox.epoch) epoch = 1 + Math.floor(this.#random() * (PROBE_EPOCH - 1))
    this.mailbox.connect(epoch)
    this.#resetTimes()
    const request = allocateBytes(HELLO_REQUEST_SIZE)
    encodeHelloRequest(request, { protocolHash: PROTOCOL_HASH, busVersion: BUS_VERSION })
    this.post(request)
  }

  /** Sends a message soon: all that is queued in one turn of the event loop shares packets. */
  post(frame: Uint8Array): void {
    this.#trace.onMessage.emit("out", frame)
    this.mailbox.post(frame)
    this.scheduleFlush()
  }

  /**
   * As `post`, but not when the same bytes wait to be sent: that message will leave behind all that this one is to
   * announce. So a device that takes nothing, and completes all the same, does not make the list grow with each kick.
   */
  postOnce(frame: Uint8Array): void {
    const isWaiting = this.mailbox.messages.some(
      (waiting) => waiting.length === frame.length && frame.every((byte, at) => waiting[at] === byte),
    )
    if (isWaiting) this.scheduleFlush()
    else this.post(frame)
  }

  /** Sends what changed in the window soon, with the messages queued meanwhile. */
  scheduleFlush(): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    queueMicrotask(() => {
      this.#isFlushScheduled = false
      this.#flush()
    })
  }

  /** Says that an answer is awaited: the heartbeat runs until as many calls to `settle` followed. */
  await(): void {
    this.#awaited++
    if (this.#awaited === 1) this.#heardMs = this.#clock.now()
    this.#keepTicking()
  }

  settle(): void {
    this.#awaited--
  }

  /** Takes a packet from the link. Never throws on its bytes. */
  receive(packet: Uint8Array): void {
    this.#trace.onPacket.emit("in", packet)
    if (!this.#isUp) return
    const isNoEpoch = packet.length >= PACKET_HEADER_SIZE && ((packet[0] as number) & PACKET_NO_EPOCH) !== 0
    const epoch = (packet[1] as number) | ((packet[2] as number) << 8)
    if (isNoEpoch) {
      if (epoch === this.mailbox.epoch && !this.#onHello) this.#takeRefusal()
      return
    }
    const before = this.mailbox.unacknowledgedOut()
    const result = this.mailbox.receive(packet)
    if (!this.#isUp) return // a message in it ended the session
    if (result !== RECEIVED_OTHER_EPOCH) {
      this.#heardMs = this.#clock.now()
      this.#refusals = 0
    }
    if (this.mailbox.unacknowledgedOut() < before) this.#noteProgress()
    if (result === RECEIVED_MALFORMED) {
      this.#lose(
        new VirtioMsgError("PROTOCOL", `The device on ${this.#link.name} sent a malformed packet.`, {
          hint: "Reinstall the firmware if it happens again; the two sides may be of different versions.",
          maybeExecuted: true,
        }),
      )
      return
    }
    if (result === RECEIVED_GAP) this.#askAgain() // a beat acknowledges the others
    this.#flush()
    // what was flushed has acknowledged; a device that sends more than a throttle lets it need not wait for the beat
    if (result === RECEIVED_DATA && this.mailbox.unacknowledgedIn >= ACKNOWLEDGE_AT) this.#sendBare(0)
    this.#keepTicking()
  }

  /** The device may have started again: makes it say so, which costs it nothing if it has not. */
  probe(): void {
    if (this.#isUp && !this.#onHello) this.#answerBare()
  }

  /** The link is gone. */
  closed(error: VirtioMsgError): void {
    this.#lose(error)
  }

  /** Stops everything without a word to anybody. */
  stop(): void {
    this.#giveUp?.(new VirtioMsgError("LINK_CLOSED", "The bus was closed.")) // or HELLO would be sent for ever
    this.#down()
  }

  #takeMessage(frame: Uint8Array): void {
    this.#trace.onMessage.emit("in", frame)
    if (this.#onHello && frame.length >= HELLO_RESPONSE_SIZE) {
      const hello = decodeHelloResponse(frame)
      if (hello.ok) this.#onHello(hello.value)
      return
    }
    this.onMessage.emit(frame)
  }

  /** The device says that it does not know our epoch. */
  #takeRefusal(): void {
    if (++this.#refusals < REFUSALS) {
      this.#answerBare()
      this.#keepTicking()
    } else
      this.#lose(
        new VirtioMsgError("DEVICE_RESTARTED", `The device on ${this.#link.name} started again.`, {
          hint: "Try again; what was under way may have been carried out.",
          maybeExecuted: true,
        }),
      )
  }

  #flush(): void {
    if (!this.#isUp) return
    tidyArea(this.mailbox.outgoing)
    for (;;) {
      const isFirst = this.mailbox.unacknowledgedOut() === 0
      const packet = this.mailbox.nextPacket()
      if (!packet) break
      if (isFirst) this.#noteProgress()
      this.#send(packet as unknown as Uint8Array)
    }
    this.#keepTicking()
  }

  #send(packet: Uint8Array): void {
    this.#trace.onPacket.emit("out", packet)
    this.#link.send(packet)
  }

  /**
   * Answers a packet that carries nothing for us, but not more often than the heart beats: what makes us answer costs
   * the device nothing, and it need not read.
   */
  #answerBare(): void {
    if (this.#clock.now() - this.#bareMs >= HEARTBEAT_MS) this.#sendBare(0)
  }

  #sendBare(flags: number): void {
    this.#bareMs = this.#clock.now()
    this.#send(this.mailbox.barePacket(flags) as unknown as Uint8Array)
  }

  #isBusy(): boolean {
    return (
      this.#awaited > 0 ||
      this.#refusals > 0 ||
      this.mailbox.unacknowledgedOut() > 0 ||
      this.mailbox.unacknowledgedIn > 0
    )
  }

  #keepTicking(): void {
    if (this.#tick || !this.#isUp || !this.#isBusy()) return
    this.#tick = this.#clock.schedule(HEARTBEAT_MS, () => {
      this.#tick = undefined
      if (!this.#isUp || !this.#isBusy()) return
      this.#beat()
      this.#keepTicking()
    })
  }

  #beat(): void {
    const now = this.#clock.now()
    if (this.mailbox.unacknowledgedOut() > 0 && now - this.#unacknowledgedSinceMs >= this.#resendAfterMs) {
      if (++this.#resendTries > RESEND_TRIES) {
        this.#lose(this.#silence())
        return
      }
      this.#unacknowledgedSinceMs = now
      this.#resendAfterMs = Math.min(this.#resendAfterMs * 1.5, LONGEST_RESEND_MS)
      this.mailbox.requestResend()
      this.#flush()
    } else if (this.#awaited > 0 && now - this.#heardMs >= ASK_AGAIN_MS && this.#askAgain()) return
    else this.#sendBare(0)
  }

  /** Asks the device to send again what we have not acknowledged; not more often than it could. False: not yet. */
  #askAgain(): boolean {
    const now = this.#clock.now()
    if (now - this.#askedAgainMs < ASK_AGAIN_MS) return false
    this.#askedAgainMs = now
    this.#sendBare(PACKET_RESEND)
    return true
  }

  #noteProgress(): void {
    this.#unacknowledgedSinceMs = this.#clock.now()
    this.#resendAfterMs = FIRST_RESEND_MS
    this.#resendTries = 0
  }

  #resetTimes(): void {
    this.#noteProgress()
    this.#heardMs = this.#clock.now()
    this.#askedAgainMs = this.#clock.now()
    this.#refusals = 0
  }

  #silence(): VirtioMsgError {
    return new VirtioMsgError("TIMEOUT", `The device on ${this.#link.name} does not answer any more.`, {
      hint: "Reset the board; if its I2C bus is stuck, switch its power off and on.",
      maybeExecuted: true,
    })
  }

  #lose(error: VirtioMsgError): void {
    if (!this.#isUp) return
    this.#down()
    this.onLost.emit(error)
  }

  #down(): void {
    this.#isUp = false
    this.#tick?.cancel()
    this.#tick = undefined
  }
}

function checkHello(hello: HelloResponse, name: string): void {
  if (hello.busVersion !== BUS_VERSION || hello.protocolHash !== PROTOCOL_HASH)
    throw new VirtioMsgError(
      "VERSION_MISMATCH",
      `The firmware on ${name} speaks bus version ${hello.busVersion} (protocol ${hello.protocolHash.toString(16)}), ` +
        `this host ${BUS_VERSION} (${PROTOCOL_HASH.toString(16)}).`,
      { hint: "Install the firmware that belongs to this version of virtio-msg." },
    )
  const wrong = (what: string) =>
    new VirtioMsgError("PROTOCOL", `The firmware on ${name} ${what}.`, { hint: "Reinstall the firmware." })
  if (hello.maxMessageSize < MIN_MAX_MESSAGE_SIZE)
    throw wrong(
      `allows messages of ${hello.maxMessageSize} bytes, the specification wants ${MIN_MAX_MESSAGE_SIZE}`,
    )
  if (hello.receiveCredit === 0) throw wrong("has no room for packets")
  for (const size of [hello.driverAreaSize, hello.deviceAreaSize])
    if (size === 0 || size > MAX_AREA_SIZE) throw wrong(`offers a window area of ${size} bytes`)
}
