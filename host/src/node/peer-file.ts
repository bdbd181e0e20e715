// The file that a device of the plain profile names in its greeting: whose it may be, and where. The device must not be
// able to choose among its user's files (docs/conform-your-own.md "Which file").

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
} from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { VirtioMsgError } from "../errors.js"
import { PLAIN_MARK } from "../link/plain-record.js"

export interface PeerFile {
  readonly path: string
  /** The size that the greeting promises. */
  readonly lengthBytes: number
  /**
   * The folder in which the device may have made the file, beside private folders for temporary files; undefined where
   * the user named the file.
   */
  readonly folder: string | undefined
}

/** Opens it for reading and writing, and returns the descriptor. Throws CONNECT_FAILED for a file that breaks the rule. */
export function openPeerFile(file: PeerFile): number {
  checkFolder(file)
  let descriptor: number
  try {
    // looked at before it is opened: opening alone does something to a device or a pipe
    checkFile(file, lstatSync(file.path))
    descriptor = openSync(file.path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0))
  } catch (error) {
    if (error instanceof VirtioMsgError) throw error
    throw refused(file, `cannot be opened: ${error instanceof Error ? error.message : error}`, error)
  }
  try {
    checkFile(file, fstatSync(descriptor)) // it may be another one by now
    checkMark(file, descriptor)
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

function checkFolder(file: PeerFile): void {
  if (file.folder === undefined) return
  if (!path.isAbsolute(file.path)) throw refused(file, "is no absolute path")
  let folder: string
  let allowed: string
  try {
    folder = realpathSync(path.dirname(file.path))
    allowed = realpathSync(file.folder)
  } catch (error) {
    throw refused(file, `cannot be opened: ${error instanceof Error ? error.message : error}`, error)
  }
  if (folder !== allowed && !isPrivateTemporary(folder))
    throw refused(file, "lies neither in the socket's folder nor in a private one for temporary files")
}

/** Whether `folder` is directly in the system's folder for temporary files, and this user's alone. */
function isPrivateTemporary(folder: string): boolean {
  if (path.dirname(folder) !== realpathSync(tmpdir())) return false
  const found = lstatSync(folder)
  return isOurs(found) && (found.mode & 0o077) === 0
}

function checkFile(file: PeerFile, found: Stats): void {
  if (!found.isFile()) throw refused(file, "is no regular file")
  if (!isOurs(found)) throw refused(file, "belongs to another user")
  if (found.nlink !== 1) throw refused(file, "has other names, too")
  if (found.size !== file.lengthBytes)
    throw refused(file, `has ${found.size} bytes instead of ${file.lengthBytes}`)
}

function checkMark(file: PeerFile, descriptor: number): void {
  const start = new Uint8Array(PLAIN_MARK.length)
  readSync(descriptor, start, 0, start.length, 0)
  if (PLAIN_MARK.some((byte, at) => start[at] !== byte))
    throw refused(file, `does not begin with "${new TextDecoder().decode(PLAIN_MARK)}"`)
}

/** On Windows there is no such question. */
function isOurs(found: Stats): boolean {
  return !process.getuid || found.uid === process.getuid()
}

function refused(file: PeerFile, what: string, cause?: unknown): VirtioMsgError {
  return new VirtioMsgError("CONNECT_FAILED", `The shared memory ${file.path} ${what}.`, {
    hint: 'Only a file that the device side made for this is written to: docs/conform-your-own.md, "Which file".',
    cause,
  })
}
