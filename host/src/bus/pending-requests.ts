// The requests that wait for their responses: their tokens. Each request ends exactly once (virtio-msg "Bus
// Operation", B16 to B18).

import {
  decodeHeader,
  getToken,
  type Header,
  putToken,
  TYPE_BUS,
  TYPE_RESPONSE,
} from "../../../shared-protocol/src/messages/header.js"
import type { Clock, Timer } from "../clock.js"
import { VirtioMsgError } from "../errors.js"
import { hex } from "../hex.js"
import type { Channel } from "./channel.js"

interface Pending {
  readonly header: Header
  readonly resolve: (frame: Uint8Array) => void
  readonly reject: (error: VirtioMsgError) => void
  readonly timer: Timer
  /** One answer fewer is awaited. */
  readonly release: () => void
}

export class PendingRequests {
  readonly #channel: Channel
  readonly #clock: Clock
  readonly #pending = new Map<number, Pending>()
  #nextToken = 1

  constructor(channel: Channel, clock: Clock) {
    this.#channel = channel
    this.#clock = clock
  }

  /**
   * Sends a request, whose token it overwrites, and resolves with the response. Rejects with TIMEOUT, or with what
   * `fail` or `failDevice` is called with.
   */
  send(frame: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const token = this.#takeToken()
      putToken(frame, token)
      const header = decodeHeader(frame)
      if (!header.ok) throw new Error(header.reason)
      const timer = this.#clock.schedule(timeoutMs, () => {
        this.#finish(token)?.reject(
          new VirtioMsgError(
            "TIMEOUT",
            `No response to message ${hex(header.value.msgId)} of device ${header.value.devNum} ` +
              `within ${timeoutMs} ms.`,
            {
              hint: "A device discards what it does not understand: virtio-msg conform tells what it has wrong.",
              maybeExecuted: true,
            },
          ),
        )
      })
      const release = this.#channel.hold()
      this.#pending.set(token, { header: header.value, resolve, reject, timer, release })
      this.#channel.post(frame)
    })
  }

  /** Gives a response to the request that waits for it. False when it is late, or when no request waits for it (F9). */
  answer({ type, msgId, devNum }: Header, frame: Uint8Array): boolean {
    const token = getToken(frame)
    const asked = this.#pending.get(token)?.header
    const isAnswer =
      asked && asked.msgId === msgId && asked.devNum === devNum && (asked.type | TYPE_RESPONSE) === type
    if (!isAnswer) return false
    this.#finish(token)?.resolve(frame)
    return true
  }

  /** Ends all requests. */
  fail(error: VirtioMsgError): void {
    for (const token of [...this.#pending.keys()]) this.#finish(token)?.reject(error)
  }

  /** Ends the requests that wait for a device's answer. */
  failDevice(devNum: number, error: VirtioMsgError): void {
    for (const [token, { header }] of [...this.#pending])
      if ((header.type & TYPE_BUS) === 0 && header.devNum === devNum) this.#finish(token)?.reject(error)
  }

  /** A token that no request in flight has; 0 is left to events. */
  #takeToken(): number {
    let token = this.#nextToken
    while (this.#pending.has(token)) token = (token % 0xffff) + 1
    this.#nextToken = (token % 0xffff) + 1
    return token
  }

  #finish(token: number): Pending | undefined {
    const pending = this.#pending.get(token)
    if (!pending) return undefined
    this.#pending.delete(token)
    pending.timer.cancel()
    pending.release()
    return pending
  }
}
