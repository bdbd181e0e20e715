// The C side of libc.ts: the prototypes of the functions, and the native memory for one recvmsg call, laid out
// by koffi so that it fits 32-bit machines as well (recvmsg(2), cmsg(3), unix(7)).

/** koffi, as the module's default export has it. */
export type Koffi = typeof import("koffi")["default"]

/** Descriptors that one call may receive; a message of vhost-user has 8 at the most. */
const MAX_DESCRIPTORS = 32
/** Bytes that one call receives at most. */
export const MAX_RECEIVED = 4096

const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const POINTER = "void *"

/** The functions of the C library, as koffi calls them. Pointers are given as bytes, addresses or null. */
export interface Calls {
  socket(domain: number, type: number, protocol: number): number
  socketpair(domain: number, type: number, protocol: number, pair: Int32Array): number
  connect(socket: number, address: Uint8Array, length: number): number
  bind(socket: number, address: Uint8Array, length: number): number
  listen(socket: number, backlog: number): number
  accept4(socket: number, address: null, length: null, flags: number): number
  recvmsg(socket: number, message: bigint, flags: number): number | bigint
  send(socket: number, bytes: Uint8Array, length: number, flags: number): number | bigint
  mmap(at: null, length: number, prot: number, flags: number, descriptor: number, offset: number): bigint
  munmap(address: bigint, length: number): number
  eventfd(count: number, flags: number): number
  read(descriptor: number, into: Uint8Array, length: number): number | bigint
  write(descriptor: number, bytes: Uint8Array, length: number): number | bigint
  close(descriptor: number): number
  fcntl(descriptor: number, command: number, argument: number): number
  poll(descriptors: Uint8Array, count: number, timeoutMs: number): number
}

/** Binds the functions, out of the C library that Node itself runs on. */
export function bindCalls(koffi: Koffi): Calls {
  const library = koffi.load(null)
  return {
    socket: library.func("int socket(int, int, int)"),
    socketpair: library.func("int socketpair(int, int, int, void *)"),
    connect: library.func("int connect(int, void *, uint32_t)"),
    bind: library.func("int bind(int, void *, uint32_t)"),
    listen: library.func("int listen(int, int)"),
    accept4: library.func("int accept4(int, void *, void *, int)"),
    recvmsg: library.func("intptr_t recvmsg(int, void *, int)"),
    send: library.func("intptr_t send(int, void *, size_t, int)"),
    mmap: library.func("void *mmap(void *, size_t, int, int, int, long)"),
    munmap: library.func("int munmap(void *, size_t)"),
    eventfd: library.func("int eventfd(uint32_t, int)"),
    read: library.func("intptr_t read(int, void *, size_t)"),
    write: library.func("intptr_t write(int, void *, size_t)"),
    close: library.func("int close(int)"),
    fcntl: library.func("int fcntl(int, int, int)"),
    poll: library.func("int poll(void *, unsigned long, int)"),
  }
}

/** A struct msghdr with one buffer and room for descriptors, in memory that does not move. */
export class MessageBuffer {
  /** The address of the struct msghdr. */
  readonly address: bigint

  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #wordSize: number
  readonly #controlLengthAt: number
  readonly #flagsAt: number
  readonly #bufferLengthAt: number
  readonly #controlAt: number
  readonly #controlSize: number
  readonly #dataAt: number

  constructor(koffi: Koffi) {
    const header = koffi.struct({
      name: POINTER,
      nameLength: "uint32_t",
      buffers: POINTER,
      bufferCount: "size_t",
      control: POINTER,
      controlLength: "size_t",
      flags: "int",
    })
    const word = koffi.sizeof(POINTER)
    this.#wordSize = word
    const buffersAt = align(koffi.sizeof(header), 16)
    this.#bufferLengthAt = buffersAt + word
    this.#controlAt = buffersAt + 2 * word
    this.#controlSize = align(word + 8, word) + 4 * MAX_DESCRIPTORS
    this.#dataAt = align(this.#controlAt + this.#controlSize, 16)
    this.#controlLengthAt = koffi.offsetof(header, "controlLength")
    this.#flagsAt = koffi.offsetof(header, "flags")

    const size = this.#dataAt + MAX_RECEIVED
    const pointer = koffi.alloc("uint8_t", size)
    this.address = koffi.address(pointer)
    const memory = koffi.view(pointer, size)
    this.#bytes = new Uint8Array(memory).fill(0)
    this.#view = new DataView(memory)
    this.#setWord(koffi.offsetof(header, "buffers"), this.address + BigInt(buffersAt))
    this.#setWord(koffi.offsetof(header, "bufferCount"), 1n)
    this.#setWord(koffi.offsetof(header, "control"), this.address + BigInt(this.#controlAt))
    this.#setWord(buffersAt, this.address + BigInt(this.#dataAt))
  }

  /** Gets ready to receive at most `length` bytes. */
  prepare(length: number): void {
    this.#setWord(this.#bufferLengthAt, BigInt(length))
    this.#setWord(this.#controlLengthAt, BigInt(this.#controlSize))
    this.#view.setInt32(this.#flagsAt, 0, true)
  }

  /** The flags that recvmsg returned. */
  flags(): number {
    return this.#view.getInt32(this.#flagsAt, true)
  }

  /** A copy of the first `length` bytes received. */
  bytes(length: number): Uint8Array {
    return this.#bytes.slice(this.#dataAt, this.#dataAt + length)
  }

  /** The descriptors received, each now open in this process. */
  descriptors(): number[] {
    const descriptors: number[] = []
    const word = this.#wordSize
    const end = this.#controlAt + Math.min(this.#word(this.#controlLengthAt), this.#controlSize)
    const headerSize = align(word + 8, word)
    for (let at = this.#controlAt; at + headerSize <= end; ) {
      const length = this.#word(at)
      if (length < headerSize) break
      const isRights =
        this.#view.getInt32(at + word, true) === SOL_SOCKET &&
        this.#view.getInt32(at + word + 4, true) === SCM_RIGHTS
      if (isRights)
        for (let item = at + headerSize; item + 4 <= Math.min(at + length, end); item += 4)
          descriptors.push(this.#view.getInt32(item, true))
      at += align(length, word)
    }
    return descriptors
  }

  #word(at: number): number {
    return this.#wordSize === 8 ? Number(this.#view.getBigUint64(at, true)) : this.#view.getUint32(at, true)
  }

  #setWord(at: number, value: bigint): void {
    if (this.#wordSize === 8) this.#view.setBigUint64(at, value, true)
    else this.#view.setUint32(at, Number(value), true)
  }
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to
}
