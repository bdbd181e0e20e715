// Which errno an error of virtio-msg is. A file of its own, so that the package's declarations need no ES module.

import type { ErrorCode, VirtioMsgError } from "virtio-msg" with { "resolution-mode": "import" }
import { type ErrnoName, makeError } from "./errno.js"

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
  QUEUE_FULL: "EBUSY",
  VERSION_MISMATCH: "EPROTO",
  SYSTEM_FAILED: "EIO",
  MISSING_DEPENDENCY: "ENOSYS",
}

/** Those that mean something else while the bus is being opened: there is no such bus. */
const BY_CODE_WHEN_OPENING: Partial<Record<ErrorCode, ErrnoName>> = {
  LINK_CLOSED: "ENOENT",
  CONNECT_FAILED: "ENOENT",
  NOT_FOUND: "ENOENT",
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
export function isVirtioMsgError(error: unknown): error is VirtioMsgError {
  return error instanceof Error && error.name === "VirtioMsgError" && "code" in error
}
