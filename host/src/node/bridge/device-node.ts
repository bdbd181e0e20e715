// The node as a session needs it: ioctls with the layouts of the interface, the rings in a memfd, an eventfd in each
// direction. It stands on the few system calls of one open file (node-system.ts), which tests can play.

import { readSync, writeSync } from "node:fs"
import { getSystemErrorName } from "node:util"
import { type Libc, type Mapping, SystemError, type Watch } from "../vhost-user/libc.js"
import * as layouts from "./layouts.js"
import type { AttachedRings, BridgeNode, EndpointAddress } from "./node.js"
import { SharedRing } from "./ring.js"

export const PAGE_BYTES = 4096

/** One open node. */
export interface NodeSystem {
  /** Changes `argument` in place. Returns 0, or the errno. */
  ioctl(request: number, argument: Uint8Array | null): number
  /** Maps a part of the node, shared. Throws SystemError. */
  mmap(offset: number, lengthBytes: number): Mapping
  /** Whether poll() finds an error on it. */
  isOver(): boolean
  /** A new file of memory, sealed so that nobody can make it shorter; the caller closes it. Throws SystemError. */
  makeMemory(lengthBytes: number): number
  close(): void
}

/** What a session shares with the kernel and has to give back. */
interface Shared {
  readonly file: number
  readonly memory: Mapping
  readonly kick: number
  readonly call: number
}

export class DeviceNode implements BridgeNode {
  readonly #libc: Libc
  readonly #system: NodeSystem
  #shared: Shared | undefined
  #isClosed = false

  constructor(libc: Libc, system: NodeSystem) {
    this.#libc = libc
    this.#system = system
  }

  resolve({ busName, busId }: EndpointAddress, create: boolean): number {
    const flags = create ? layouts.RESOLVE_CREATE : 0
    const argument = new Uint8Array(layouts.RESOLVE.size)
    layouts.RESOLVE.put(argument, 0, { busName, busId, handle: 0, flags })
    this.#ioctl("RESOLVE_ENDPOINT", layouts.IOCTL_RESOLVE, argument)
    return layouts.RESOLVE.get(argument).handle
  }

  release(handle: number): void {
    const argument = new Uint8Array(layouts.RELEASE.size)
    layouts.RELEASE.put(argument, 0, { handle, flags: 0 })
    this.#ioctl("RELEASE_ENDPOINT", layouts.IOCTL_RELEASE, argument)
  }

  attach(handle: number, maxMessageSize: number): AttachedRings {
    const entrySize = layouts.entrySizeFor(maxMessageSize)
    const bytes = Math.ceil(layouts.ringBytes(entrySize) / PAGE_BYTES) * PAGE_BYTES
    const shared = this.#share(2 * bytes)
    this.#shared = shared
    const [tx, rx] = [shared.memory.bytes.subarray(0, bytes), shared.memory.bytes.subarray(bytes)]
    new SharedRing("tx", tx, entrySize).clear()
    new SharedRing("rx", rx, entrySize).clear()
    const argument = new Uint8Array(layouts.ATTACH.size)
    layouts.ATTACH.put(argument, 0, {
      endpoint: handle,
      flags: 0,
      ringFd: shared.file,
      kickFd: shared.kick,
      callFd: shared.call,
      maxMessageSize,
      txOffset: 0n,
      txBytes: BigInt(bytes),
      txEntries: layouts.RING_ENTRIES,
      txEntrySize: entrySize,
      rxOffset: BigInt(bytes),
      rxBytes: BigInt(bytes),
      rxEntries: layouts.RING_ENTRIES,
      rxEntrySize: entrySize,
    })
    this.#ioctl("ATTACH", layouts.IOCTL_ATTACH, argument)
    return {
      caps: layouts.CAPS.get(argument, layouts.ATTACH.offsetOf("caps")),
      tx,
      rx,
      kick: () => withoutBlocking(() => writeSync(shared.kick, ONE)),
      onCall: (callback) => this.#watch(shared.call, callback),
      isOver: () => this.#system.isOver(),
    }
  }

  map(mmapOffset: number, lengthBytes: number): Mapping {
    return this.#system.mmap(mmapOffset, lengthBytes)
  }

  detach(): void {
    this.#ioctl("DETACH", layouts.IOCTL_DETACH, null)
  }

  /** Closes everything. What was shared must not be touched afterwards. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#system.close()
    const { memory, kick, call, file } = this.#shared ?? {}
    memory?.unmap()
    for (const each of [kick, call, file]) if (each !== undefined) this.#libc.close(each)
  }

  /** The file of the rings, and the two eventfds. */
  #share(lengthBytes: number): Shared {
    const opened: number[] = []
    const keep = (descriptor: number) => {
      opened.push(descriptor)
      return descriptor
    }
    try {
      const file = keep(this.#system.makeMemory(lengthBytes))
      const kick = keep(this.#libc.eventfd())
      const call = keep(this.#libc.eventfd())
      return { file, memory: this.#libc.map(file, 0, lengthBytes), kick, call }
    } catch (error) {
      for (const each of opened) this.#libc.close(each)
      throw error
    }
  }

  #watch(call: number, callback: () => void): Watch {
    return this.#libc.watch(call, () => {
      withoutBlocking(() => readSync(call, COUNT))
      callback()
    })
  }

  #ioctl(name: string, request: number, argument: Uint8Array | null): void {
    const errno = this.#system.ioctl(request, argument)
    if (errno !== 0) throw new SystemError(name, getSystemErrorName(-errno))
  }
}

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer)
const COUNT = new Uint8Array(8)

/** For eventfds of our own: one that is full wakes its watcher anyway, and one may be 0 already. */
function withoutBlocking(action: () => void): void {
  try {
    action()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error
  }
}
