// Somebody else's bus: the packets that a virtio-msg command publishes through `virtio-msg dashboard`, which sends
// them on as server-sent events (docs/dashboard.md "The live view").

import type { LiveEvent, LiveProcess } from "../../../src/node/dashboard/live-feed.js"
import type { WireModel } from "../wire/wire-model.js"
import type { Bench } from "./bench.js"
import { PacketGate } from "./packet-gate.js"

/** The address at which the server sends them, relative to the page. */
export const LIVE_PATH = "live"

export class LiveBench implements Bench {
  readonly kind = "live"
  /** Describes the process that is watched. */
  title = "what virtio-msg commands and Linux guests do"
  readonly gate: PacketGate
  /** Called with the state of the view, for people. */
  onState: (text: string, tone: "good" | "wait" | "bad") => void = () => {}

  /** Called with all processes that can be chosen, each time the list changes. */
  onProcesses: (processes: readonly LiveProcess[]) => void = () => {}

  readonly #model: WireModel
  #events: EventSource | undefined
  /** The watched session. 0 before there is one. */
  #session = 0
  #nowMs = 0

  constructor(model: WireModel) {
    this.#model = model
    this.gate = new PacketGate(model)
  }

  now(): number {
    return this.#nowMs
  }

  /**
   * Begins to listen to one process, or to any process that does something. The browser connects again without help
   * when the server comes back.
   */
  connect(session?: number): void {
    this.#events?.close()
    this.#forget(0)
    const chosen = session === undefined ? "" : `?session=${session}`
    this.#events = new EventSource(new URL(`${LIVE_PATH}${chosen}`, document.baseURI))
    this.#events.onopen = () => this.onState("Waiting for a process that does something", "wait")
    this.#events.onerror = () => this.onState("The dashboard's server is gone; trying again", "bad")
    this.#events.onmessage = (message) => this.#take(JSON.parse(message.data))
  }

  async close(): Promise<void> {
    this.#events?.close()
  }

  /** Begins with another process, or with the same from its beginning. */
  #forget(session: number): void {
    this.#session = session
    this.#nowMs = 0
    this.gate.clear()
    this.#model.clear()
  }

  #take(event: LiveEvent): void {
    if (event.type === "processes") {
      this.onProcesses(event.processes)
      const idle = event.processes.filter(({ state }) => state === "idle").map(({ title }) => title)
      if (this.#session === 0 && idle.length > 0)
        this.onState(`Waiting: nothing passes yet at ${idle.join(", ")}`, "wait")
    } else if (event.type === "session") {
      this.#forget(event.session)
      this.title = event.title
      this.#model.remark(event.title, "plain", 0)
      this.onState(event.title, "good")
    } else if (event.session !== this.#session) return
    else if (event.type === "packet") {
      this.#nowMs = event.atMs
      this.gate.packet(event.direction, fromHex(event.hex), "delivered", event.atMs)
    } else if (event.type === "missed")
      this.gate.remark(`${event.count} earlier packets are not shown`, this.#nowMs)
    else {
      this.gate.remark("It has ended", this.#nowMs)
      this.onState("It has ended; waiting for the next", "wait")
    }
  }
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length >> 1 }, (_, at) =>
    Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16),
  )
}
