// Chooses which process on this computer the live view shows: a certain one, or any that does something.

import type { LiveProcess } from "../../../src/node/dashboard/live-feed.js"
import { byId, element } from "./dom.js"

export class ProcessChooser {
  readonly #field = byId("process-field")
  readonly #select = byId<HTMLSelectElement>("process")

  /** `choose` is called with the number of a session, or with undefined for any that does something. */
  constructor(choose: (session: number | undefined) => void) {
    this.#select.addEventListener("change", () => {
      const { value } = this.#select
      choose(value === "" ? undefined : Number(value))
    })
  }

  /** For a new connection of the page. */
  clear(isLive: boolean): void {
    this.#field.hidden = !isLive
    this.show([])
  }

  show(processes: readonly LiveProcess[]): void {
    const { value } = this.#select
    this.#select.replaceChildren(
      element("option", { value: "" }, "whichever is active"),
      ...processes.map(({ session, title, state }) =>
        element("option", { value: session }, state === "active" ? title : `${title} (${state})`),
      ),
    )
    // a choice stays, even when the process has ended
    this.#select.value = processes.some(({ session }) => String(session) === value) ? value : ""
  }
}
