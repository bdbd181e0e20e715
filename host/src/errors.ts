// The one error type of the host: a code to branch on, a sentence to read, and what to do next.

/** What went wrong, for programs. Stable: a code is never renamed. */
export type ErrorCode =
  /** A caller passed something that the interface does not allow. */
  | "INVALID_ARGUMENT"
  /** No board, chip, device or file of that name. */
  | "NOT_FOUND"
  /** The link could not be opened, or nothing answered on it. */
  | "CONNECT_FAILED"
  /** The link was closed or unplugged while the call was in flight. */
  | "LINK_CLOSED"
  /** No answer within the bounded time. The device may have acted all the same. */
  | "TIMEOUT"
  /** The device started again while the call was in flight. The device may have acted all the same. */
  | "DEVICE_RESTARTED"
  /** The device was taken off the bus (EVENT_DEVICE) while the call was in flight, or before. */
  | "DEVICE_REMOVED"
  /** The peer broke the protocol; the message says how. */
  | "PROTOCOL"
  /** The device wrote nonsense into its used ring; the queue is unusable until the device is reset. */
  | "BROKEN_QUEUE"
  /** The device asks for a reset (DEVICE_NEEDS_RESET) or refused the driver's features. */
  | "DEVICE_FAILED"
  /** An I2C chip did not acknowledge its address or a byte. */
  | "NACK"
  /** Too many calls wait for a device already: nothing of this one was done. */
  | "QUEUE_FULL"
  /** Host and device speak different versions. */
  | "VERSION_MISMATCH"
  /** The operating system refused a file, a folder, a socket or a process. */
  | "SYSTEM_FAILED"
  /** A library or tool that this call needs is not installed. */
  | "MISSING_DEPENDENCY"

export interface ErrorDetails {
  /** What to do next, as a sentence. */
  readonly hint?: string | undefined
  readonly cause?: unknown
  /** For a call that ended without an answer: whether the device may have carried it out. */
  readonly maybeExecuted?: boolean
}

/**
 * Every error that this package raises on purpose.
 *
 * @example
 * ```ts
 * import { openBus, VirtioMsgError } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const i2c = await bus.i2c()
 * try {
 *   await i2c.readByte(0x10, 0) // no chip is there
 * } catch (error) {
 *   if (!(error instanceof VirtioMsgError)) throw error
 *   console.log(error.code) // NACK
 *   console.log(error.message, error.hint)
 * }
 * await bus.close()
 * ```
 */
export class VirtioMsgError extends Error {
  override readonly name = "VirtioMsgError"
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly maybeExecuted: boolean

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = details.hint
    this.maybeExecuted = details.maybeExecuted ?? false
  }

  /** The same error for a call of which nothing had been sent: the device has certainly not carried it out. */
  asUnexecuted(): VirtioMsgError {
    return this.#with(false)
  }

  /** The same error for a call with several steps, some of which the device has carried out. */
  asExecutedInPart(): VirtioMsgError {
    return this.#with(true)
  }

  #with(maybeExecuted: boolean): VirtioMsgError {
    return new VirtioMsgError(this.code, this.message, {
      hint: this.hint,
      cause: this,
      maybeExecuted,
    })
  }
}

// What is raised in many places has a maker here; ErrorCode says what each is for.

type ErrorMaker = (message: string, details?: ErrorDetails) => VirtioMsgError
const makerOf = (code: ErrorCode): ErrorMaker => {
  return (message, details) => new VirtioMsgError(code, message, details)
}
export const invalidArgument = makerOf("INVALID_ARGUMENT")
export const notFound = makerOf("NOT_FOUND")
export const missingDependency = makerOf("MISSING_DEPENDENCY")
export const systemFailed = makerOf("SYSTEM_FAILED")
export const connectFailed = makerOf("CONNECT_FAILED")
export const linkClosed = makerOf("LINK_CLOSED")
export const deviceFailed = makerOf("DEVICE_FAILED")
export const protocolBroken = makerOf("PROTOCOL")

/** What to do if the firmware is wrong. It may be anybody's. */
export const WHOSE_FIRMWARE =
  "If the firmware is ours, reinstall it; if not, virtio-msg conform tells its makers which rule."

/** What to do about a device that does not follow the specification. */
export const NOT_AS_SPECIFIED = `It does not follow the specification. ${WHOSE_FIRMWARE}`
