// The timers of a mailbox on a link: the heartbeat while anything is awaited, sending again what is not acknowledged,
// and giving up a device that says nothing (docs/bus.md "Time").

import type { Mailbox } from "../../../shared-protocol/src/mailbox/mailbox.js"
import { PACKET_RESEND } from "../../../shared-protocol/src/mailbox/packet.js"
import type { Clock, Timer } from "../clock.js"

/** While anything is awaited the device hears from us this often. Stock firmware can fall asleep otherwise. */
export const HEARTBEAT_MS = 25
/** Without an acknowledgement for so long, packets are sent again. The wait grows by half each time. */
const FIRST_RESEND_MS = 100
const LONGEST_RESEND_MS = 200
/** After so many attempts without an acknowledgement the device is taken for dead: after 2.7 s. */
const RESEND_TRIES = 12
/** How long to wait for an answer before asking the device to send again what may be lost. */
const ASK_AGAIN_MS = 100

export interface HeartbeatEnds {
  readonly mailbox: Mailbox
  readonly clock: Clock
  /** Whether the link loses nothing. */
  readonly isReliable: boolean
  send(packet: Uint8Array): void
  /** Sends what waits. */
  flush(): void
  /** The device is taken for dead. */
  onSilence(): void
}

export class Heartbeat {
  /** Whether the device said that it knows no such epoch, and has not taken it back. */
  isDoubted = false
  readonly #ends: HeartbeatEnds
  #isRunning = false
  #tick: Timer | undefined
  /** How many answers the bus waits for. */
  #held = 0
  #unacknowledgedSinceMs = 0
  #resendAfterMs = FIRST_RESEND_MS
  #resendTries = 0
  #heardMs = 0
  #askedAgainMs = 0
  #bareMs = 0

  constructor(ends: HeartbeatEnds) {
    this.#ends = ends
  }

  /** An epoch begins. */
  start(): void {
    this.#isRunning = true
    this.isDoubted = false
    this.noteProgress()
    this.#heardMs = this.#ends.clock.now()
    this.#askedAgainMs = this.#ends.clock.now()
  }

  stop(): void {
    this.#isRunning = false
    this.#tick?.cancel()
    this.#tick = undefined
  }

  /** Tells that an answer is awaited, until the returned function is called. Call it once. */
  hold(): () => void {
    this.#held++
    if (this.#held === 1) this.#heardMs = this.#ends.clock.now()
    this.keepBeating()
    return () => {
      this.#held--
    }
  }

  /** The device sent something in our epoch. */
  noteHeard(): void {
    this.#heardMs = this.#ends.clock.now()
  }

  /** Something was acknowledged, or the first packet was sent that has to be. */
  noteProgress(): void {
    this.#unacknowledgedSinceMs = this.#ends.clock.now()
    this.#resendAfterMs = FIRST_RESEND_MS
    this.#resendTries = 0
  }

  /** The heart beats from now on, as long as anything is awaited. */
  keepBeating(): void {
    if (this.#tick || !this.#isRunning || !this.#isBusy()) return
    this.#tick = this.#ends.clock.schedule(HEARTBEAT_MS, () => {
      this.#tick = undefined
      if (!this.#isRunning || !this.#isBusy()) return
      this.#beat()
      this.keepBeating()
    })
  }

  /** A packet that only acknowledges. */
  sendBare(flags = 0): void {
    this.#bareMs = this.#ends.clock.now()
    this.#ends.send(this.#ends.mailbox.barePacket(flags) as unknown as Uint8Array)
  }

  /**
   * Answers a packet that has nothing for us, but not more often than the heart beats: such packets cost the device
   * nothing, so it could send any number of them.
   */
  answer(): void {
    if (this.#ends.clock.now() - this.#bareMs >= HEARTBEAT_MS) this.sendBare()
  }

  /** Asks the device to send again what we have not acknowledged, but not more often than it can answer. False: not yet. */
  askAgain(): boolean {
    const now = this.#ends.clock.now()
    if (now - this.#askedAgainMs < ASK_AGAIN_MS) return false
    this.#askedAgainMs = now
    this.sendBare(PACKET_RESEND)
    return true
  }

  #isBusy(): boolean {
    const { mailbox } = this.#ends
    return this.#held > 0 || this.isDoubted || mailbox.unacknowledgedOut() > 0 || mailbox.unacknowledgedIn > 0
  }

  #beat(): void {
    const { clock, mailbox, isReliable } = this.#ends
    const now = clock.now()
    if (mailbox.unacknowledgedOut() > 0 && now - this.#unacknowledgedSinceMs >= this.#resendAfterMs) {
      if (++this.#resendTries > RESEND_TRIES) {
        this.#ends.onSilence()
        return
      }
      // on a link that loses nothing, the only reason is a device that refused a packet: it speaks and does not
      // acknowledge
      const isRefused = this.#heardMs > this.#unacknowledgedSinceMs
      this.#unacknowledgedSinceMs = now
      this.#resendAfterMs = Math.min(this.#resendAfterMs * 1.5, LONGEST_RESEND_MS)
      if (isReliable && !isRefused) this.sendBare()
      else {
        mailbox.requestResend()
        this.#ends.flush()
      }
    } else if (!isReliable && this.#held > 0 && now - this.#heardMs >= ASK_AGAIN_MS && this.askAgain()) return
    else this.sendBare()
  }
}
