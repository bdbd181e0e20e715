// Trouble on purpose: the M4 loses its power, the cable is cut, packets are lost or damaged. Also shows how the bus
// recovers.

import type { Bench } from "../bench/bench.js"
import type { WireModel } from "../wire/wire-model.js"
import { byId, setText } from "./dom.js"

const CUT_MS = 1000

export class TroubleView {
  readonly #model: WireModel
  readonly #bench: () => Bench | undefined
  readonly #reset = byId<HTMLButtonElement>("reset")
  readonly #cut = byId<HTMLButtonElement>("cut")
  readonly #drop = byId<HTMLInputElement>("drop")
  readonly #damage = byId<HTMLInputElement>("damage")
  readonly #recovery = byId("recovery")
  /** When the bus was lost, on the bench's clock. */
  #lostAtMs: number | undefined

  constructor(model: WireModel, bench: () => Bench | undefined) {
    this.#model = model
    this.#bench = bench
    this.#reset.addEventListener("click", () => this.#bench()?.resetBoard?.())
    this.#cut.addEventListener("click", () => this.#cutCable())
    this.#drop.addEventListener("input", () => this.#setRates())
    this.#damage.addEventListener("input", () => this.#setRates())
  }

  /** For a new connection of the page: everything works again. */
  connected(): void {
    const bench = this.#bench()
    this.#drop.value = "0"
    this.#damage.value = "0"
    this.#setRates()
    this.#lostAtMs = undefined
    const hasCable = bench?.cable !== undefined
    for (const input of [this.#cut, this.#drop, this.#damage]) input.disabled = !hasCable
    this.#reset.disabled = bench?.resetBoard === undefined
    byId("ends").dataset.cable = "whole"
    const canOnlyLook = "This page only looks on: it has no hand on that cable."
    const noReset = "A real board has its own reset button: press it, and see."
    const text = hasCable ? (bench.resetBoard ? "All is well." : noReset) : bench ? canOnlyLook : ""
    setText(this.#recovery, text)
  }

  /** Disables the controls. `text` gives the reason. */
  disable(text: string): void {
    for (const input of [this.#reset, this.#cut, this.#drop, this.#damage]) input.disabled = true
    setText(this.#recovery, text)
  }

  /** To be called when the bus was lost: the page waits for it. */
  lost(message: string): void {
    this.#lostAtMs = this.#bench()?.now()
    setText(this.#recovery, message)
  }

  /** To be called when the bus works again, in a new epoch. */
  recovered(): void {
    const bench = this.#bench()
    if (this.#lostAtMs === undefined || !bench) return
    const tookMs = bench.now() - this.#lostAtMs
    this.#lostAtMs = undefined
    const text = `Recovered ${tookMs.toFixed(0)} ms after it was noticed, in a new epoch.`
    this.#model.remark(text, "good", bench.now())
    setText(this.#recovery, text)
  }

  #setRates(): void {
    const cable = this.#bench()?.cable
    for (const [input, name, fault] of [
      [this.#drop, "drop", "loss"],
      [this.#damage, "damage", "damage"],
    ] as const) {
      byId<HTMLOutputElement>(`${name}-text`).value = `${input.value} %`
      input.setAttribute("aria-valuetext", `${input.value} percent`)
      cable?.setFaults({ [fault]: Number(input.value) / 100 })
    }
  }

  async #cutCable(): Promise<void> {
    const bench = this.#bench()
    if (!bench?.cable || bench.cable.isCut) return
    byId("ends").dataset.cable = "cut"
    this.#model.remark("The cable is cut", "bad", bench.now())
    const { again: before } = this.#model.counters.out
    await bench.cable.cutFor(CUT_MS)
    if (bench !== this.#bench()) return
    byId("ends").dataset.cable = "whole"
    const again = this.#model.counters.out.again - before
    this.#model.remark("The cable is whole again", "good", bench.now())
    if (this.#lostAtMs === undefined)
      setText(this.#recovery, `The cable was cut for 1 s: ${again} times a packet was sent again meanwhile.`)
  }
}
