// The process that owns a serial port for a thread (board-thread.ts). It is needed because serialport's binding waits
// only on the event loop of the main thread, which is blocked. It ends with the process that started it.

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
