// What the tests with Linux need on this machine, and what enables them when it is missing.

import { findPreparedGuest } from "../../host/src/node/linux-guest/prepare.js"
import { requireTools } from "../../host/src/node/linux-guest/required-tools.js"
import { loadLibc } from "../../host/src/node/vhost-user/libc.js"

export interface Requirements {
  /** The foreign function interface, and Linux. */
  readonly koffi?: boolean
  /** QEMU, and a guest that is prepared or can be. */
  readonly guest?: boolean
}

/**
 * Why tests have to be skipped, as the command that enables them; empty when all is there. In CI, where
 * everything has to be there, throws instead.
 */
export async function skipReason(requirements: Requirements): Promise<string> {
  const reason = await missing(requirements)
  if (reason && process.env.CI) throw new Error(`In CI nothing may be missing. ${reason}`)
  return reason
}

async function missing({ koffi, guest }: Requirements): Promise<string> {
  try {
    if (koffi) await loadLibc()
    if (guest) requireTools((await findPreparedGuest()) !== undefined)
    return ""
  } catch (error) {
    return String((error as { hint?: string }).hint ?? error)
  }
}
