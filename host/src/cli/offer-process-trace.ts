// While a command runs on, `virtio-msg trace` can trace it.

import { VirtioMsgError } from "../errors.js"
import { note } from "./context.js"
import { EPOCH_OFFSET_MS, processTrace } from "./process-trace.js"
import { application } from "./version.js"

/**
 * Offers this process's trace under the command's name. Returns a function that ends that. If it fails, everything
 * else still works.
 */
export async function offerProcessTrace(commandName: string): Promise<() => Promise<void>> {
  const { offerTrace } = await import("../node/trace-socket.js")
  try {
    const offered = await offerTrace(processTrace, {
      name: commandName,
      application: application(),
      epochOffsetMs: EPOCH_OFFSET_MS,
    })
    return () => offered.close()
  } catch (error) {
    if (!(error instanceof VirtioMsgError)) throw error
    note(`warning: ${error.message}`)
    return async () => {}
  }
}
