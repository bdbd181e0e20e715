// Errors in the form of i2c-bus: a Linux errno by name and number, and the name of the system call. The sentence of
// virtio-msg is added.

/** Linux's numbers, on every computer: i2c-bus itself runs only on Linux. */
const ERRNO = {
  ENOENT: [2, "No such file or directory"],
  EIO: [5, "Input/output error"],
  ENXIO: [6, "No such device or address"],
  EBADF: [9, "Bad file descriptor"],
  EACCES: [13, "Permission denied"],
  EBUSY: [16, "Device or resource busy"],
  ENODEV: [19, "No such device"],
  EINVAL: [22, "Invalid argument"],
  ENOSYS: [38, "Function not implemented"],
  EPROTO: [71, "Protocol error"],
  EOPNOTSUPP: [95, "Operation not supported"],
  ETIMEDOUT: [110, "Connection timed out"],
} as const

export type ErrnoName = keyof typeof ERRNO

export interface I2cBusError extends Error {
  /** Linux's number, positive. */
  readonly errno: number
  /** Its name, such as "ENXIO". */
  readonly code: string
  /** The call that failed, such as "readByte". */
  readonly syscall: string
}

/** Makes the error; `detail` is what virtio-msg knows beyond the errno. */
export function makeError(code: ErrnoName, syscall: string, detail: string, cause?: unknown): I2cBusError {
  const [errno, meaning] = ERRNO[code]
  const message = `${code}, ${meaning}: ${detail}`
  return Object.assign(new Error(message, cause === undefined ? {} : { cause }), { errno, code, syscall })
}
