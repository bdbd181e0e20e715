// A vhost-user front end that does what a test says: shares a file as the guest's memory, passes descriptors,
// and plays the guest's driver on one ring. It uses the calls that the backend uses, and sendmsg.

import { closeSync, ftruncateSync, openSync, readSync, unlinkSync } from "node:fs"
import koffi from "koffi"
import { type Libc, loadLibc, type Mapping, type Watch } from "../../host/src/node/vhost-user/libc.js"
import {
  decodeNumber,
  decodeVringState,
  encodeNumber,
  encodeVringState,
  FEATURE_EVENT_IDX,
  FEATURE_INDIRECT_DESC,
  FEATURE_PROTOCOL_FEATURES,
  FEATURE_VERSION_1,
  REQUEST,
} from "../../host/src/node/vhost-user/messages.js"
import { GUEST_BASE, GuestRing, MEMORY_LENGTH, USER_BASE } from "./guest-ring.js"

const VERSION = 1
const NEED_REPLY = 8
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_NOSIGNAL = 0x4000
const QUEUE_SIZE = 8

const sendmsg = koffi.load(null).func("intptr_t sendmsg(int, void *, int)")

export interface Reply {
  readonly request: number
  readonly payload: Uint8Array
}

export class FrontEnd {
  readonly libc: Libc
  readonly ring: GuestRing
  /** The file that is the guest's memory. */
  readonly memoryFile: number
  readonly kick: number
  readonly call: number
  readonly error: number
  /** Set as soon as the backend closed the connection. */
  isClosed = false

  readonly #mapping: Mapping
  readonly #socket: number
  readonly #watch: Watch
  #replies: Reply[] = []
  #waiting: (() => void)[] = []
  #bytes = Buffer.alloc(0)

  private constructor(libc: Libc, socket: number) {
    this.libc = libc
    this.#socket = socket
    const path = `/dev/shm/virtio-msg-test-${process.pid}-${socket}`
    this.memoryFile = openSync(path, "w+")
    unlinkSync(path)
    ftruncateSync(this.memoryFile, MEMORY_LENGTH)
    this.#mapping = libc.map(this.memoryFile, 0, MEMORY_LENGTH)
    this.ring = new GuestRing(this.#mapping.bytes, QUEUE_SIZE)
    this.kick = libc.eventfd()
    this.call = libc.eventfd()
    this.error = libc.eventfd()
    this.#watch = libc.watch(socket, () => this.#receive())
  }

  /** Takes the connection of a backend on a listening socket. */
  static async accept(listener: number): Promise<FrontEnd> {
    const libc = await loadLibc()
    const socket = await until(() => libc.accept(listener))
    return new FrontEnd(libc, socket)
  }

  /** Sends a message as it is. */
  send(request: number, payload: Uint8Array, descriptors: readonly number[] = [], flags = VERSION): void {
    const message = Buffer.alloc(12 + payload.length)
    message.writeUInt32LE(request, 0)
    message.writeUInt32LE(flags, 4)
    message.writeUInt32LE(payload.length, 8)
    message.set(payload, 12)
    this.sendRaw(message, descriptors)
  }

  /** Sends bytes, with descriptors. */
  sendRaw(bytes: Uint8Array, descriptors: readonly number[] = []): void {
    const control = Buffer.alloc(descriptors.length ? 16 + ((4 * descriptors.length + 7) & ~7) : 0)
    if (descriptors.length) {
      control.writeBigUInt64LE(BigInt(16 + 4 * descriptors.length), 0)
      control.writeInt32LE(SOL_SOCKET, 8)
      control.writeInt32LE(SCM_RIGHTS, 12)
      descriptors.forEach((descriptor, at) => {
        control.writeInt32LE(descriptor, 16 + 4 * at)
      })
    }
    // struct msghdr and struct iovec of 64-bit Linux, in one piece of memory that stays where it is
    const native = koffi.alloc("uint8_t", 72 + control.length + bytes.length)
    const address = koffi.address(native)
    const memory = Buffer.from(koffi.view(native, 72 + control.length + bytes.length)).fill(0)
    memory.writeBigUInt64LE(address + 56n, 16)
    memory.writeBigUInt64LE(1n, 24)
    memory.writeBigUInt64LE(descriptors.length ? address + 72n : 0n, 32)
    memory.writeBigUInt64LE(BigInt(control.length), 40)
    memory.writeBigUInt64LE(address + 72n + BigInt(control.length), 56)
    memory.writeBigUInt64LE(BigInt(bytes.length), 64)
    memory.set(control, 72)
    memory.set(bytes, 72 + control.length)
    sendmsg(this.#socket, native, MSG_NOSIGNAL)
    koffi.free(native)
  }

  /** Sends a message that has an answer of its own; resolves with it. */
  async ask(request: number, payload: Uint8Array = new Uint8Array(0)): Promise<Uint8Array> {
    this.send(request, payload)
    return (await this.reply(request)).payload
  }

  /** Sends a message and asks for an acknowledgement; resolves with 0 for success. */
  async acknowledged(
    request: number,
    payload: Uint8Array,
    descriptors: readonly number[] = [],
  ): Promise<bigint | undefined> {
    this.send(request, payload, descriptors, VERSION | NEED_REPLY)
    return decodeNumber((await this.reply(request)).payload)
  }

  /** Resolves with the next message of the backend. */
  async reply(request: number): Promise<Reply> {
    while (!this.#replies[0]) {
      if (this.isClosed) throw new Error("the backend closed the connection")
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    const reply = this.#replies.shift() as Reply
    if (reply.request !== request) throw new Error(`a reply to ${reply.request} instead of ${request}`)
    return reply
  }

  /** Does all that QEMU does until the queue runs. */
  async startQueue(options: { base?: number; features?: bigint } = {}): Promise<void> {
    await this.ask(REQUEST.GET_FEATURES)
    const features =
      options.features ??
      FEATURE_VERSION_1 | FEATURE_PROTOCOL_FEATURES | FEATURE_EVENT_IDX | FEATURE_INDIRECT_DESC | 1n
    this.send(REQUEST.SET_OWNER, new Uint8Array(0))
    this.send(REQUEST.SET_FEATURES, encodeNumber(features))
    this.shareMemory()
    this.send(REQUEST.SET_VRING_NUM, encodeVringState({ index: 0, value: QUEUE_SIZE }))
    this.send(REQUEST.SET_VRING_BASE, encodeVringState({ index: 0, value: options.base ?? 0 }))
    this.send(REQUEST.SET_VRING_ADDR, this.addressPayload())
    this.send(REQUEST.SET_VRING_CALL, encodeNumber(0n), [this.call])
    this.send(REQUEST.SET_VRING_ERR, encodeNumber(0n), [this.error])
    this.send(REQUEST.SET_VRING_KICK, encodeNumber(0n), [this.kick])
    this.send(REQUEST.SET_VRING_ENABLE, encodeVringState({ index: 0, value: 1 }))
    await this.ask(REQUEST.GET_QUEUE_NUM)
  }

  shareMemory(): void {
    this.send(REQUEST.SET_MEM_TABLE, memoryTable([{}]), [this.memoryFile])
  }

  addressPayload(): Uint8Array {
    const payload = Buffer.alloc(40)
    const { layout } = this.ring
    payload.writeBigUInt64LE(BigInt(layout.descriptors), 8)
    payload.writeBigUInt64LE(BigInt(layout.used), 16)
    payload.writeBigUInt64LE(BigInt(layout.available), 24)
    return payload
  }

  /** Stops the queue; resolves with its base. */
  async stopQueue(): Promise<number | undefined> {
    return decodeVringState(await this.ask(REQUEST.GET_VRING_BASE, encodeVringState({ index: 0, value: 0 })))
      ?.value
  }

  /** The interrupts since the last call. */
  interrupts(eventfd = this.call): number {
    const count = Buffer.alloc(8)
    try {
      readSync(eventfd, count)
    } catch {
      return 0
    }
    return Number(count.readBigUInt64LE())
  }

  close(): void {
    this.#watch.close()
    this.libc.close(this.#socket)
    this.#mapping.unmap()
    closeSync(this.memoryFile)
    for (const descriptor of [this.kick, this.call, this.error]) this.libc.close(descriptor)
  }

  #receive(): void {
    const received = this.libc.receive(this.#socket, 4096)
    if (received.kind === "nothing") return
    if (received.kind !== "data") {
      this.isClosed = true
      this.#watch.close()
    } else this.#bytes = Buffer.concat([this.#bytes, received.bytes])
    while (this.#bytes.length >= 12 && this.#bytes.length >= 12 + this.#bytes.readUInt32LE(8)) {
      const size = this.#bytes.readUInt32LE(8)
      this.#replies.push({
        request: this.#bytes.readUInt32LE(0),
        payload: Uint8Array.from(this.#bytes.subarray(12, 12 + size)),
      })
      this.#bytes = this.#bytes.subarray(12 + size)
    }
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** A memory table; each region is the test's memory unless it says otherwise. */
export function memoryTable(
  regions: readonly { gpa?: bigint; size?: bigint; uva?: bigint; offset?: bigint }[],
): Uint8Array {
  const payload = Buffer.alloc(8 + 32 * regions.length)
  payload.writeUInt32LE(regions.length, 0)
  regions.forEach((region, index) => {
    const at = 8 + 32 * index
    payload.writeBigUInt64LE(region.gpa ?? BigInt(GUEST_BASE), at)
    payload.writeBigUInt64LE(region.size ?? BigInt(MEMORY_LENGTH), at + 8)
    payload.writeBigUInt64LE(region.uva ?? BigInt(USER_BASE), at + 16)
    payload.writeBigUInt64LE(region.offset ?? 0n, at + 24)
  })
  return payload
}

/** Asks again, one turn of the event loop after another, until there is an answer. */
export async function until<T>(ask: () => T | undefined | false): Promise<T> {
  for (;;) {
    const answer = ask()
    if (answer !== undefined && answer !== false) return answer
    await new Promise((resolve) => setImmediate(resolve))
  }
}
