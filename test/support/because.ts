// How a title says why its test, or suite, is skipped. The summary at the end of `npm test` reads this form.

/** The end of a title. `reason` is what is missing, or the command that enables it. Empty when `reason` is empty. */
export function because(reason: string): string {
  return reason && ` (skipped: ${reason})`
}

export const UNLESS_LINUX = because(process.platform === "linux" ? "" : "needs Linux")
export const UNLESS_ROOT = because(process.getuid?.() === 0 ? "" : "needs root")
export const IF_WINDOWS = because(process.platform === "win32" ? "needs Linux or macOS" : "")
