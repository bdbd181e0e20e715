// Which errno stands for an error of virtio-msg. It is a file of its own so that the package's declarations need no ES
// module.

import type { ErrorCode, VirtioMsgError } from "virtio-msg" with { "resolution-mode": "import" }
import { type ErrnoName, makeError } from "./errno.js"

/** Linux's name for an error of virtio-msg, once the bus is open. */
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
  QUEUE_FULL: "EBUSY",
  VERSION_MISMATCH: "EPROTO",
  SYSTEM_FAILED: "EIO",
  MISSING_DEPENDENCY: "ENOSYS",
}

/** Errors that mean something else while the bus is being opened: there is no such bus. */
const BY_CODE_WHEN_OPENING: Partial<Record<ErrorCode, ErrnoName>> = {
  LINK_CLOSED: "ENOENT",
  CONNECT_FAILED: "ENOENT",
  NOT_FOUND: "ENOENT",
}

/** Translates an error of virtio-msg. Any other error is a defect and is returned unchanged. */
export function translateError(error: unknown, syscall: string): unknown {
  if (!isVirtioMsgError(error)) return error
  const isOpening = syscall === "open"
  const name = (isOpening ? BY_CODE_WHEN_OPENING[error.code] : undefined) ?? BY_CODE[error.code]
  const isDenied = isOpening && /permission denied|access denied|EACCES/i.test(error.message)
  const detail = error.hint ? `${error.message} ${error.hint}` : error.message
  return makeError(isDenied ? "EACCES" : name, syscall, detail, error)
}

/** Compares the name, because the class is loaded by `import()`, which may not be done yet when opening fails. */
export function isVirtioMsgError(error: unknown): error is VirtioMsgError {
  return error instanceof Error && error.name === "VirtioMsgError" && "code" in error
}
