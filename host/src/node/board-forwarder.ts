// The board's I2C bus for a guest. Requests go on to the adapter of the board behind the port; the bus finds the board
// again after it was unplugged. Nothing is answered here.

import type { I2cAdapter, I2cOutcome, I2cRequest } from "../driver/i2c-adapter.js"
import { Emitter } from "../emitter.js"
import { linkClosed, VirtioMsgError } from "../errors.js"
import type { OpenedBus } from "../opened-bus.js"
import type { ForwardedOutcome, I2cForwarder } from "./vhost-user/i2c-device.js"

export class BoardForwarder implements I2cForwarder {
  /** The board went away or came back. */
  readonly onBoard = new Emitter<[isThere: boolean]>()
  /** The board answered a request. */
  readonly onOutcome = new Emitter<[request: I2cRequest, outcome: I2cOutcome]>()

  /** A request was refused before it was sent to the board, and failed at once. */
  readonly onRefused = new Emitter<[error: VirtioMsgError]>()

  readonly #open: () => Promise<OpenedBus>
  #bus: OpenedBus | undefined
  #adapter: I2cAdapter | undefined
  #isThere = false
  #isClosed = false

  /** `open` opens a bus that opens its link again when it has gone. */
  constructor(open: () => Promise<OpenedBus>) {
    this.#open = open
  }

  /** Opens the board. Rejects when it is not there at the first attempt. */
  async start(): Promise<void> {
    const opened = await this.#open()
    if (this.#isClosed) return opened.close()
    this.#bus = opened
    opened.bus.onLost.on((error) => {
      if (error.code === "LINK_CLOSED") this.#setThere(false)
    })
    opened.bus.onUp.on(() => this.#setThere(true))
    this.#adapter = await opened.i2c()
    this.#setThere(true)
  }

  /** The board's bus. Throws before `start` has settled. */
  get bus(): OpenedBus {
    if (!this.#bus) throw new Error("the board is not open yet")
    return this.#bus
  }

  /**
   * As `I2cAdapter.submit`. While no board is there, every promise rejects with LINK_CLOSED. A group that is too much
   * for the board fails as if no chip had acknowledged, since a guest knows no other answer. The reason is told.
   */
  submit(requests: readonly I2cRequest[]): Promise<ForwardedOutcome>[] {
    if (!this.#adapter) return requests.map(() => Promise.reject(linkClosed("The board is not open yet.")))
    const outcomes = groupsOf(requests).flatMap((group) => this.#submitGroup(group))
    for (const [at, request] of requests.entries())
      outcomes[at]?.then((outcome) => this.onOutcome.emit(request, outcome)).catch(() => {})
    return outcomes
  }

  #submitGroup(group: readonly I2cRequest[]): Promise<ForwardedOutcome>[] {
    try {
      const outcomes = this.#adapter?.submit(group) ?? []
      let isTold = false
      return outcomes.map((outcome) =>
        outcome.catch((error) => {
          if (!isRefusal(error)) throw error
          if (!isTold) this.onRefused.emit(error)
          isTold = true
          return { ok: false, refused: error }
        }),
      )
    } catch (error) {
      if (!isRefusal(error)) throw error
      this.onRefused.emit(error)
      return group.map(() => Promise.resolve({ ok: false, refused: error }))
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#bus?.close()
  }

  #setThere(isThere: boolean): void {
    if (this.#isThere === isThere || this.#isClosed) return
    this.#isThere = isThere
    this.onBoard.emit(isThere)
  }
}

function isRefusal(error: unknown): error is VirtioMsgError {
  return error instanceof VirtioMsgError && error.code === "INVALID_ARGUMENT"
}

/** Requests that belong together: all but the last one of a group have FAIL_NEXT. */
function groupsOf(requests: readonly I2cRequest[]): I2cRequest[][] {
  const groups: I2cRequest[][] = []
  let group: I2cRequest[] = []
  for (const request of requests) {
    group.push(request)
    if (request.failNext) continue
    groups.push(group)
    group = []
  }
  return group.length > 0 ? [...groups, group] : groups
}
