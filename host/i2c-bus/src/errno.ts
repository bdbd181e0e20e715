// Errors as i2c-bus has them: a Linux errno by name and number, and the system call's name; with the sentence
// that virtio-msg has for it.

import type { ErrorCode, VirtioMsgError } from "virtio-msg" with { "resolution-mode": "import" }

/** Linux's numbers on every computer: i2c-bus runs on nothing else. */
const ERRNO = {
  ENOENT: [2, "No such file or directory"],
  EIO: [5, "Input/output error"],
  ENXIO: [6, "No such device or address"],
  EBADF: [9, "Bad file descriptor"],
  EACCES: [13, "Permission denied"],
  ENODEV: [19, "No such device"],
  EINVAL: [22, "Invalid argument"],
  ENOSYS: [38, "Function not implemented"],
  EPROTO: [71, "Protocol error"],
  EOPNOTSUPP: [95, "Operation not supported"],
  ETIMEDOUT: [110, "Connection timed out"],
} as const

type ErrnoName = keyof typeof ERRNO

export interface I2cBusError extends Error {
  /** Linux's number, positive. */
  readonly errno: number
  /** Its name, such as "ENXIO". */
  readonly code: string
  /** What was being done, such as "readByte". */
  readonly syscall: string
}

/** What an error of virtio-msg is called in Linux, once the bus is open. */
const BY_CODE: Record<ErrorCode, ErrnoName> = {
  NACK: "ENXIO",
  TIMEOUT: "ETIMEDOUT",
  INVALID_ARGUMENT: "EINVAL",
  LINK_CLOSED: "ENODEV",
  CONNECT_FAILED: "ENODEV",
  NOT_FOUND: "ENODEV",
  DEVICE_REMOVED: "ENODEV",
  DEVICE_RESTARTED: "EIO",
  DEVICE_FAILED: "EIO",
  BROKEN_QUEUE: "EPROTO",
  PROTOCOL: "EPROTO",
  VERSION_MISMATCH: "EPROTO",
  MISSING_DEPENDENCY: "ENOSYS",
}

/** Those that mean something else while the bus is being opened: there is no such bus. */
const BY_CODE_WHEN_OPENING: Partial<Record<ErrorCode, ErrnoName>> = {
  LINK_CLOSED: "ENOENT",
  CONNECT_FAILED: "ENOENT",
  NOT_FOUND: "ENOENT",
}

/** Makes the error; `detail` is what virtio-msg knows beyond the errno. */
export function makeError(code: ErrnoName, syscall: string, detail: string, cause?: unknown): I2cBusError {
  const [errno, meaning] = ERRNO[code]
  const message = `${code}, ${meaning}: ${detail}`
  return Object.assign(new Error(message, cause === undefined ? {} : { cause }), { errno, code, syscall })
}

/** Translates what virtio-msg rejected with; anything else is a defect and stays as it is. */
export function translateError(error: unknown, syscall: string): unknown {
  if (!isVirtioMsgError(error)) return error
  const isOpening = syscall === "open"
  const name = (isOpening ? BY_CODE_WHEN_OPENING[error.code] : undefined) ?? BY_CODE[error.code]
  const isDenied = isOpening && /permission denied|access denied|EACCES/i.test(error.message)
  const detail = error.hint ? `${error.message} ${error.hint}` : error.message
  return makeError(isDenied ? "EACCES" : name, syscall, detail, error)
}

/** By name: the class itself comes by `import()`, which is not done yet when opening fails. */
function isVirtioMsgError(error: unknown): error is VirtioMsgError {
  return error instanceof Error && error.name === "VirtioMsgError" && "code" in error
}
