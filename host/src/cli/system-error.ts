// What the operating system refused, as a sentence: a full disk or a reached limit is no defect of ours.

import { systemFailed, VirtioMsgError } from "../errors.js"

const HINTS: Readonly<Record<string, string>> = {
  // the same sentence is in host/bin/run-built.js
  EMFILE:
    "This shell allows too few open files. Allow more, in a new terminal if this one refuses: ulimit -n 1024",
  ENFILE: "The system has too many open files; end other programs.",
  ENOSPC: "The disk is full: make room.",
  EDQUOT: "Your share of the disk is full: make room.",
  EACCES: "You may not do that there: is it yours?",
  EPERM: "You may not do that there: is it yours?",
  EROFS: "Nothing can be written there: choose another place.",
  ENOMEM: "The system has no memory left; end other programs.",
}

/** As an error of ours, when `error` is a system call's that failed; else nothing. */
export function systemError(error: unknown): VirtioMsgError | undefined {
  if (!(error instanceof Error) || error instanceof VirtioMsgError) return
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code === undefined || syscall === undefined || !/^E[A-Z0-9]+$/.test(code)) return
  return systemFailed(`The system refused: ${error.message}.`, {
    hint: HINTS[code] ?? "Does that place exist, and is it yours?",
    cause: error,
  })
}
