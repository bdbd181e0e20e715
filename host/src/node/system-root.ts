// Files of this computer: where those about its devices are, and what is at a path. Tests set VIRTIO_MSG_ROOT to a folder
// that looks like a root.

import { constants, type Stats, statSync } from "node:fs"
import { access } from "node:fs/promises"
import path from "node:path"

/** A path below the root: `/sys/class/tty`. */
export function systemPath(absolute: string): string {
  return path.join(process.env.VIRTIO_MSG_ROOT || "/", absolute)
}

/** What is at a path; undefined for nothing, and where one may not look. */
export function statOf(file: string, stat: (file: string) => Stats = statSync): Stats | undefined {
  try {
    return stat(file)
  } catch {
    return undefined
  }
}

export function isFolder(file: string): boolean {
  return statOf(file)?.isDirectory() ?? false
}

/** Whether something is there that this process may use in these ways. */
export function isThere(file: string, ways = constants.F_OK): Promise<boolean> {
  return access(file, ways).then(
    () => true,
    () => false,
  )
}
