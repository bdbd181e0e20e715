// The user's runtime folder. Running processes leave files there that others look for. Only its owner may enter it.

import { lstatSync, readdirSync } from "node:fs"
import os from "node:os"
import path from "node:path"
import { systemFailed, type VirtioMsgError } from "../errors.js"
import { makeFolder } from "./make-folder.js"

/** Only its owner can enter it. */
export function runtimeFolder(): string {
  const { XDG_RUNTIME_DIR } = process.env
  if (XDG_RUNTIME_DIR) return path.join(XDG_RUNTIME_DIR, "virtio-msg")
  return path.join(os.tmpdir(), `virtio-msg-${os.userInfo().uid}`)
}

/**
 * Makes the folder if it is missing. Throws SYSTEM_FAILED where it is not private; `what` says what cannot be done
 * then.
 */
export function prepareRuntimeFolder(folder: string, what: string): string {
  try {
    makeFolder(folder, 0o700)
    if (!isPrivate(folder)) throw new Error("it belongs to others, or they may enter it")
    return folder
  } catch (error) {
    throw cannotOffer(what, folder, error)
  }
}

/** Whether the folder is there, and nobody else may enter it. On Windows there is no such question. */
export function isPrivate(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  if (!found?.isDirectory()) return false
  return !process.getuid || (found.uid === process.getuid() && (found.mode & 0o077) === 0)
}

/** The files in that folder whose names fit. None when others may write there, or when no process has made it yet. */
export function filesIn(folder: string, pattern: RegExp): string[] {
  try {
    return isPrivate(folder) ? readdirSync(folder).filter((name) => pattern.test(name)) : []
  } catch {
    return []
  }
}

/** Whether there is a process with that number, of whatever user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** The error for a file that cannot be made in that folder. */
export function cannotOffer(what: string, where: string, error: unknown): VirtioMsgError {
  const reason = error instanceof Error ? error.message : String(error)
  return systemFailed(`${what}: ${where}: ${reason}.`, {
    hint: "Set XDG_RUNTIME_DIR to a folder of your own.",
    cause: error,
  })
}
