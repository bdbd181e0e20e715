// The virtqueues' indexes as clocks. The driver's hand is avail.idx, the device's is used.idx. The chains between them
// are in flight.

import { deviceTypeName } from "../../../src/driver/names.js"
import { type QueuePlace, queueIndexes } from "../wire/regions.js"
import type { WireModel } from "../wire/wire-model.js"
import { byId, element, setText, svg } from "./dom.js"

const CENTRE = 60
const RADIUS = 50
const CIRCUMFERENCE = 2 * Math.PI * RADIUS

interface Dial {
  readonly root: HTMLElement
  show(avail: number, used: number): void
}

export class QueueDials {
  readonly #model: WireModel
  readonly #list = byId("queue-list")
  readonly #none = this.#list.firstElementChild as Element
  readonly #dials = new Map<string, Dial>()
  #shown = ""

  constructor(model: WireModel) {
    this.#model = model
  }

  draw(): void {
    const { queues, areas } = this.#model
    const shown = queues.map((queue) => `${queue.devNum}:${queue.index}:${queue.size}`).join()
    if (shown !== this.#shown) {
      this.#shown = shown
      this.#dials.clear()
      for (const queue of queues)
        this.#dials.set(keyOf(queue), makeDial(queue, deviceTypeName(queue.deviceId)))
      const roots = [...this.#dials.values()].map((dial) => dial.root)
      this.#list.replaceChildren(...(roots.length ? roots : [this.#none]))
    }
    for (const queue of queues) {
      const { avail, used } = queueIndexes(queue, areas)
      this.#dials.get(keyOf(queue))?.show(avail, used)
    }
  }
}

function keyOf(queue: QueuePlace): string {
  return `${queue.devNum}:${queue.index}`
}

function makeDial(queue: QueuePlace, type: string): Dial {
  const circle = (name: string) => svg("circle", { class: name, cx: CENTRE, cy: CENTRE, r: RADIUS })
  const hand = (side: string) =>
    svg("line", {
      class: `hand ${side}`,
      x1: CENTRE,
      x2: CENTRE,
      y1: CENTRE - RADIUS - 5,
      y2: CENTRE - RADIUS + 9,
    })
  const flight = circle("flight")
  const hands = { avail: hand("a7"), used: hand("m4") }
  const count = svg("text", { x: CENTRE, y: CENTRE + 4 })
  const below = svg("text", { class: "small", x: CENTRE, y: CENTRE + 18 }, "in flight")
  const face = svg(
    "svg",
    { viewBox: "0 0 120 120", role: "img" },
    circle("ring"),
    flight,
    hands.avail,
    hands.used,
    count,
    below,
  )
  const numbers = { avail: element("dd", { class: "a7" }), used: element("dd", { class: "m4" }) }
  const root = element(
    "div",
    { class: "queue" },
    element("h3", {}, `${type}: queue ${queue.index} of device ${queue.devNum}`),
    element(
      "dl",
      {},
      element("dt", {}, "avail.idx"),
      numbers.avail,
      element("dt", {}, "used.idx"),
      numbers.used,
      element("dt", {}, "descriptors"),
      element("dd", {}, String(queue.size)),
    ),
  )
  root.insertBefore(face, root.lastElementChild)
  const turn = (index: number) => (360 * (index % queue.size)) / queue.size
  return {
    root,
    show(avail, used) {
      const inFlight = (avail - used) & 0xffff
      setText(numbers.avail, String(avail))
      setText(numbers.used, String(used))
      setText(count, String(inFlight))
      face.setAttribute("aria-label", `avail.idx ${avail}, used.idx ${used}, ${inFlight} in flight`)
      hands.avail.setAttribute("transform", `rotate(${turn(avail)} ${CENTRE} ${CENTRE})`)
      hands.used.setAttribute("transform", `rotate(${turn(used)} ${CENTRE} ${CENTRE})`)
      const part = (Math.min(inFlight, queue.size) / queue.size) * CIRCUMFERENCE
      flight.setAttribute("stroke-dasharray", `${part} ${CIRCUMFERENCE}`)
      flight.setAttribute("transform", `rotate(${turn(used) - 90} ${CENTRE} ${CENTRE})`)
    },
  }
}
