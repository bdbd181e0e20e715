// Chains as a guest's driver gives them to a vhost-user device, without a ring, and what they were completed with.

import { GuestChain } from "../../host/src/node/vhost-user/device.js"

export interface Completion {
  /** The chain's number, in the order in which they were made. */
  readonly request: number
  readonly data: number[]
  /** Where in the chain's writable bytes the data lies. */
  readonly at: number
}

export class GivenChains {
  /** In the order in which they came. */
  readonly completions: Completion[] = []
  #made = 0

  /** A chain with these bytes for the device to read, and room for so many from it. */
  make(readable: readonly number[], room: number): GuestChain {
    const request = this.#made++
    const popped = {
      head: request,
      readable: Uint8Array.from(readable),
      readableLength: readable.length,
      writableLength: room,
      writable: [],
    }
    return new GuestChain(popped, (data, at) => this.completions.push({ request, data: [...data], at }))
  }

  /** What the chain of that number was completed with; undefined while it is with the device. */
  answerTo(request: number): number[] | undefined {
    return this.completions.find((completion) => completion.request === request)?.data
  }
}
