// Files that are shared with a peer: whose they may be. A file that a device of the plain profile names in its
// greeting also has to be in the right place and to begin with a mark. Otherwise the device could choose among its
// user's files (docs/conform-your-own.md "Which file").

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
import { counted } from "../counted.js"
import { connectFailed, VirtioMsgError } from "../errors.js"
import { PLAIN_MARK } from "../plain/plain-record.js"

export interface PeerFile {
  readonly path: string
  /** The size that the greeting promises. */
  readonly lengthBytes: number
  /**
   * The folder in which the device may have made the file, beside private folders for temporary files. Undefined where
   * the user named the file.
   */
  readonly folder: string | undefined
}

/**
 * Opens the file for reading and writing. Returns the descriptor. Throws CONNECT_FAILED for a file that breaks the
 * rules.
 */
export function openPeerFile(file: PeerFile): number {
  checkFolder(file)
  const opened = openOwnFile(file.path, (found) => {
    if (found.size !== file.lengthBytes)
      throw refused(file, `has ${counted(found.size, "byte")} instead of ${file.lengthBytes}`)
  })
  try {
    checkMark(file, opened.descriptor)
    return opened.descriptor
  } catch (error) {
    closeSync(opened.descriptor)
    throw error
  }
}

/**
 * Opens a file that the user names, of any size, for reading and writing. Throws CONNECT_FAILED if it is missing, is
 * no regular file, belongs to another user, or has a second name.
 */
export function openNamedFile(path: string): { readonly descriptor: number; readonly lengthBytes: number } {
  return openOwnFile(path, () => {})
}

function openOwnFile(path: string, check: (found: Stats) => void) {
  let descriptor: number
  try {
    // checked before it is opened, since opening a device or a pipe already has an effect
    const found = lstatSync(path)
    checkOwner(path, found)
    check(found)
    descriptor = openSync(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0))
  } catch (error) {
    if (error instanceof VirtioMsgError) throw error
    throw refused({ path }, `cannot be opened: ${error instanceof Error ? error.message : error}`, error)
  }
  try {
    const found = fstatSync(descriptor) // it may have been replaced meanwhile
    checkOwner(path, found)
    check(found)
    return { descriptor, lengthBytes: found.size }
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

/** Whether `folder` is directly in the system's folder for temporary files, and belongs to this user alone. */
function isPrivateTemporary(folder: string): boolean {
  if (path.dirname(folder) !== realpathSync(tmpdir())) return false
  const found = lstatSync(folder)
  return isOurs(found) && (found.mode & 0o077) === 0
}

function checkOwner(path: string, found: Stats): void {
  if (!found.isFile()) throw refused({ path }, "is no regular file")
  if (!isOurs(found)) throw refused({ path }, "belongs to another user")
  if (found.nlink !== 1) throw refused({ path }, "has other names, too")
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

function refused(file: Pick<PeerFile, "path">, what: string, cause?: unknown): VirtioMsgError {
  return connectFailed(`The shared memory ${file.path} ${what}.`, {
    hint: 'Only a file that the device side made for this is written to: docs/conform-your-own.md, "Which file".',
    cause,
  })
}
