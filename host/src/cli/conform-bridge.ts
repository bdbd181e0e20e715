// `virtio-msg conform --bridge-kernel`: the suite plays the kernel behind /dev/virtio-msg-bridge, against our device model or
// the one that a command starts.

import { checkModel } from "../conformance/bridge/check-model.js"
import { ownModel } from "../conformance/bridge/own-model.js"
import { processModel } from "../conformance/bridge/process-model.js"
import { BRIDGE_TABLE } from "../conformance/bridge/table.js"
import type { Report } from "../conformance/result.js"
import { rowsWith } from "./conform-list.js"
import { Progress } from "./progress.js"

/** So many of our own models run at once: they need no processes. */
const MOST_AT_ONCE = 8

/** Checks the rows with these ids, or all rows without ids. Throws INVALID_ARGUMENT for an unknown id. */
export async function runBridgeKernel(
  command: readonly string[],
  ids: readonly string[] | undefined,
): Promise<Report> {
  const rows = bridgeRows(ids)
  const progress = new Progress("Checking", true)
  let done = 0
  const onResult = () => progress.show(++done, rows.length)
  try {
    if (command.length === 0)
      return await checkModel(ownModel(), { rows, mostAtOnce: MOST_AT_ONCE, onResult })
    const subject = processModel(command)
    try {
      return await checkModel(subject, { rows, onResult })
    } finally {
      subject.close()
    }
  } finally {
    progress.clear()
  }
}

/** The rows with these ids, or all rows without ids. Throws INVALID_ARGUMENT for an unknown id. */
export function bridgeRows(ids: readonly string[] | undefined) {
  if (!ids) return BRIDGE_TABLE
  return rowsWith(
    ids,
    BRIDGE_TABLE,
    " of the bridge",
    "List the rows: virtio-msg conform --bridge-kernel --list",
  )
}
