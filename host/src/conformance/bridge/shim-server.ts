// The suite's end of the shim (host/bridge-shim/bridge-shim.c): the system calls that a device model in another
// process makes on /dev/virtio-msg-bridge. They go to the kernel that is played.

import { constants } from "node:os"
import path from "node:path"
import * as layouts from "../../node/bridge/layouts.js"
import { Struct } from "../../node/bridge/struct.js"
import { TemporaryFolder } from "../../node/process-end.js"
import type { Watch } from "../../node/vhost-user/libc.js"
import type { PlayedKernel } from "./played-kernel.js"

const IOCTL = 1
const MMAP = 2
const MUNMAP = 3
const RECORD = new Struct({
  what: "u32",
  request: "u32",
  offset: "u64",
  length: "u64",
  bytes: "u32",
  zero: "pad4",
})
const ANSWER = new Struct({ error: "i32", bytes: "u32" })
/** The descriptors that come with ATTACH, in this order. */
const ATTACH_DESCRIPTORS = ["ringFd", "kickFd", "callFd"] as const
/** No argument of the interface is longer. */
const MOST_ARGUMENT = 256
const { EBADF, EINVAL } = constants.errno

/** One node that a model has open. */
interface Connection {
  readonly socket: number
  readonly watch: Watch
  waiting: Uint8Array
  /** Descriptors that have come, for ioctls that have not come yet. */
  descriptors: number[]
}

export class ShimServer {
  readonly socketPath: string
  /** Where the model maps its windows from. */
  readonly windowPath: string
  readonly #kernel: PlayedKernel
  readonly #folder = new TemporaryFolder("virtio-msg-bridge-")
  readonly #listener: number
  readonly #watch: Watch
  readonly #connections = new Set<Connection>()
  readonly #off: () => void

  /** Listens in a folder of its own. Throws what the file system and SystemError say. */
  constructor(kernel: PlayedKernel) {
    this.#kernel = kernel
    this.socketPath = path.join(this.#folder.path, "node.sock")
    this.windowPath = `/proc/${process.pid}/fd/${kernel.windowFile}`
    this.#listener = kernel.libc.listen(this.socketPath)
    this.#watch = kernel.libc.watch(this.#listener, () => this.#accept())
    // the end of a session is the end of the connection: poll() sees that on the model's side
    this.#off = kernel.onOver.on(() => this.#endAll())
  }

  close(): void {
    this.#off()
    this.#watch.close()
    this.#kernel.libc.close(this.#listener)
    this.#endAll()
    this.#folder.remove()
  }

  #accept(): void {
    const { libc } = this.#kernel
    const socket = libc.accept(this.#listener)
    if (socket === undefined) return
    const error = this.#kernel.open()
    const connection: Connection = {
      socket,
      watch: libc.watch(socket, () => this.#read(connection)),
      waiting: new Uint8Array(0),
      descriptors: [],
    }
    this.#connections.add(connection)
    this.#answer(connection, error)
    if (error) this.#end(connection)
  }

  #read(connection: Connection): void {
    const received = this.#kernel.libc.receive(connection.socket, 4096)
    if (received.kind === "nothing") return
    if (received.kind !== "data") {
      this.#end(connection)
      this.#kernel.closed()
      return
    }
    connection.waiting = Buffer.concat([connection.waiting, received.bytes])
    connection.descriptors.push(...received.descriptors)
    while (connection.waiting.length >= RECORD.size) {
      const { what, request, offset, length, bytes } = RECORD.get(connection.waiting)
      if (bytes > MOST_ARGUMENT) {
        this.#end(connection)
        return
      }
      if (connection.waiting.length < RECORD.size + bytes) return
      const argument = connection.waiting.slice(RECORD.size, RECORD.size + bytes)
      connection.waiting = connection.waiting.slice(RECORD.size + bytes)
      if (what === IOCTL) this.#ioctl(connection, request, Uint8Array.from(argument))
      else if (what === MMAP) this.#answer(connection, this.#kernel.mmap(Number(offset), Number(length)))
      else if (what === MUNMAP) {
        this.#kernel.munmap(Number(offset), Number(length))
        this.#answer(connection, 0)
      } else this.#answer(connection, EINVAL)
    }
  }

  #ioctl(connection: Connection, request: number, argument: Uint8Array): void {
    const descriptors = connection.descriptors.splice(0)
    if (request === layouts.IOCTL_ATTACH && argument.length === layouts.ATTACH.size) {
      if (descriptors.length < ATTACH_DESCRIPTORS.length) {
        this.#answer(connection, EBADF)
        return
      }
      // they have other numbers in this process
      const asked = layouts.ATTACH.get(argument)
      const view = new DataView(argument.buffer)
      const put = (numbers: readonly number[]) => {
        for (const [n, name] of ATTACH_DESCRIPTORS.entries())
          view.setInt32(layouts.ATTACH.offsetOf(name), numbers[n] ?? -1, true)
      }
      put(descriptors)
      const error = this.#kernel.ioctl(request, argument)
      put(ATTACH_DESCRIPTORS.map((name) => asked[name]))
      this.#answer(connection, error, argument)
    } else this.#answer(connection, this.#kernel.ioctl(request, argument), argument)
    for (const each of descriptors) this.#kernel.libc.close(each)
  }

  #answer({ socket }: Connection, error: number, argument: Uint8Array = new Uint8Array(0)): void {
    const bytes = new Uint8Array(ANSWER.size + argument.length)
    ANSWER.put(bytes, 0, { error, bytes: argument.length })
    bytes.set(argument, ANSWER.size)
    this.#kernel.libc.send(socket, bytes)
  }

  #endAll(): void {
    for (const connection of [...this.#connections]) this.#end(connection)
  }

  #end(connection: Connection): void {
    if (!this.#connections.delete(connection)) return
    connection.watch.close()
    for (const each of connection.descriptors) this.#kernel.libc.close(each)
    this.#kernel.libc.close(connection.socket)
  }
}
