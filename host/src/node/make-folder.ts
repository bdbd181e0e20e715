// Makes a folder and those above it. Node's recursive mkdir never ends where none can be made, as below /proc.

import { mkdirSync } from "node:fs"
import { homedir } from "node:os"
import path from "node:path"
import { systemFailed } from "../errors.js"
import { isFolder } from "./system-root.js"

/** Makes the folders that `folder` lacks, with that mode. Throws the system's error if one cannot be made. */
export function makeFolder(folder: string, mode = 0o777): void {
  const missing: string[] = []
  for (let at = path.resolve(folder); !isFolder(at) && at !== path.dirname(at); at = path.dirname(at))
    missing.push(at)
  for (const one of missing.reverse()) makeOne(one, mode)
}

/** Where we keep what takes long to get: `name` in VIRTIO_MSG_CACHE, or in `~/.cache/virtio-msg` when that is not set. */
export function cacheOf(name: string): string {
  return path.join(process.env.VIRTIO_MSG_CACHE ?? path.join(homedir(), ".cache/virtio-msg"), name)
}

/** As `makeFolder`, for what we keep between runs. Throws SYSTEM_FAILED. */
export function makeCacheFolder(folder: string): void {
  try {
    makeFolder(folder)
  } catch (error) {
    throw systemFailed(`Cannot keep files in ${folder}: ${(error as Error).message}.`, {
      hint: "Name a folder that you may write to: export VIRTIO_MSG_CACHE=FOLDER",
      cause: error,
    })
  }
}

/** Another process may have made it meanwhile. That is as good. */
function makeOne(folder: string, mode: number): void {
  try {
    mkdirSync(folder, { mode })
  } catch (error) {
    if (!isFolder(folder)) throw error
  }
}
