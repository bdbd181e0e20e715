// Writes the archive that Linux unpacks into its first file system (cpio "newc", the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst). Everything in it belongs to root.

import { Buffer } from "node:buffer"
import { gzipSync } from "node:zlib"
import { hexDigits } from "../../hex.js"

/** A regular file of the guest. */
export interface GuestFile {
  /** Without a leading slash. */
  readonly path: string
  readonly bytes: Uint8Array
  readonly isExecutable?: boolean
}

const DIRECTORY = 0o040755
const FILE = 0o100644
const PROGRAM = 0o100755

/**
 * Packs files, the folders that they are in, and `folders`, compressed. Archives may be put one behind another:
 * Linux unpacks them all.
 */
export function packInitramfs(files: readonly GuestFile[], folders: readonly string[] = []): Buffer {
  const parents = new Set<string>()
  for (const path of [...folders.map((folder) => `${folder}/`), ...files.map((file) => file.path)])
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1))
      parents.add(path.slice(0, end))
  const entries = [
    ...[...parents].map((path, index) => entry(index + 1, path, DIRECTORY, new Uint8Array(0))),
    ...files.map((file, index) =>
      entry(parents.size + index + 1, file.path, file.isExecutable ? PROGRAM : FILE, file.bytes),
    ),
    entry(0, "TRAILER!!!", 0, new Uint8Array(0)),
  ]
  return gzipSync(Buffer.concat(entries.flat()), { level: 1 })
}

function entry(inode: number, path: string, mode: number, bytes: Uint8Array): Uint8Array[] {
  const name = Buffer.from(`${path}\0`)
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0]
  const header = `070701${fields.map((field) => hexDigits(field, 8)).join("")}`
  return [Buffer.from(header), name, padding(header.length + name.length), bytes, padding(bytes.length)]
}

/** Names and contents end at multiples of 4. */
function padding(length: number): Uint8Array {
  return new Uint8Array(-length & 3)
}
