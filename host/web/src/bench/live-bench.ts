// Somebody else's bus: the packets that a virtio-msg command publishes through `virtio-msg dashboard`, which sends
// them on as server-sent events (docs/dashboard.md "The live view").

import type { LiveEvent, LiveProcess } from "../../../src/node/dashboard/live-feed.js"
import type { WireModel } from "../wire/wire-model.js"
import type { Bench } from "./bench.js"
import { PacketGate } from "./packet-gate.js"

/** Where the server sends them, relative to the page. */
export const LIVE_PATH = "live"

export class LiveBench implements Bench {
  readonly kind = "live"
  /** The process's that is seen. */
  title = "what virtio-msg commands and Linux guests do"
  readonly bus = undefined
  readonly cable = undefined
  readonly pace = undefined
  readonly resetBoard = undefined
  readonly gate: PacketGate
  /** Called with what goes on, for people. */
  onState: (text: string, isConnected: boolean) => void = () => {}

  /** Called with all processes that can be chosen, each time that is another list. */
  onProcesses: (processes: readonly LiveProcess[]) => void = () => {}

  readonly #model: WireModel
  #events: EventSource | undefined
  /** The one to see; 0 before there is any. */
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
   * Begins to listen to a process, or to whichever does something; the browser connects again by itself when the
   * server comes back.
   */
  connect(session?: number): void {
    this.#events?.close()
    this.#forget(0)
    const chosen = session === undefined ? "" : `?session=${session}`
    this.#events = new EventSource(new URL(`${LIVE_PATH}${chosen}`, document.baseURI))
    this.#events.onopen = () => this.onState("Waiting for a process that does something", true)
    this.#events.onerror = () => this.onState("The dashboard's server is gone; trying again", false)
    this.#events.onmessage = (message) => this.#take(JSON.parse(message.data))
  }

  async close(): Promise<void> {
    this.#events?.close()
  }

  /** Another process is seen, or the same from its beginning. */
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
        this.onState(`Waiting: nothing passes yet at ${idle.join(", ")}`, true)
    } else if (event.type === "session") {
      this.#forget(event.session)
      this.title = event.title
      this.#model.remark(event.title, "plain", 0)
      this.onState(event.title, true)
    } else if (event.session !== this.#session) return
    else if (event.type === "packet") {
      this.#nowMs = event.atMs
      this.gate.packet(event.direction, fromHex(event.hex), "delivered", event.atMs)
    } else if (event.type === "missed")
      this.gate.remark(`${event.count} earlier packets are not shown`, this.#nowMs)
    else {
      this.gate.remark("It has ended", this.#nowMs)
      this.onState("It has ended; waiting for the next", true)
    }
  }
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length >> 1 }, (_, at) =>
    Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16),
  )
}
