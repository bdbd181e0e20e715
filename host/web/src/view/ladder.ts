// The ladder of messages. Thousands of rungs may stand on it, so only those in sight are elements; each has its
// place by its number, so nothing moves when others come or go.

import { type MessageRow, memoryBytes, type Row } from "../wire/row.js"
import type { WireModel } from "../wire/wire-model.js"
import { byId, element } from "./dom.js"

/** Rungs above and below what is in sight. */
const MARGIN = 6

export class LadderView {
  /** Called when somebody chooses a row; undefined when the choice is gone. */
  onChoose: (row: Row | undefined) => void = () => {}

  readonly #model: WireModel
  readonly #box = byId("ladder")
  readonly #rows = byId("ladder-rows")
  readonly #follow = byId<HTMLButtonElement>("follow")
  readonly #signals = byId<HTMLInputElement>("show-signals")
  /** The indexes of the rows that are shown, ascending. */
  #shown: number[] = []
  /** Shown rows that are not kept any more. */
  #gone = 0
  readonly #rungs = new Map<number, HTMLElement>()
  #chosen: number | undefined
  #isFollowing = true
  #rowHeight = 44
  #newFrom = 0
  #isDrawing = false

  constructor(model: WireModel) {
    this.#model = model
    model.onRow.on((row) => {
      if (this.#isShown(row)) this.#shown.push(row.index)
      this.#draw()
    })
    model.onClear.on(() => this.#startOver())
    this.#box.addEventListener("scroll", () => {
      this.#setFollowing(this.#box.scrollTop + this.#box.clientHeight >= this.#box.scrollHeight - 4)
      this.#draw()
    })
    this.#box.addEventListener("keydown", (event) => this.#takeKey(event))
    this.#rows.addEventListener("click", (event) => {
      const rung = (event.target as Element).closest<HTMLElement>(".rung")
      if (rung) this.choose(Number(rung.dataset.index))
    })
    this.#follow.addEventListener("click", () => {
      this.#setFollowing(true)
      this.#draw()
    })
    this.#signals.addEventListener("change", () => this.#filter())
    new ResizeObserver(() => {
      this.#rowHeight = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) * 2.75
      this.#draw()
    }).observe(this.#box)
  }

  get chosen(): Row | undefined {
    return this.#chosen === undefined ? undefined : this.#model.row(this.#chosen)
  }

  /** Chooses a row and brings it into sight. */
  choose(index: number | undefined): void {
    this.#chosen = index
    if (index === undefined) this.#setFollowing(true)
    else {
      this.#setFollowing(false)
      const place = this.#shown.indexOf(index)
      if (place >= 0) this.#reveal(place)
    }
    for (const rung of this.#rungs.values()) this.#markChosen(rung)
    this.#draw()
    this.onChoose(this.chosen)
  }

  #takeKey(event: KeyboardEvent): void {
    const last = this.#shown.length - 1
    const now = this.#chosen === undefined ? last + 1 : this.#shown.indexOf(this.#chosen)
    const page = Math.max(1, Math.floor(this.#box.clientHeight / this.#rowHeight) - 1)
    const to: Record<string, number> = {
      ArrowUp: now - 1,
      ArrowDown: now + 1,
      PageUp: now - page,
      PageDown: now + page,
      Home: this.#gone,
      End: last,
    }
    const place = to[event.key]
    if (event.key === "Escape") this.choose(undefined)
    else if (place !== undefined && last >= 0)
      this.choose(this.#shown[Math.max(this.#gone, Math.min(last, place))])
    else return
    event.preventDefault()
  }

  #isShown(row: Row): boolean {
    return this.#signals.checked || row.kind !== "signal" || row.packet.contents.knowsNoEpoch
  }

  #filter(): void {
    this.#shown = []
    this.#gone = 0
    for (let index = this.#model.firstIndex; index < this.#model.endIndex; index++) {
      const row = this.#model.row(index)
      if (row && this.#isShown(row)) this.#shown.push(index)
    }
    this.#newFrom = this.#model.endIndex
    this.#clearRungs()
    this.#draw()
  }

  #startOver(): void {
    this.#shown = []
    this.#gone = 0
    this.#newFrom = 0
    this.#clearRungs()
    this.choose(undefined)
  }

  #clearRungs(): void {
    for (const rung of this.#rungs.values()) rung.remove()
    this.#rungs.clear()
  }

  #setFollowing(isOn: boolean): void {
    this.#isFollowing = isOn
  }

  #reveal(place: number): void {
    const top = place * this.#rowHeight
    const { scrollTop, clientHeight } = this.#box
    this.#rows.style.height = `${this.#shown.length * this.#rowHeight}px`
    if (top < scrollTop) this.#box.scrollTop = top
    else if (top + this.#rowHeight > scrollTop + clientHeight)
      this.#box.scrollTop = top + this.#rowHeight - clientHeight
  }

  /** Draws what is in sight, once a frame at the most. */
  #draw(): void {
    if (this.#isDrawing) return
    this.#isDrawing = true
    requestAnimationFrame(() => {
      this.#isDrawing = false
      this.#drawNow()
    })
  }

  #drawNow(): void {
    while (this.#gone < this.#shown.length && (this.#shown[this.#gone] as number) < this.#model.firstIndex)
      this.#gone++
    this.#rows.style.height = `${this.#shown.length * this.#rowHeight}px`
    if (this.#isFollowing) this.#box.scrollTop = this.#box.scrollHeight
    const { scrollTop, clientHeight } = this.#box
    // nothing to offer while the newest is in sight
    this.#follow.hidden = scrollTop + clientHeight >= (this.#shown.length - 0.5) * this.#rowHeight
    const from = Math.max(this.#gone, Math.floor(scrollTop / this.#rowHeight) - MARGIN)
    const to = Math.min(this.#shown.length, Math.ceil((scrollTop + clientHeight) / this.#rowHeight) + MARGIN)
    const wanted = new Set(this.#shown.slice(from, to))
    for (const [index, rung] of this.#rungs)
      if (!wanted.has(index)) {
        rung.remove()
        this.#rungs.delete(index)
      }
    for (let place = from; place < to; place++) this.#place(place)
    this.#newFrom = this.#model.endIndex
    const active = this.#chosen !== undefined && this.#rungs.has(this.#chosen) ? `rung-${this.#chosen}` : ""
    this.#box.setAttribute("aria-activedescendant", active)
  }

  #place(place: number): void {
    const index = this.#shown[place] as number
    let rung = this.#rungs.get(index)
    if (!rung) {
      const row = this.#model.row(index)
      if (!row) return
      rung = makeRung(row)
      if (index >= this.#newFrom) rung.classList.add("is-new")
      this.#markChosen(rung)
      this.#rungs.set(index, rung)
      // in order, for whoever reads the page by ear
      const after = this.#rungs.get(this.#shown[place - 1] ?? -1)
      if (after) after.after(rung)
      else this.#rows.prepend(rung)
    }
    rung.style.top = `${place * this.#rowHeight}px`
    rung.setAttribute("aria-posinset", String(place + 1 - this.#gone))
    rung.setAttribute("aria-setsize", String(this.#shown.length - this.#gone))
  }

  #markChosen(rung: HTMLElement): void {
    rung.setAttribute("aria-selected", String(Number(rung.dataset.index) === this.#chosen))
  }
}

function makeRung(row: Row): HTMLElement {
  const rung = element("div", { id: `rung-${row.index}`, role: "option", "data-index": row.index })
  const [seconds, unit] = formatTime(row.atMs).split(" ") as [string, string]
  const at = element("span", { class: "at" }, seconds, element("span", { class: "unit" }, ` ${unit}`))
  if (row.kind === "remark") {
    rung.className = `rung remark ${row.tone}`
    rung.append(at, element("span", { class: "text" }, element("span", {}, row.text)))
    return rung
  }
  const { packet } = row
  const isLost = packet.fate !== "delivered"
  const isResponse = row.kind === "message" && row.message.kind === "response"
  rung.className = `rung ${packet.direction} ${row.kind}`
  if (isResponse) rung.classList.add("response")
  if (isLost) rung.classList.add("lost")
  else if (packet.contents.hasData && !packet.isTaken) rung.classList.add("refused")
  const [name, says] = words(row)
  const chips = element("span", { class: "chips" })
  if (isLost)
    chips.append(element("span", { class: "warn" }, packet.fate === "cut" ? "cable cut" : packet.fate))
  if (packet.isRepetition) chips.append(element("span", { class: "warn" }, "again"))
  if (row.kind === "message" && row.spans.length > 0)
    chips.append(element("span", { class: "memory" }, `+${memoryBytes(row.spans)} B memory`))
  if (row.kind === "message" && row.answers)
    chips.append(element("span", {}, `${row.answers.tookMs.toFixed(1)} ms`))
  const text = element("span", { class: "text" })
  text.append(element("span", { class: "name" }, name), element("span", { class: "says" }, says), chips)
  const way = packet.direction === "out" ? " A7 to M4: " : " M4 to A7: "
  rung.append(at, element("span", { class: "sr" }, way), text, element("span", { class: "arrow" }))
  return rung
}

function words(row: Exclude<Row, { kind: "remark" }>): [name: string, says: string] {
  if (row.kind === "message") return [row.message.name, saysOf(row)]
  if (row.kind === "signal") return ["", row.text]
  return ["memory", `${memoryBytes(row.spans)} bytes in ${row.spans.length} spans`]
}

/** What a message says; of a kick or an interrupt, also what it announces. */
function saysOf({ message, requests }: MessageRow): string {
  const [first, ...more] = requests
  if (!first) return message.text
  return `${message.text}: ${first.text}${more.length > 0 ? `, and ${more.length} more` : ""}`
}

/** "12.345 s" */
export function formatTime(atMs: number): string {
  return `${(atMs / 1000).toFixed(3)} s`
}
