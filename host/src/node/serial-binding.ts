// The serialport package's binding, without two faults of its version 13, by which a port stopped for ever:
// who waited to read made it forget who waited to write, and the other way round; and a port that had hung up while
// nobody waited was asked again and again, never to be called closed.

import type { EventEmitter } from "node:events"
import { read } from "node:fs"
import { promisify } from "node:util"
import type { AutoDetectTypes, LinuxPortBinding } from "@serialport/bindings-cpp"

const readFd = promisify(read)

/** libuv's numbers of what is waited for. */
const EVENTS = [
  ["readable", 1],
  ["writable", 2],
  ["disconnect", 4],
] as const

/** The binding of this computer. Windows' is left as it is: it does not poll. */
export function mendedBinding(binding: AutoDetectTypes): AutoDetectTypes {
  const open = async (options: never) => {
    const port = await binding.open(options)
    if ("poller" in port) mend(port as LinuxPortBinding)
    return port
  }
  return { ...binding, open } as AutoDetectTypes
}

function mend(port: LinuxPortBinding): void {
  const emitter: EventEmitter = port.poller
  const native = port.poller.poller
  // libuv is told the whole of what it is to watch, and takes the last word
  port.poller.poll = (events = 0) => {
    let all = events
    for (const [event, bit] of EVENTS) if (emitter.listenerCount(event) > 0) all |= bit
    native.poll(all)
  }
  // the last read took all that was there. To find that out by another read would cost a trip through a thread
  let isEmpty = false
  port.read = async (buffer, offset, length) => {
    for (;;) {
      throwIfClosed(port)
      if (isEmpty) {
        await readable(port)
        isEmpty = false
        continue
      }
      let count = 0
      try {
        count = (await readFd(port.fd as number, buffer, offset, length, null)).bytesRead
      } catch (error) {
        throwIfClosed(port) // meanwhile: its poller is gone, and to wait at it would end the process
        if (!isForLater(error)) throw error
        isEmpty = true
        continue
      }
      if (count > 0) {
        isEmpty = count < length
        return { buffer, bytesRead: count }
      }
      throwIfClosed(port)
      throw new Error("The port hung up.") // a terminal in raw mode has no other end of file
    }
  }
}

function throwIfClosed(port: LinuxPortBinding): void {
  if (port.fd === null) throw Object.assign(new Error("The port is closed."), { canceled: true })
}

function isForLater(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === "EAGAIN" || code === "EWOULDBLOCK" || code === "EINTR"
}

function readable(port: LinuxPortBinding): Promise<void> {
  return new Promise((resolve, reject) =>
    port.poller.once("readable", (error) => (error ? reject(error) : resolve())),
  )
}
