// Requests that somebody waits for: with a promise each, or one for all.

import type { VirtioMsgError } from "../errors.js"
import { copyBytes } from "./arguments.js"
import type { I2cOutcome } from "./i2c-requests.js"
import type { I2cRequest } from "./i2c-slots.js"

export interface I2cCall {
  readonly request: I2cRequest
  readonly resolve: (outcome: I2cOutcome) => void
  readonly reject: (error: VirtioMsgError) => void
}

interface Waiting<Outcome> {
  readonly calls: readonly I2cCall[]
  readonly outcomes: Outcome
}

/** A promise for each request. Bytes to write are copied: the caller may change its own while they wait. */
export function separately(requests: readonly I2cRequest[]): Waiting<Promise<I2cOutcome>[]> {
  const calls: I2cCall[] = []
  const outcomes = requests.map(
    (given) =>
      new Promise<I2cOutcome>((resolve, reject) => {
        const request = given.write ? { ...given, write: copyBytes(given.write) } : given
        calls.push({ request, resolve, reject })
      }),
  )
  return { calls, outcomes }
}

/** One promise for all requests, which costs this computer less, and no copy of the bytes to write. */
export function together(requests: readonly I2cRequest[]): Waiting<Promise<I2cOutcome[]>> {
  let calls: I2cCall[] = []
  const outcomes = new Promise<I2cOutcome[]>((resolve, reject) => {
    const all = new Array<I2cOutcome>(requests.length)
    let missing = requests.length
    if (missing === 0) resolve(all)
    calls = requests.map((request, at) => ({
      request,
      reject,
      resolve: (outcome: I2cOutcome) => {
        all[at] = outcome
        missing--
        if (missing === 0) resolve(all)
      },
    }))
  })
  return { calls, outcomes }
}
