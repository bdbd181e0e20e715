import { readFileSync } from "node:fs"

/** Whether there is such a process, and it has not ended. */
export function isRunning(pid: number): boolean {
  try {
    // Z: it ended, and nobody has asked how
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}
