// A request that does no harm and completes at once. With it, the rows about virtqueues are checked on a device of any
// type that has such a request. It is in the file with the rows of its type.

import type { BufferPlan } from "./suite-queue.js"

export interface Workload {
  readonly queueIndex: number
  /** Feature bits 0 to 31 to select where they are offered. */
  readonly features: number
  /** One request. Each `n` makes another one. */
  request(n: number): BufferPlan[]
  /** Whether a request's written bytes and used length make sense: "", or what is wrong. */
  judge(written: Uint8Array, usedBytes: number): string
  /** Whether the same request always gets the same bytes. */
  readonly isRepeatable: boolean
  /**
   * Whether the request succeeded, for types where it may also fail. Then an `n` up to 127 is looked for that
   * succeeds.
   */
  isSuccess?(written: Uint8Array): boolean
}
