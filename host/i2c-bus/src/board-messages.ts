// The messages between the thread that owns a board and the thread of the program. Errors travel as plain values,
// because a structured clone of an Error loses its code.

import type { MessagePort } from "node:worker_threads"
import type { ErrorCode } from "virtio-msg" with { "resolution-mode": "import" }
import type { Outcome, Request } from "./request.js"

/** What a board's thread is started with. */
export interface ThreadData {
  readonly port: string
  /** For calls to the board and its answers. */
  readonly channel: MessagePort
  /** Two Int32. The first goes up by 1 after each answer, for those who wait without an event loop. The second is 1
   * when no more answers follow. */
  readonly signal: SharedArrayBuffer
  /** How long to try to open the port: another user may be about to close it. */
  readonly patienceMs: number
}

export interface Call {
  readonly id: number
  /** Absent: close the board. */
  readonly requests?: readonly Request[]
}

export interface Answer {
  readonly id: number
  readonly outcomes?: readonly Outcome[]
  readonly error?: PlainError
}

export interface PlainError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: ErrorCode | string | undefined
  readonly hint: string | undefined
  readonly errno: number | undefined
  readonly syscall: string | undefined
}

/** The number of the answer that tells how opening went. No call has this number. */
export const OPENED = 0

export function toPlain(error: unknown): PlainError {
  const { name, message, stack, code, hint, errno, syscall } = (
    error instanceof Error ? error : new Error(String(error))
  ) as Error & Partial<PlainError>
  return { name, message, stack, code, hint, errno, syscall }
}

export function fromPlain(plain: PlainError): Error {
  const error = new Error(plain.message)
  for (const [key, value] of Object.entries(plain))
    if (value !== undefined) Object.defineProperty(error, key, { value, configurable: true, writable: true })
  return error
}
