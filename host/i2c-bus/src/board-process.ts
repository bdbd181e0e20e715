// The process that owns a serial port for a thread (board-thread.ts): serialport's binding waits on the main thread's
// event loop only, and that stands still. Ends with whoever started it.

import type { Answer, Call } from "./board-messages.js"
import { ownBoard } from "./board-owner.js"

const [port = "", patienceMs = "0"] = process.argv.slice(2)

const owner = ownBoard(
  port,
  Number(patienceMs),
  (answer: Answer) => void process.send?.(answer),
  () => process.disconnect?.(),
)
process.on("message", (call: Call) => owner.call(call))
process.on("disconnect", () => process.exit())
