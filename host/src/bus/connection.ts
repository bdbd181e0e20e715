// Keeps a bus connected. All who wait share one attempt to connect. When an epoch is lost, a new one is begun, and a
// channel that has gone is looked for.

import type { Clock, Timer } from "../clock.js"
import type { VirtioMsgError } from "../errors.js"
import type { Channel } from "./channel.js"

/** Between two attempts to start a new epoch after one was lost. */
const RECONNECT_MS = 250
/** So many attempts are made without a call. After them, each call makes one. */
const RECONNECT_TRIES = 4
/** How often a channel that has gone is looked for while nobody calls. */
const REOPEN_MS = 500

export interface ConnectionEvents {
  /** An epoch began. */
  onConnected(): void
  /** An epoch began that was not the first: those who wait for a new one are told. */
  onUp(): void
  /** The epoch is over, or the connection is, for good. `wasUp`: there was an epoch until now. */
  onLost(error: VirtioMsgError, wasUp: boolean): void
}

export class Connection {
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #isReopening: boolean
  readonly #events: ConnectionEvents
  /** Settles with the present attempt to connect. Undefined while connected. */
  #connecting: Promise<void> | undefined
  #isUp = false
  /** Why the channel has gone, while it may come back. */
  #goneBy: VirtioMsgError | undefined
  #retryTimer: Timer | undefined
  /** Attempts to connect that failed since the epoch was lost. */
  #failedTries = 0
  #endedBy: VirtioMsgError | undefined

  /** `isReopening`: a channel that has gone is looked for; otherwise the connection ends with its channel. */
  constructor(channel: Channel, clock: Clock, isReopening: boolean, events: ConnectionEvents) {
    this.#channel = channel
    this.#clock = clock
    this.#isReopening = isReopening
    this.#events = events
    channel.onLost.on((error) => this.#lost(error))
    channel.onAnnounce.on(() => {
      if (!this.#isUp && channel.isOpen) this.whenUp().catch(() => {})
    })
  }

  get isUp(): boolean {
    return this.#isUp
  }

  get isEnded(): boolean {
    return this.#endedBy !== undefined
  }

  /** Connects for the first time. Rejects as `Channel.connect`, and does not try again. */
  async start(): Promise<void> {
    try {
      this.#connecting = this.#connect() // a board that announces itself meanwhile starts no second attempt
      await this.#connecting
    } finally {
      this.#connecting = undefined
    }
  }

  /**
   * Settles when there is an epoch. Makes an attempt to begin one if no other is made. Rejects with LINK_CLOSED when
   * closed or while the channel has gone, and with CONNECT_FAILED when the attempt failed: the next call makes
   * another.
   */
  async whenUp(): Promise<void> {
    if (this.#isUp) return
    if (this.#endedBy) throw this.#endedBy
    this.#connecting ??= this.#reconnect().finally(() => {
      this.#connecting = undefined
    })
    await this.#connecting
  }

  /** Ends it for good. */
  end(error: VirtioMsgError): void {
    this.#endedBy = error
    this.#retryTimer?.cancel()
    const wasUp = this.#isUp
    this.#isUp = false
    this.#events.onLost(error, wasUp)
  }

  async #connect(): Promise<void> {
    await this.#channel.connect()
    if (this.#endedBy) throw this.#endedBy
    this.#goneBy = undefined
    this.#isUp = true
    this.#events.onConnected()
  }

  /** Fails everything in flight, and starts a new epoch at once. */
  #lost(error: VirtioMsgError): void {
    if (this.#endedBy) return
    if (error.code === "LINK_CLOSED" && !this.#channel.isOpen) {
      if (!this.#isReopening) {
        this.end(error)
        return
      }
      this.#goneBy = error
    }
    if (!this.#isUp) return // still connecting, which rejects by itself
    this.#isUp = false
    this.#failedTries = 0
    this.#events.onLost(error, true)
    this.whenUp().catch(() => {}) // the next caller is told
  }

  /** One attempt. Whoever waits for it learns how it ended. If it failed, others follow without a call. */
  async #reconnect(): Promise<void> {
    this.#retryTimer?.cancel()
    try {
      await this.#connect()
    } catch (error) {
      if (this.#endedBy) throw this.#endedBy
      this.#failedTries++
      if (this.#channel.isOpen) this.#goneBy = undefined
      if (this.#goneBy) {
        this.#retryLater(REOPEN_MS) // a program that waits for events and never calls wants the board back, too
        throw this.#goneBy.asUnexecuted()
      }
      if (this.#failedTries < RECONNECT_TRIES) this.#retryLater(RECONNECT_MS)
      throw error
    }
    this.#failedTries = 0
    this.#events.onUp()
  }

  #retryLater(delayMs: number): void {
    this.#retryTimer = this.#clock.schedule(delayMs, () => {
      this.whenUp().catch(() => {})
    })
  }
}
