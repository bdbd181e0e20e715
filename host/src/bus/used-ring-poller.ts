// For a bus without notifications (B40): looks at the used rings, and tells the drivers as if the device had (D33).

import { getU16 } from "../../../shared-protocol/src/bytes.js"
import { EVENT_USED_SIZE, encodeEventUsed } from "../../../shared-protocol/src/messages/events.js"
import { allocateBytes } from "../bytes.js"
import type { Clock, Timer } from "../clock.js"
import type { Channel } from "./channel.js"
import { UsedRings } from "./used-rings.js"

const POLL_MS = 5

export class UsedRingPoller {
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #onUsed: (frame: Uint8Array) => void
  #rings: UsedRings | undefined
  #timer: Timer | undefined

  /** `onUsed` receives each EVENT_USED that the device would have sent. */
  constructor(channel: Channel, clock: Clock, onUsed: (frame: Uint8Array) => void) {
    this.#channel = channel
    this.#clock = clock
    this.#onUsed = onUsed
  }

  /** An epoch began. If its bus has no notifications, polling begins. */
  start(): void {
    this.stop()
    if (!this.isPolling) return
    this.#rings = new UsedRings(this.#channel.window.bases.device.low)
    this.#pollLater()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#rings = undefined
  }

  get isPolling(): boolean {
    return this.#channel.parameters?.isPolling === true
  }

  /** A message from the driver. */
  note(frame: Uint8Array): void {
    this.#rings?.note(frame)
  }

  #pollLater(): void {
    this.#timer = this.#clock.schedule(POLL_MS, () => {
      this.#pollLater()
      this.#poll()
    })
  }

  #poll(): void {
    const { window } = this.#channel
    window.shared?.refresh()
    for (const ring of this.#rings?.all() ?? []) {
      const { devNum, vqIndex, indexOffset } = ring
      if (indexOffset < 0 || indexOffset + 2 > window.incoming.length) continue
      const index = getU16(window.incoming, indexOffset)
      if (index === ring.seen) continue
      ring.seen = index
      const event = allocateBytes(EVENT_USED_SIZE)
      encodeEventUsed(event, devNum, vqIndex)
      this.#onUsed(event)
    }
  }
}
