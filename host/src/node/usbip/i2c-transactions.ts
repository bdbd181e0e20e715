// What all USB devices that are I2C adapters do with their messages. They forward a transaction as one FAIL_NEXT
// group, and end it before the kernel's own time-out of 2 s.

import type { Clock } from "../../clock.js"
import type { I2cRequest } from "../../driver/i2c-adapter.js"
import { VirtioMsgError } from "../../errors.js"
import type { ForwardedOutcome, I2cForwarder } from "../vhost-user/i2c-device.js"

/** As in Linux's struct i2c_msg. */
export const I2C_M_RD = 0x0001
/**
 * i2c-dev sets it on every message of I2C_RDWR. It is about the kernel's buffers, and has nothing to do with the bus.
 */
const I2C_M_DMA_SAFE = 0x0200
/** i2c-dev gives the kernel no more messages in one transfer. */
const MAX_MESSAGES = 42
/** Linux's USB adapters wait 2 s for a control transfer. */
const TIMEOUT_MS = 1700

export interface AdapterMessage {
  /** 7 bits. */
  readonly address: number
  readonly isRead: boolean
  /** What is written. */
  readonly data: Uint8Array
  /** Bytes that are read. */
  readonly length: number
}

export type TransactionEnd =
  /** Every message was acknowledged; `data` is what the last one read. */
  | { readonly kind: "done"; readonly data: Uint8Array }
  /** A chip did not acknowledge, or the board has gone or does not answer. */
  | { readonly kind: "failed" }
  /** Nothing of it was carried out, because it is impossible. */
  | { readonly kind: "refused"; readonly reason: string }

/** Reads the flags and the address of a message. Undefined for what no 7-bit adapter can do. */
export function messageOf(
  flags: number,
  address: number,
  data: Uint8Array,
  length: number,
): AdapterMessage | undefined {
  const busFlags = flags & ~I2C_M_DMA_SAFE
  const isRead = busFlags === I2C_M_RD
  if ((busFlags !== 0 && !isRead) || address > 0x7f || (!isRead && data.length !== length)) return undefined
  return { address, isRead, data, length }
}

/** Carries out messages as one transaction. Never rejects. */
export async function runTransaction(
  forwarder: I2cForwarder,
  messages: readonly AdapterMessage[],
  clock: Clock,
): Promise<TransactionEnd> {
  if (messages.length > MAX_MESSAGES)
    return { kind: "refused", reason: `a transfer has at most ${MAX_MESSAGES} messages` }
  const requests = messages.map((message, at) => requestOf(message, at < messages.length - 1))
  let outcomes: Promise<ForwardedOutcome>[]
  try {
    outcomes = forwarder.submit(requests)
  } catch (error) {
    if (!(error instanceof VirtioMsgError)) throw error
    return { kind: "refused", reason: error.message }
  }
  return new Promise((resolve) => {
    const timer = clock.schedule(TIMEOUT_MS, () => resolve({ kind: "failed" }))
    const end = (result: TransactionEnd) => {
      timer.cancel()
      resolve(result)
    }
    Promise.all(outcomes).then(
      (all) => end(resultOf(messages, all)),
      (error) =>
        // that it is impossible may only show later, as with a transfer that is larger than the window
        end(
          error instanceof VirtioMsgError && error.code === "INVALID_ARGUMENT"
            ? { kind: "refused", reason: error.message }
            : { kind: "failed" },
        ),
    )
  })
}

function requestOf({ address, isRead, data, length }: AdapterMessage, failNext: boolean): I2cRequest {
  if (length === 0) return { address, failNext }
  return isRead ? { address, readLength: length, failNext } : { address, write: data, failNext }
}

function resultOf(
  messages: readonly AdapterMessage[],
  outcomes: readonly ForwardedOutcome[],
): TransactionEnd {
  const refused = outcomes.find((outcome) => outcome.refused)?.refused
  if (refused) return { kind: "refused", reason: refused.message }
  if (outcomes.length !== messages.length || !outcomes.every(({ ok }) => ok)) return { kind: "failed" }
  const last = messages.at(-1)
  const data = outcomes.at(-1)?.data ?? new Uint8Array(0)
  if (last?.isRead && data.length !== last.length) return { kind: "failed" }
  return { kind: "done", data }
}
