// Memory that is shared through a file. The peer maps it; Node has no mmap, so this side reads and writes the file,
// which Linux keeps coherent with every mapping of it (one page cache for both).

import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs"
import { PLAIN_MARK } from "../link/plain-record.js"
import { openPeerFile, type PeerFile } from "./peer-file.js"

export class SharedFile {
  readonly path: string
  readonly lengthBytes: number
  /** Bytes before this are the device side's: the mark. */
  readonly #writableFrom: number
  #descriptor: number | undefined

  private constructor(path: string, lengthBytes: number, descriptor: number, writableFrom: number) {
    this.path = path
    this.#writableFrom = writableFrom
    this.lengthBytes = lengthBytes
    this.#descriptor = descriptor
  }

  /** Opens the peer's file, whose mark stays as it is. Throws CONNECT_FAILED for one that `openPeerFile` refuses. */
  static open(file: PeerFile): SharedFile {
    return new SharedFile(file.path, file.lengthBytes, openPeerFile(file), PLAIN_MARK.length)
  }

  /** Makes a file of zeros behind the mark. Throws what the file system throws. */
  static create(path: string, lengthBytes: number): SharedFile {
    const descriptor = openSync(path, "wx+", 0o600)
    ftruncateSync(descriptor, lengthBytes)
    const file = new SharedFile(path, lengthBytes, descriptor, 0)
    file.mark()
    return file
  }

  /** Writes the mark, which a driver may have overwritten: to be done before each greeting. */
  mark(): void {
    this.write(0, PLAIN_MARK)
  }

  /** Bytes outside the file read as 0. */
  read(offset: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes)
    if (this.#descriptor !== undefined && offset < this.lengthBytes)
      readSync(this.#descriptor, bytes, 0, lengthBytes, offset)
    return bytes
  }

  /** Bytes outside the file go nowhere, nor do those of a driver for the mark. */
  write(offset: number, bytes: Uint8Array): void {
    const first = Math.max(offset, this.#writableFrom)
    const fits = bytes.subarray(first - offset, Math.max(0, this.lengthBytes - offset))
    if (this.#descriptor !== undefined) writeSync(this.#descriptor, fits, 0, fits.length, first)
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }
}
