// Commands that run on can be traced by `virtio-msg trace` while they do.

import { VirtioMsgError } from "../errors.js"
import { note } from "./context.js"
import { EPOCH_OFFSET_MS, processTrace } from "./process-trace.js"
import { application } from "./version.js"

/** Offers this process's trace under the command's name. Returns what ends that. What fails here fails nothing else. */
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
