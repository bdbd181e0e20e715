// Somebody else's bus: the packets that a virtio-msg command publishes through `virtio-msg dashboard`, which sends
// them on as server-sent events (docs/dashboard.md "The live view").

import type { LiveEvent } from "../../../src/node/dashboard/live-feed.js"
import type { WireModel } from "../wire/wire-model.js"
import type { Bench } from "./bench.js"
import { PacketGate } from "./packet-gate.js"

/** Where the server sends them, relative to the page. */
export const LIVE_PATH = "live"

export class LiveBench implements Bench {
  readonly kind = "live"
  /** The newest session's. */
  title = "what virtio-msg commands and Linux guests do"
  readonly bus = undefined
  readonly cable = undefined
  readonly pace = undefined
  readonly resetBoard = undefined
  readonly gate: PacketGate
  /** Called with what goes on, for people. */
  onState: (text: string, isConnected: boolean) => void = () => {}

  readonly #model: WireModel
  #events: EventSource | undefined
  /** The newest session: that is the one to see. */
  #session = 0
  #nowMs = 0

  constructor(model: WireModel) {
    this.#model = model
    this.gate = new PacketGate(model)
  }

  now(): number {
    return this.#nowMs
  }

  /** Begins to listen; the browser connects again by itself when the server comes back. */
  connect(): void {
    this.#events = new EventSource(new URL(LIVE_PATH, document.baseURI))
    this.#events.onopen = () => this.onState("Waiting for a command with --dashboard", true)
    this.#events.onerror = () => this.onState("The dashboard's server is gone; trying again", false)
    this.#events.onmessage = (message) => this.#take(JSON.parse(message.data))
  }

  async close(): Promise<void> {
    this.#events?.close()
  }

  #take(event: LiveEvent): void {
    if (event.type === "session") {
      if (event.session <= this.#session) return // sent again after the connection broke
      this.#session = event.session
      this.title = event.title
      this.gate.clear()
      this.#model.clear()
      this.#model.remark(event.title, "plain", 0)
      this.onState(event.title, true)
    } else if (event.session !== this.#session) return
    else if (event.type === "packet") {
      this.#nowMs = event.atMs
      this.gate.packet(event.direction, fromHex(event.hex), "delivered", event.atMs)
    } else if (event.type === "missed")
      this.#model.remark(`${event.count} earlier packets are not shown`, "plain", this.#nowMs)
    else {
      this.#model.remark("It has ended", "plain", this.#nowMs)
      this.onState("It has ended; waiting for the next", true)
    }
  }
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length >> 1 }, (_, at) =>
    Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16),
  )
}
