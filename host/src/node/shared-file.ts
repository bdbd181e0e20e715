// Memory that is shared through a file. The peer maps it; Node has no mmap, so this side reads and writes the file,
// which Linux keeps coherent with every mapping of it (one page cache for both).

import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs"
import { VirtioMsgError } from "../errors.js"

export class SharedFile {
  readonly path: string
  readonly lengthBytes: number
  #descriptor: number | undefined

  private constructor(path: string, lengthBytes: number, descriptor: number) {
    this.path = path
    this.lengthBytes = lengthBytes
    this.#descriptor = descriptor
  }

  /** Opens the peer's file. Throws CONNECT_FAILED when it is not there, or is shorter than `lengthBytes`. */
  static open(path: string, lengthBytes: number): SharedFile {
    const wrong = (what: string, cause?: unknown) =>
      new VirtioMsgError("CONNECT_FAILED", `The shared memory ${path} ${what}.`, {
        hint: "The device side makes the file, as long as its window, before it greets; both sides run on one machine.",
        cause,
      })
    let descriptor: number
    try {
      descriptor = openSync(path, "r+")
    } catch (error) {
      throw wrong(`cannot be opened: ${error instanceof Error ? error.message : error}`, error)
    }
    const { size } = fstatSync(descriptor)
    if (size < lengthBytes) {
      closeSync(descriptor)
      throw wrong(`has ${size} bytes instead of ${lengthBytes}`)
    }
    return new SharedFile(path, lengthBytes, descriptor)
  }

  /** Makes a file of zeros. Throws what the file system throws. */
  static create(path: string, lengthBytes: number): SharedFile {
    const descriptor = openSync(path, "w+", 0o600)
    ftruncateSync(descriptor, lengthBytes)
    return new SharedFile(path, lengthBytes, descriptor)
  }

  /** Bytes outside the file read as 0. */
  read(offset: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes)
    if (this.#descriptor !== undefined && offset < this.lengthBytes)
      readSync(this.#descriptor, bytes, 0, lengthBytes, offset)
    return bytes
  }

  /** Bytes outside the file go nowhere. */
  write(offset: number, bytes: Uint8Array): void {
    const fits = bytes.subarray(0, Math.max(0, this.lengthBytes - offset))
    if (this.#descriptor !== undefined) writeSync(this.#descriptor, fits, 0, fits.length, offset)
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }
}
