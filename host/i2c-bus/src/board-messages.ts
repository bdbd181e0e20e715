// What the thread that owns a board and the thread of the program say to each other. Errors travel as plain values: a
// structured clone of an Error loses its code.

import type { MessagePort } from "node:worker_threads"
import type { ErrorCode } from "virtio-msg" with { "resolution-mode": "import" }
import type { Outcome, Request } from "./request.js"

/** What a board's thread is started with. */
export interface ThreadData {
  readonly port: string
  /** Calls come in here, answers go out. */
  readonly channel: MessagePort
  /** Two Int32: the first is counted up behind each answer, for those who wait without an event loop; the second is 1
   * when no answer follows any more. */
  readonly signal: SharedArrayBuffer
  /** For so long the port may still be somebody's who is about to leave it. */
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

/** The answer to opening, which no call asks for. */
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
