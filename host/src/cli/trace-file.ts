// --trace FILE: everything that crosses the link, as a pcapng capture.

import { capture } from "../trace/capture.js"
import { ByteFile } from "./byte-file.js"
import { EPOCH_OFFSET_MS, processTrace } from "./process-trace.js"

/**
 * Begins to write the process's trace to `path`; "-" is stdout. Returns what ends it, and says whether all was written.
 * Throws INVALID_ARGUMENT.
 */
export function traceToFile(path: string, application: string): () => boolean {
  const file = new ByteFile(path)
  const end = capture(processTrace, {
    application,
    epochOffsetMs: EPOCH_OFFSET_MS,
    write: (bytes) => file.write(bytes),
  })
  return () => {
    end()
    file.close()
    return !file.hasFailed
  }
}
