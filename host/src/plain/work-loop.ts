// Serves what was announced to devices in this process, in one run at a time, like the firmware's fiber.

export class WorkLoop {
  readonly #step: () => Promise<void>
  #isWorking = false
  #isMoreToDo = false

  /** `step` serves everything that is announced by then. */
  constructor(step: () => Promise<void>) {
    this.#step = step
  }

  /** Serves soon: in the run that has begun, or in a new one. */
  async run(): Promise<void> {
    this.#isMoreToDo = true
    if (this.#isWorking) return
    this.#isWorking = true
    while (this.#isMoreToDo) {
      this.#isMoreToDo = false
      await this.#step()
    }
    this.#isWorking = false
  }
}
