// What is drawn from frame to frame: the window's map, the queues' dials, the counters. Most frames have nothing new in
// them, and a page that is left open should cost little.

import type { Bench } from "../bench/bench.js"
import type { WireModel } from "../wire/wire-model.js"
import { QueueDials } from "./queues.js"
import { showBudget, showTraffic } from "./traffic.js"
import { WindowMap } from "./window-map.js"

export class Drawing {
  readonly #model: WireModel
  readonly #bench: () => Bench | undefined
  readonly #map: WindowMap
  readonly #dials: QueueDials
  /** `changeCount` of the model as it was drawn. */
  #drawnCount = -1

  constructor(model: WireModel, bench: () => Bench | undefined) {
    this.#model = model
    this.#bench = bench
    this.#map = new WindowMap(model)
    this.#dials = new QueueDials(model)
  }

  /** Draws from now on, before each frame. */
  start(): void {
    const drawForever = () => {
      this.#draw()
      requestAnimationFrame(drawForever)
    }
    requestAnimationFrame(drawForever)
  }

  /** To be called when the page has got other colours. */
  forgetColours(): void {
    this.#map.forgetColours()
  }

  #draw(): void {
    const { changeCount } = this.#model
    const isNew = changeCount !== this.#drawnCount
    this.#drawnCount = changeCount
    this.#map.draw(performance.now(), isNew)
    if (isNew) {
      this.#dials.draw()
      showTraffic(this.#model)
    }
    const bench = this.#bench()
    if (bench) showBudget(this.#model, bench.now())
  }
}
