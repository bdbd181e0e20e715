// A capture for the live view: all of it is there from the beginning, and can be stepped through.

import { createReadStream } from "node:fs"
import path from "node:path"
import { invalidArgument, VirtioMsgError } from "../../errors.js"
import { PcapngReader } from "../../trace/pcapng-reader.js"
import type { LiveFeed } from "./live-feed.js"

/** Feeds `feed` the capture in `file`. Rejects with INVALID_ARGUMENT when it cannot be read, and as `PcapngReader`. */
export async function replayCapture(file: string, feed: LiveFeed): Promise<void> {
  const session = feed.begin(`the capture ${path.basename(file)}`)
  let count = 0
  const reader = new PcapngReader(({ timeMs, direction, bytes }) => {
    count++
    session.packet(timeMs, direction, bytes)
  })
  try {
    for await (const piece of createReadStream(file)) reader.push(piece)
  } catch (cause) {
    if (cause instanceof VirtioMsgError) throw cause
    throw invalidArgument(`Cannot read ${file}: ${(cause as Error).message}.`, {
      hint: "Name a capture, as --trace FILE writes it.",
      cause,
    })
  }
  reader.end()
  if (count === 0)
    throw invalidArgument(`No packet of a virtio-msg bus is in ${file}.`, {
      hint: "Write one: virtio-msg --port sim --trace FILE i2c detect",
    })
}
