// Memory that is shared through a file. The peer maps it. Node has no mmap, so this side reads and writes the file,
// and Linux keeps that coherent with every mapping of it (one page cache for both).

import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs"
import { counted } from "../counted.js"
import { protocolBroken, systemFailed } from "../errors.js"
import { PLAIN_MARK } from "../plain/plain-record.js"
import { openNamedFile, openPeerFile, type PeerFile } from "./peer-file.js"

export class SharedFile {
  readonly path: string
  readonly lengthBytes: number
  /** The bytes before this belong to the device's side: the mark. */
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

  /** Opens a whole file that the user names. Throws CONNECT_FAILED for one that `openNamedFile` refuses. */
  static openNamed(path: string): SharedFile {
    const { descriptor, lengthBytes } = openNamedFile(path)
    return new SharedFile(path, lengthBytes, descriptor, 0)
  }

  /** Makes a file of the mark and zeros. Throws what the file system throws. */
  static create(path: string, lengthBytes: number): SharedFile {
    const descriptor = openSync(path, "wx+", 0o600)
    ftruncateSync(descriptor, lengthBytes)
    const file = new SharedFile(path, lengthBytes, descriptor, 0)
    file.mark()
    return file
  }

  /** Takes a file of the user, or makes it, and fills it with zeros. Throws SYSTEM_FAILED. */
  static keep(path: string, lengthBytes: number): SharedFile {
    try {
      const flags = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0)
      const descriptor = openSync(path, flags, 0o600)
      const found = fstatSync(descriptor)
      if (!found.isFile()) throw new Error("it is no regular file")
      const start = new Uint8Array(Math.min(found.size, PLAIN_MARK.length))
      readSync(descriptor, start, 0, start.length, 0)
      // a machine that was started before has made it, full of zeros
      if (start.some((byte) => byte !== 0) && start.some((byte, at) => byte !== PLAIN_MARK[at]))
        throw new Error("it is a file with another content, which would be lost")
      ftruncateSync(descriptor, lengthBytes)
      const file = new SharedFile(path, lengthBytes, descriptor, 0)
      file.write(0, new Uint8Array(lengthBytes))
      file.mark()
      return file
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : cause
      throw systemFailed(`The window cannot be in ${path}: ${reason}`, {
        hint: "Name a file in a folder that exists, such as /dev/shm/window.",
        cause,
      })
    }
  }

  /** Writes the mark, which a driver may have overwritten. Needed before each greeting. */
  mark(): void {
    this.write(0, PLAIN_MARK)
  }

  holds(offset: number, lengthBytes: number): boolean {
    return offset + lengthBytes <= this.lengthBytes
  }

  /** Bytes outside the file read as 0. */
  read(offset: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes)
    if (this.#descriptor !== undefined && offset < this.lengthBytes)
      readSync(this.#descriptor, bytes, 0, lengthBytes, offset)
    return bytes
  }

  /** Bytes outside the file go nowhere. A driver's bytes for the mark also go nowhere. */
  write(offset: number, bytes: Uint8Array): void {
    const first = Math.max(offset, this.#writableFrom)
    const fits = bytes.subarray(first - offset, Math.max(0, this.lengthBytes - offset))
    if (this.#descriptor !== undefined) writeSync(this.#descriptor, fits, 0, fits.length, first)
  }

  /** Throws PROTOCOL when the peer has made the file shorter: the lost part reads as 0. */
  expectWhole(): void {
    if (this.#descriptor === undefined) return
    const { size } = fstatSync(this.#descriptor)
    if (size < this.lengthBytes)
      throw protocolBroken(
        `${this.path} was cut: ${size} of ${counted(this.lengthBytes, "byte")} are left.`,
        { hint: "Start the other side anew, with new files." },
      )
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }
}
