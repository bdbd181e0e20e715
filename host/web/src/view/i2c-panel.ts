// The I2C bus: i2cdetect's grid, and the registers of a chip.

import { detect } from "../../../src/cli/i2c-detect.js"
import { formatByte, parseAddress, parseNumber } from "../../../src/cli/i2c-numbers.js"
import { counted } from "../../../src/counted.js"
import type { I2cAdapter } from "../../../src/driver/i2c-adapter.js"
import { VirtioMsgError } from "../../../src/errors.js"
import { hexDigits } from "../../../src/hex.js"
import type { Row } from "../wire/row.js"
import { byId, element, setText } from "./dom.js"
import { MOST_BYTES, parseBytes, typedCommand } from "./typed-i2c.js"

const FIRST = 0x08
const LAST = 0x77
const SIMULATED_CHIPS: Record<number, string> = {
  72: "LM75, temperature",
  80: "24C02, EEPROM",
  84: "ST's RAM",
  86: "ST's RAM",
  118: "BME280, weather",
}

export class I2cPanel {
  readonly #adapter: () => Promise<I2cAdapter>
  readonly #grid = byId<HTMLTableElement>("detect-grid")
  readonly #form = byId<HTMLFormElement>("registers")
  readonly #result = byId<HTMLOutputElement>("register-result")
  readonly #typed = byId("typed")
  readonly #cells = new Map<number, HTMLTableCellElement>()
  /** Counts what was asked for. Only what was asked for last has the result's line. */
  #asked = 0
  /** Whether the chips' names are known. */
  isSimulated = true

  /** `adapter` gives the I2C adapter of the present connection. It may reject. */
  constructor(adapter: () => Promise<I2cAdapter>) {
    this.#adapter = adapter
    this.#makeGrid()
    byId("detect").addEventListener("click", () => this.detect())
    byId("write").addEventListener("click", () => this.#write())
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault()
      this.#read()
    })
    this.#form.addEventListener("input", (event) => {
      ;(event.target as Element).removeAttribute("aria-invalid")
      this.#type("get")
    })
  }

  /** Forgets the chips that were found. */
  clear(): void {
    for (const cell of this.#cells.values()) cell.replaceChildren("··")
    this.#asked++
    this.#show("–")
  }

  /** Fills the grid from the traffic on somebody else's bus: which addresses answer there, and which do not. */
  lookOn(row: Row): void {
    if (row.kind !== "message" && row.kind !== "memory") return
    for (const { phase, fields, ok } of row.requests) {
      const address = fields.find(({ name }) => name === "i2c_addr")?.value
      if (phase !== "used" || typeof address !== "number") continue
      const cell = this.#cells.get(address >> 1)
      if (ok) cell?.replaceChildren(this.#chipButton(address >> 1))
      else if (cell?.childElementCount === 0) cell.replaceChildren("--") // a chip may refuse a byte, too
    }
  }

  setEnabled(isOn: boolean): void {
    for (const id of ["detect", "read", "write"]) byId<HTMLButtonElement>(id).disabled = !isOn
  }

  async detect(): Promise<void> {
    await this.#run(async () => {
      setText(this.#typed, "$ virtio-msg i2c detect")
      const found = await detect(await this.#adapter(), FIRST, LAST, "auto")
      for (const [address, cell] of this.#cells)
        cell.replaceChildren(found.has(address) ? this.#chipButton(address) : "--")
      return `${counted(found.size, "chip")}: ${[...found].map(formatByte).join(" ")}`
    })
  }

  #makeGrid(): void {
    const digits = Array.from({ length: 16 }, (_, digit) => hexDigits(digit))
    const head = element(
      "tr",
      {},
      element("td"),
      ...digits.map((digit) => element("th", { scope: "col" }, digit)),
    )
    const body = element("tbody")
    for (let line = 0; line < 0x80; line += 16) {
      const row = element("tr", {}, element("th", { scope: "row" }, hexDigits(line, 2)))
      for (let address = line; address < line + 16; address++) {
        const cell = element("td")
        if (address >= FIRST && address <= LAST) {
          cell.append("··")
          this.#cells.set(address, cell)
        }
        row.append(cell)
      }
      body.append(row)
    }
    this.#grid.append(element("thead", {}, head), body)
  }

  #chipButton(address: number): HTMLButtonElement {
    const name = this.isSimulated ? SIMULATED_CHIPS[address] : undefined
    const button = element(
      "button",
      { type: "button", title: name },
      element("span", { class: "sr" }, "Chip "),
      hexDigits(address, 2),
    )
    button.addEventListener("click", () => {
      this.#input("chip").value = formatByte(address)
      this.#type("get")
      this.#input("register").focus()
    })
    return button
  }

  async #read(): Promise<void> {
    await this.#run(async () => {
      const { chip, register } = this.#place()
      const length = this.#number("length", "Number of bytes", 1, MOST_BYTES)
      this.#type("get")
      const data = await (await this.#adapter()).readBlock(chip, register, length)
      return Array.from(data, formatByte).join(" ")
    })
  }

  async #write(): Promise<void> {
    await this.#run(async () => {
      const { chip, register } = this.#place()
      const bytes = this.#check("value", () => parseBytes(this.#input("value").value))
      this.#type("set")
      await (await this.#adapter()).writeBlock(chip, register, bytes)
      return `${counted(bytes.length, "byte")} written`
    })
  }

  #place(): { chip: number; register: number } {
    return {
      chip: this.#check("chip", () => parseAddress(this.#input("chip").value.trim())),
      register: this.#number("register", "Register", 0, 0xff),
    }
  }

  #number(id: string, what: string, least: number, most: number): number {
    return this.#check(id, () => parseNumber(this.#input(id).value.trim(), what, least, most))
  }

  /** Marks the field that is wrong. */
  #check<T>(id: string, parse: () => T): T {
    const input = this.#input(id)
    try {
      input.removeAttribute("aria-invalid")
      return parse()
    } catch (error) {
      input.setAttribute("aria-invalid", "true")
      input.focus()
      throw error
    }
  }

  /** Shows the command that does the same. */
  #type(verb: "get" | "set"): void {
    const field = (id: string) => this.#input(id).value
    const fields = {
      chip: field("chip"),
      register: field("register"),
      length: field("length"),
      value: field("value"),
    }
    const line = typedCommand(verb, fields)
    setText(this.#typed, line === undefined ? "" : `$ ${line}`)
  }

  async #run(work: () => Promise<string>): Promise<void> {
    const turn = ++this.#asked
    const show = (text: string, tone?: string) => {
      if (turn === this.#asked) this.#show(text, tone)
    }
    try {
      this.#show("…")
      show(await work())
    } catch (error) {
      show(error instanceof VirtioMsgError ? error.message : String(error), "bad")
    }
  }

  #show(text: string, tone = "plain"): void {
    this.#result.value = text
    this.#result.dataset.tone = tone
  }

  #input(id: string): HTMLInputElement {
    return byId<HTMLInputElement>(id)
  }
}
