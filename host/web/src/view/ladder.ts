// The ladder of messages. It may have thousands of rungs, so only those in sight are elements. The number of a rung
// decides its place, so nothing moves when others come or go.

import type { Row } from "../wire/row.js"
import { type Rung, RungList } from "../wire/rung-list.js"
import type { WireModel } from "../wire/wire-model.js"
import { byId } from "./dom.js"
import { LadderSieve } from "./ladder-sieve.js"
import { makeRung } from "./rung.js"

/** So many rungs above and below those in sight are elements, too. */
const MARGIN = 6

export class LadderView {
  /** Called when a person chooses a row, and with undefined when the choice is gone. */
  onChoose: (row: Row | undefined) => void = () => {}

  readonly #model: WireModel
  readonly #box = byId("ladder")
  readonly #rows = byId("ladder-rows")
  readonly #follow = byId<HTMLButtonElement>("follow")
  readonly #sieve = new LadderSieve()
  #list: RungList
  /** Rungs at the top whose rows are not kept any more. */
  #gone = 0
  readonly #elements = new Map<Rung, HTMLElement>()
  #chosen: number | undefined
  #isFollowing = true
  #rowHeight = 44
  #newFrom = 0
  #isDrawing = false

  constructor(model: WireModel) {
    this.#model = model
    this.#list = this.#emptyList()
    model.onRow.on((row) => {
      this.#sieve.learn(row)
      if (this.#sieve.passes(row)) this.#list.push(row)
      this.#draw()
    })
    model.onClear.on(() => this.#startOver())
    this.#box.addEventListener("scroll", () => {
      this.#isFollowing = this.#box.scrollTop + this.#box.clientHeight >= this.#box.scrollHeight - 4
      this.#draw()
    })
    this.#box.addEventListener("keydown", (event) => this.#takeKey(event))
    this.#rows.addEventListener("click", (event) => {
      const rung = (event.target as Element).closest<HTMLElement>(".rung")
      if (rung) this.choose(Number(rung.dataset.index))
    })
    this.#follow.addEventListener("click", () => {
      this.#isFollowing = true
      this.#draw()
    })
    this.#sieve.onChange = () => this.#filter()
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
    this.#isFollowing = index === undefined
    const place = index === undefined ? -1 : this.#placeOf(index)
    if (place >= 0) this.#reveal(place)
    for (const [rung, shown] of this.#elements) this.#markChosen(rung, shown)
    this.#draw()
    this.onChoose(this.chosen)
  }

  #takeKey(event: KeyboardEvent): void {
    const { rungs } = this.#list
    const last = rungs.length - 1
    const now = this.#chosen === undefined ? last + 1 : this.#placeOf(this.#chosen)
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
      this.choose(rungs[Math.max(this.#gone, Math.min(last, place))]?.newest)
    else return
    event.preventDefault()
  }

  #placeOf(index: number): number {
    const rung = this.#list.rungOf(index)
    return rung ? this.#list.rungs.indexOf(rung) : -1
  }

  #emptyList(): RungList {
    return new RungList(this.#sieve.isFolding, (index) => this.#model.row(index))
  }

  #filter(): void {
    this.#list = this.#emptyList()
    this.#gone = 0
    for (let index = this.#model.firstIndex; index < this.#model.endIndex; index++) {
      const row = this.#model.row(index)
      if (row && this.#sieve.passes(row)) this.#list.push(row)
    }
    this.#newFrom = this.#model.endIndex
    this.#clearElements()
    this.#draw()
  }

  #startOver(): void {
    this.#sieve.forget()
    this.#list = this.#emptyList()
    this.#gone = 0
    this.#newFrom = 0
    this.#clearElements()
    this.choose(undefined)
  }

  #clearElements(): void {
    for (const shown of this.#elements.values()) shown.remove()
    this.#elements.clear()
  }

  #reveal(place: number): void {
    const top = place * this.#rowHeight
    const { scrollTop, clientHeight } = this.#box
    this.#rows.style.height = `${this.#list.rungs.length * this.#rowHeight}px`
    if (top < scrollTop) this.#box.scrollTop = top
    else if (top + this.#rowHeight > scrollTop + clientHeight)
      this.#box.scrollTop = top + this.#rowHeight - clientHeight
  }

  /** Draws the rungs in sight, at most once a frame. */
  #draw(): void {
    if (this.#isDrawing) return
    this.#isDrawing = true
    requestAnimationFrame(() => {
      this.#isDrawing = false
      this.#drawNow()
    })
  }

  #drawNow(): void {
    const { rungs } = this.#list
    const { firstIndex } = this.#model
    this.#list.forgetBefore(firstIndex)
    while (this.#gone < rungs.length && (rungs[this.#gone] as Rung).newest < firstIndex) this.#gone++
    this.#rows.style.height = `${rungs.length * this.#rowHeight}px`
    if (this.#isFollowing) this.#box.scrollTop = this.#box.scrollHeight
    const { scrollTop, clientHeight } = this.#box
    // no button to the newest rung while it is in sight
    this.#follow.hidden = scrollTop + clientHeight >= (rungs.length - 0.5) * this.#rowHeight
    const from = Math.max(this.#gone, Math.floor(scrollTop / this.#rowHeight) - MARGIN)
    const to = Math.min(rungs.length, Math.ceil((scrollTop + clientHeight) / this.#rowHeight) + MARGIN)
    const wanted = new Set(rungs.slice(from, to))
    for (const [rung, shown] of this.#elements)
      if (!wanted.has(rung)) {
        shown.remove()
        this.#elements.delete(rung)
      }
    for (let place = from; place < to; place++) this.#place(place)
    this.#newFrom = this.#model.endIndex
    const chosen = this.#chosen === undefined ? undefined : this.#list.rungOf(this.#chosen)
    const active = chosen && this.#elements.get(chosen)
    this.#box.setAttribute("aria-activedescendant", active?.id ?? "")
  }

  #place(place: number): void {
    const rung = this.#list.rungs[place] as Rung
    let shown = this.#elements.get(rung)
    if (shown?.dataset.index !== String(rung.newest)) {
      const row = this.#model.row(rung.newest)
      if (!row) return
      const made = makeRung(row, rung.count)
      if (rung.newest >= this.#newFrom) made.classList.add("is-new")
      this.#markChosen(rung, made)
      this.#elements.set(rung, made)
      // in order, for people with a screen reader
      const before = this.#list.rungs[place - 1]
      const after = before && this.#elements.get(before)
      if (shown) shown.replaceWith(made)
      else if (after) after.after(made)
      else this.#rows.prepend(made)
      shown = made
    }
    shown.style.top = `${place * this.#rowHeight}px`
    shown.setAttribute("aria-posinset", String(place + 1 - this.#gone))
    shown.setAttribute("aria-setsize", String(this.#list.rungs.length - this.#gone))
  }

  #markChosen(rung: Rung, shown: HTMLElement): void {
    const isChosen = this.#chosen !== undefined && this.#list.rungOf(this.#chosen) === rung
    shown.setAttribute("aria-selected", String(isChosen))
  }
}
