// Chooses which rows the ladder shows: with heartbeats or without, with repeats folded or each shown, and for all or
// only one device or chip. It offers the devices and chips that have been seen.

import type { Row } from "../wire/row.js"
import { isAbout, type KnownSubject, type Subject, subjectsOf } from "../wire/subject.js"
import { byId, element } from "./dom.js"

export class LadderSieve {
  /** Called when a person chooses something else to see. */
  onChange: () => void = () => {}

  readonly #signals = byId<HTMLInputElement>("show-signals")
  readonly #fold = byId<HTMLInputElement>("fold")
  readonly #only = byId<HTMLSelectElement>("only")
  readonly #options = new Map<Subject, HTMLOptionElement>()

  constructor() {
    for (const control of [this.#signals, this.#fold, this.#only])
      control.addEventListener("change", () => this.onChange())
  }

  get isFolding(): boolean {
    return this.#fold.checked
  }

  passes(row: Row): boolean {
    const isQuiet = row.kind === "signal" && !row.packet.contents.knowsNoEpoch
    return (this.#signals.checked || !isQuiet) && isAbout(row, this.#only.value)
  }

  /** Offers the subjects of the row. */
  learn(row: Row): void {
    for (const known of subjectsOf(row, { onlyAnswered: true })) {
      const option = this.#options.get(known.subject)
      if (!option) this.#offer(known)
      else if (known.label.length > (option.textContent ?? "").length) option.textContent = known.label
    }
  }

  /** For another bus: the subjects of the last one are not offered any more. */
  forget(): void {
    for (const option of this.#options.values()) option.remove()
    this.#options.clear()
    this.#only.value = ""
  }

  #offer({ subject, label, group, order }: KnownSubject): void {
    const option = element("option", { value: subject, "data-order": order }, label)
    this.#options.set(subject, option)
    const box = this.#only.querySelector(`optgroup[label="${group}"]`) as HTMLOptGroupElement
    const later = [...box.querySelectorAll("option")].find((one) => Number(one.dataset.order) > order)
    box.insertBefore(option, later ?? null)
  }
}
