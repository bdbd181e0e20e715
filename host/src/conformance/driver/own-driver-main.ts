// Our own driver as a process: the subject of `virtio-msg conform driver` when no command is given.

import { VirtioMsgError } from "../../errors.js"
import { openBus } from "../../open-bus.js"
import { driveOwn } from "./own-driver.js"

const port = process.env.VIRTIO_MSG_PORT ?? ""
try {
  const bus = await openBus({ port, reopen: true })
  try {
    await driveOwn(bus)
  } finally {
    await bus.close()
  }
} catch (error) {
  const code = error instanceof VirtioMsgError ? `${error.code}: ` : ""
  process.stderr.write(`${code}${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
