// What callers ask of an I2C bus, made into virtio-i2c requests. A wrong argument is refused here, before anything is
// queued.

import { counted } from "../counted.js"
import { invalidArgument, VirtioMsgError } from "../errors.js"
import { hex } from "../hex.js"
import { checkInteger, copyBytes } from "./arguments.js"
import type { TransferLimit } from "./i2c-limits.js"
import type { I2cRequest } from "./i2c-slots.js"

/** How a request ended: whether the chip acknowledged it, and what was read. */
export interface I2cOutcome {
  readonly ok: boolean
  readonly data?: Uint8Array
}

/**
 * One message of a transfer, as Linux's struct i2c_msg without the address: bytes from 0 to 255 to write, or a number
 * of bytes to read. With both it is two, the read behind the write with a repeated start: a register read.
 *
 * @example
 * ```ts
 * import { type I2cMessage, openBus } from "virtio-msg"
 *
 * const readRegister: I2cMessage = { write: [14], read: 2 } // a write, a repeated start, a read
 * const bus = await openBus({ port: "sim" })
 * const i2c = await bus.i2c()
 * const [data] = await i2c.transfer(0x54, [readRegister])
 * console.log(data?.length) // 2
 * await bus.close()
 * ```
 */
export type I2cMessage =
  | { readonly write: ArrayLike<number>; readonly read?: number | undefined }
  | { readonly write?: undefined; readonly read: number }

/** As Linux's I2C_RDWR takes them. */
const MAX_MESSAGES = 42

/** The requests of a transfer: a message with both a write and a read is two. Throws INVALID_ARGUMENT. */
export function requestsOf(address: number, messages: readonly I2cMessage[]): I2cRequest[] {
  checkAddress(address)
  const requests: I2cRequest[] = []
  for (const [at, { write, read }] of messages.entries()) {
    const failNext = at < messages.length - 1
    const isRead = read !== undefined || write === undefined
    if (isRead) checkInteger("The number of bytes to read", read as number, 0, Number.MAX_SAFE_INTEGER)
    if (write !== undefined) requests.push({ address, write: copyBytes(write), failNext: isRead || failNext })
    if (isRead) requests.push({ address, readLength: read as number, failNext })
  }
  return requests
}

/** Requests that are tied together by `failNext`, as groups. Throws INVALID_ARGUMENT for one that is too long. */
export function groupsOf<T extends { readonly request: I2cRequest }>(calls: readonly T[]): T[][] {
  const groups: T[][] = []
  let isTied = false
  for (const call of calls) {
    if (isTied) groups.at(-1)?.push(call)
    else groups.push([call])
    isTied = call.request.failNext
  }
  const longest = groups.find((group) => group.length > MAX_MESSAGES)
  if (!longest) return groups
  throw invalidArgument(`A transfer has at most ${MAX_MESSAGES} messages, not ${longest.length}.`)
}

function checkAddress(address: number): void {
  if (Number.isInteger(address) && address >= 0 && address <= 0x7f) return
  throw invalidArgument(`An I2C address has 7 bits, 0x00 to 0x7f, not ${String(address)}.`)
}

/** Throws INVALID_ARGUMENT. */
export function checkRegister(register: number): void {
  checkInteger("A register", register, 0, 0xff)
}

/** Throws INVALID_ARGUMENT. */
export function checkRequest({ address, readLength, write }: I2cRequest, limit: TransferLimit): void {
  checkAddress(address)
  if (readLength !== undefined)
    checkInteger("The number of bytes to read", readLength, 0, Number.MAX_SAFE_INTEGER)
  if (readLength !== undefined && write)
    throw invalidArgument(`A request cannot read ${counted(readLength, "byte")} and write.`, {
      hint: "Make it two, the first with failNext; or use transfer.",
    })
  const lengthBytes = write?.length ?? readLength ?? 0
  if (lengthBytes > limit.maxBytes)
    throw invalidArgument(`An I2C message of ${counted(lengthBytes, "byte")} is too long. ${limit.reason}`, {
      hint: "Split it into shorter ones, if the chip allows that.",
    })
}

/** The error for a transfer that does not fit an empty window. */
export function noRoomFor(
  requests: readonly I2cRequest[],
  { toWrite, toRead }: { readonly toWrite: number; readonly toRead: number },
): VirtioMsgError {
  const writes = requests.reduce((sum, { write }) => sum + (write?.length ?? 0), 0)
  const reads = requests.reduce((sum, { readLength }) => sum + (readLength ?? 0), 0)
  return invalidArgument(
    `A transfer that writes ${counted(writes, "byte")} and reads ${reads} does not fit the window, which has room for ` +
      `${counted(toWrite, "byte")} to write and ${toRead} to read.`,
    { hint: "Split it into shorter transfers, or use fewer of the board's devices at the same time." },
  )
}

/** The error for request number `at`, which nobody acknowledged. */
export function nack(address: number, at: number, requests: readonly I2cRequest[]): VirtioMsgError {
  const where = requests.length > 1 ? ` in message ${at + 1} of ${requests.length}` : ""
  return new VirtioMsgError(
    "NACK",
    `No chip acknowledged at address ${hex(address, 2)}${where} (ENXIO: No such device or address).`,
    {
      hint: "List the chips on the bus: virtio-msg i2c detect",
    },
  )
}
