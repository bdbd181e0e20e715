// Makes a folder and those above it. Node's recursive mkdir never ends where none can be made, as below /proc.

import { mkdirSync, statSync } from "node:fs"
import path from "node:path"
import { systemFailed } from "../errors.js"

/** Makes the folders that `folder` lacks, with that mode. Throws the system's error if one cannot be made. */
export function makeFolder(folder: string, mode = 0o777): void {
  const missing: string[] = []
  for (let at = path.resolve(folder); !isFolder(at) && at !== path.dirname(at); at = path.dirname(at))
    missing.push(at)
  for (const one of missing.reverse()) makeOne(one, mode)
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

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
