// The few calls of Linux's C library that Node lacks: Unix sockets that pass file descriptors, mmap, eventfd,
// and epoll on any descriptor. Bound with koffi, an optional dependency that is loaded only here, when asked for.

import { constants, fstatSync, readlinkSync } from "node:fs"
import { getSystemErrorName } from "node:util"
import { missingDependency } from "../../errors.js"
import { bindCalls, type Calls, type Koffi, MAX_RECEIVED, MessageBuffer } from "./native-message.js"

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const MSG_CTRUNC = 0x8
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x40000000
const EFD_NONBLOCK = 0o4000
const O_NONBLOCK = 0o4000
const F_GETFL = 3
const F_SETFL = 4
const F_DUPFD_CLOEXEC = 1030
const F_ADD_SEALS = 1033
const F_GET_SEALS = 1034
const F_SEAL_SHRINK = 2
const POLLIN = 1
const POLLOUT = 4
/** struct pollfd: the descriptor, what is asked, what is so. */
const POLLFD_SIZE = 8
const EFD_CLOEXEC = 0o2000000
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_NORESERVE = 0x4000
const MAP_FAILED_32 = 0xffffffffn
const MAP_FAILED_64 = 0xffffffffffffffffn
/** struct sockaddr_un: a family and 108 bytes of path, the last of them 0. */
const SOCKADDR_SIZE = 110

/** The result of `receive`: bytes, descriptors that the caller now has to close, or why there is nothing. */
export type Received =
  | { readonly kind: "data"; readonly bytes: Uint8Array; readonly descriptors: number[] }
  | { readonly kind: "nothing" }
  /** The peer is gone. */
  | { readonly kind: "closed" }
  /** The message came with too many descriptors. All of them are closed. */
  | { readonly kind: "overflow" }

/** A shared mapping of a file. Touching `bytes` after `unmap` ends the process: drop every reference first. */
export interface Mapping {
  readonly bytes: Uint8Array<ArrayBuffer>
  unmap(): void
}

/** A descriptor that is being watched. */
export interface Watch {
  /** Stops; the callback is not called any more. Must come before the descriptor is closed. */
  close(): void
}

let loading: Promise<Libc> | undefined

/**
 * Binds the C library, once per thread.
 * Rejects with MISSING_DEPENDENCY when this is not Linux, or koffi is not installed or does not run here.
 */
export function loadLibc(): Promise<Libc> {
  loading ??= bind()
  return loading
}

async function bind(): Promise<Libc> {
  if (process.platform !== "linux")
    throw missingDependency(`This needs Linux, and this is ${process.platform}.`, {
      hint: "Run it on Linux, in a virtual machine or in a container.",
    })
  try {
    return new Libc((await import("koffi")).default)
  } catch (cause) {
    throw missingDependency("This needs the package koffi, which cannot be loaded.", {
      hint: "Install it beside this package: npm install koffi@3.3.4",
      cause,
    })
  }
}

/** A call of the C library that failed, by its errno name, such as ECONNREFUSED. */
export class SystemError extends Error {
  override readonly name = "SystemError"
  constructor(
    readonly call: string,
    readonly errnoName: string,
  ) {
    super(`${call} failed with ${errnoName}`)
  }
}

export class Libc {
  readonly #koffi: Koffi
  readonly #calls: Calls
  readonly #message: MessageBuffer
  readonly #count = new Uint8Array(8)
  readonly #asked = new Int16Array(POLLFD_SIZE / 2)
  readonly #askedBytes = new Uint8Array(this.#asked.buffer)
  readonly #one = new Uint8Array(new BigUint64Array([1n]).buffer)

  constructor(koffi: Koffi) {
    this.#koffi = koffi
    this.#calls = bindCalls(koffi)
    this.#message = new MessageBuffer(koffi)
  }

  /** Opens a connection to a Unix socket. Throws SystemError, also when the listener's queue is full (EAGAIN). */
  connect(path: string): number {
    return this.#openSocket((socket) => {
      if (this.#calls.connect(socket, socketAddress(path), SOCKADDR_SIZE) < 0) throw this.#failure("connect")
    })
  }

  /** Opens a listening Unix socket; `path` must not exist. Throws SystemError. */
  listen(path: string): number {
    return this.#openSocket((socket) => {
      if (this.#calls.bind(socket, socketAddress(path), SOCKADDR_SIZE) < 0) throw this.#failure("bind")
      if (this.#calls.listen(socket, 1) < 0) throw this.#failure("listen")
    })
  }

  /** Two Unix stream sockets that are connected, neither of them non-blocking. Throws SystemError. */
  socketPair(): [number, number] {
    const pair = new Int32Array(2)
    if (this.#calls.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
      throw this.#failure("socketpair")
    return [pair[0] as number, pair[1] as number]
  }

  /** Takes a connection; undefined when none waits. Throws SystemError. */
  accept(listener: number): number | undefined {
    const socket = this.#calls.accept4(listener, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC)
    if (socket >= 0) return socket
    const failure = this.#failure("accept")
    if (failure.errnoName === "EAGAIN" || failure.errnoName === "ECONNABORTED") return undefined
    throw failure
  }

  /** Reads 1 to `length` bytes, at most 4096, and the descriptors that came with them. Never blocks or throws. */
  receive(socket: number, length: number): Received {
    const message = this.#message
    message.prepare(Math.min(length, MAX_RECEIVED))
    const count = Number(this.#calls.recvmsg(socket, message.address, MSG_DONTWAIT | MSG_CMSG_CLOEXEC))
    if (count < 0) {
      const failure = this.#failure("recvmsg")
      if (failure.errnoName === "EAGAIN" || failure.errnoName === "EINTR") return { kind: "nothing" }
      return { kind: "closed" }
    }
    const descriptors = message.descriptors()
    if (count === 0) return { kind: "closed" }
    if (message.flags() & MSG_CTRUNC) {
      for (const descriptor of descriptors) this.close(descriptor)
      return { kind: "overflow" }
    }
    return { kind: "data", bytes: message.bytes(count), descriptors }
  }

  /** Sends all bytes or nothing; false when the peer is gone or does not read. Never blocks or throws. */
  send(socket: number, bytes: Uint8Array): boolean {
    const sent = this.#calls.send(socket, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL)
    return Number(sent) === bytes.length
  }

  /** Maps `length` bytes of a file from `offset` on, shared. Throws SystemError. */
  map(descriptor: number, offset: number, length: number): Mapping {
    const flags = MAP_SHARED | MAP_NORESERVE
    const address: bigint = this.#calls.mmap(
      null,
      length,
      PROT_READ_WRITE,
      flags,
      descriptor,
      offset,
    ) as bigint
    if (address === MAP_FAILED_32 || address === MAP_FAILED_64) throw this.#failure("mmap")
    return {
      bytes: new Uint8Array(this.#koffi.view(address, length)),
      unmap: () => {
        this.#calls.munmap(address, length)
      },
    }
  }

  /** A new eventfd. Throws SystemError. */
  eventfd(): number {
    const descriptor = this.#calls.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
    if (descriptor < 0) throw this.#failure("eventfd")
    return descriptor
  }

  /**
   * Makes reading and writing an eventfd of somebody else return at once. Its owner can undo that, so `signal` and
   * `clear` check first, too.
   */
  setNonBlocking(eventfd: number): void {
    const flags = this.#calls.fcntl(eventfd, F_GETFL, 0)
    if (flags >= 0 && (flags & O_NONBLOCK) === 0) this.#calls.fcntl(eventfd, F_SETFL, flags | O_NONBLOCK)
  }

  /** Wakes the watcher of the eventfd. If the eventfd is full, its watcher is woken anyway, so failure is no error. */
  signal(eventfd: number): void {
    if (this.#isReady(eventfd, POLLOUT)) this.#calls.write(eventfd, this.#one, 8)
  }

  /** Sets the eventfd's count to 0. */
  clear(eventfd: number): void {
    if (this.#isReady(eventfd, POLLIN)) this.#calls.read(eventfd, this.#count, 8)
  }

  #isReady(descriptor: number, event: number): boolean {
    const asked = this.#asked
    asked[0] = descriptor & 0xffff
    asked[1] = descriptor >> 16
    asked[2] = event
    asked[3] = 0
    const count = this.#calls.poll(this.#askedBytes, 1, 0)
    return count === 1 && ((asked[3] as number) & event) !== 0
  }

  /** Makes sure that the file behind a descriptor never becomes shorter. False when it cannot be sealed. */
  sealAgainstShrinking(descriptor: number): boolean {
    const seals = this.#calls.fcntl(descriptor, F_GET_SEALS, 0)
    if (seals < 0) return false
    return (seals & F_SEAL_SHRINK) !== 0 || this.#calls.fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK) === 0
  }

  /** Another descriptor of the same file. It has to be closed, too. Throws SystemError. */
  duplicate(descriptor: number): number {
    const made = this.#calls.fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    if (made < 0) throw this.#failure("fcntl")
    return made
  }

  close(descriptor: number): void {
    this.#calls.close(descriptor)
  }

  /**
   * Calls back whenever the descriptor, an eventfd or a socket, is readable, until `close`. The callback runs
   * as a turn of the event loop of its own.
   *
   * Why this way: from the kick to the JavaScript that serves it takes 4 us here (p50 of 3000, against a thread
   * that kicks), because libuv's own epoll does the waiting and no thread is involved. A poll on a libuv pool
   * thread (koffi's async calls) takes 15 us and keeps one of the 4 threads that file access needs; a Worker in
   * a blocking poll takes 55 us, by postMessage and by Atomics.waitAsync alike, because it wakes two threads.
   */
  watch(descriptor: number, onReadable: () => void): Watch {
    let isClosed = false
    let isScheduled = false
    const run = () => {
      isScheduled = false
      if (!isClosed) onReadable()
    }
    // koffi calls back outside of Node's callbacks: an exception would be lost, and promises would wait. An immediate
    // runs right after the poll phase, before the next poll, and has neither fault.
    const handle = this.#koffi.node.poll(descriptor, { readable: true }, () => {
      if (isScheduled || isClosed) return
      isScheduled = true
      setImmediate(run)
    })
    return {
      close() {
        if (isClosed) return
        isClosed = true
        handle.close()
      },
    }
  }

  #openSocket(setUp: (socket: number) => void): number {
    const socket = this.#calls.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if (socket < 0) throw this.#failure("socket")
    try {
      setUp(socket)
      return socket
    } catch (error) {
      this.close(socket)
      throw error
    }
  }

  #failure(call: string): SystemError {
    const errno = this.#koffi.errno()
    return new SystemError(call, errno > 0 ? getSystemErrorName(-errno) : "no errno")
  }
}

/** Whether the descriptor is an eventfd. koffi ends the process when it has to watch what epoll refuses. */
export function isEventfd(descriptor: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`) === "anon_inode:[eventfd]"
  } catch {
    return false
  }
}

/** The size in bytes of the regular file behind a descriptor; undefined when it is none. */
export function fileSize(descriptor: number): number | undefined {
  try {
    const stat = fstatSync(descriptor)
    return (stat.mode & constants.S_IFMT) === constants.S_IFREG ? stat.size : undefined
  } catch {
    return undefined
  }
}

function socketAddress(path: string): Uint8Array {
  const address = Buffer.alloc(SOCKADDR_SIZE)
  address.writeUInt16LE(AF_UNIX, 0)
  address.write(path, 2)
  return address
}
