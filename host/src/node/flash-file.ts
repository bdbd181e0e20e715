// The flash memory of a simulated board, as a file.

import { readFileSync, statSync, writeFileSync } from "node:fs"
import { invalidArgument, type VirtioMsgError } from "../errors.js"
import type { FlashMemory } from "../vm/machine.js"

/** The beginning of the runtime's store in flash: "FSTR" and four bytes. */
const STORE_MAGIC = Uint8Array.of(0x46, 0x53, 0x54, 0x52, 0x0a, 0xea, 0xec, 0x6b)

export class FlashFile implements FlashMemory {
  readonly #file: string

  /** Throws INVALID_ARGUMENT for a file that cannot be used, or that is something else and would be overwritten. */
  constructor(file: string) {
    this.#file = file
    const contents = this.load()
    if (contents && !isStore(contents))
      throw invalidArgument(`${file} is no flash memory of a simulated board.`, {
        hint: "Choose a path where no file is.",
      })
    if (!contents) this.#write(new Uint8Array(0))
  }

  load(): Uint8Array | undefined {
    try {
      // reading a device file may never end
      if (!statSync(this.#file).isFile()) throw new Error("it is not a regular file")
      const contents = readFileSync(this.#file)
      return contents.length > 0 ? contents : undefined
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
      throw this.#unusable(error)
    }
  }

  save(contents: Uint8Array): void {
    if (isStore(contents)) this.#write(contents) // a VM that crashes writes four zeros
  }

  #write(contents: Uint8Array): void {
    try {
      writeFileSync(this.#file, contents)
    } catch (error) {
      throw this.#unusable(error)
    }
  }

  #unusable(cause: unknown): VirtioMsgError {
    return invalidArgument(`Cannot use ${this.#file}: ${(cause as Error).message}`, {
      hint: "Choose a file in a folder that you may write to.",
      cause,
    })
  }
}

function isStore(contents: Uint8Array): boolean {
  return STORE_MAGIC.every((byte, at) => contents[at] === byte)
}
