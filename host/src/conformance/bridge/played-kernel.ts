// The kernel's side of /dev/virtio-msg-bridge, played by the suite (docs/bridge.md). It takes a device model's system
// calls, has the other half of its rings, and a file whose parts are the windows. It only answers and refuses what a
// row tells it to.

import { writeSync } from "node:fs"
import { constants } from "node:os"
import { Emitter } from "../../emitter.js"
import { PAGE_BYTES } from "../../node/bridge/device-node.js"
import * as layouts from "../../node/bridge/layouts.js"
import { bindBridgeCalls, makeMemory } from "../../node/bridge/node-system.js"
import { BridgeConsumer, BridgeProducer, SharedRing } from "../../node/bridge/ring.js"
import {
  fileSize,
  isEventfd,
  type Libc,
  loadLibc,
  type Mapping,
  type Watch,
} from "../../node/vhost-user/libc.js"

export const WINDOW_BYTES = 1 << 20
/** The handle that RESOLVE gives. */
export const HANDLE = 7
const { EBADF, EBUSY, EINVAL, ENOTCONN, ENOTTY } = constants.errno

export type CallName = "OPEN" | "RESOLVE" | "ATTACH" | "DETACH" | "RELEASE" | "MMAP" | "MUNMAP" | "CLOSE"

/** A system call that the model made. */
export interface ModelCall {
  readonly name: CallName
  /** The argument, unchanged. */
  readonly argument: Uint8Array
  /** Of MMAP and MUNMAP. */
  readonly offset?: number
  readonly lengthBytes?: number
  /** How many frames had been sent to the model and received from it before. */
  readonly sentCount: number
  readonly takenCount: number
}

/** The rings of an attached model. */
interface Attached {
  readonly memory: Mapping
  readonly tx: SharedRing
  readonly rx: SharedRing
  readonly consumer: BridgeConsumer
  readonly producer: BridgeProducer
  readonly kick: number
  readonly call: number
  readonly watch: Watch
}

export class PlayedKernel {
  readonly libc: Libc
  /** The file that windows are parts of, and the same bytes, mapped. */
  readonly windowFile: number
  readonly window: Uint8Array<ArrayBuffer>
  /** The model's system calls, in order. */
  readonly calls: ModelCall[] = []
  /** Whole slots that came from the model, and frames that went to it, in order. */
  readonly taken: Uint8Array[] = []
  readonly sent: Uint8Array[] = []
  /** The session was ended. */
  readonly onOver = new Emitter<[]>()
  /** Something came from the model. */
  readonly onActivity = new Emitter<[]>()
  /** Errnos for calls that are refused, until they are removed. */
  readonly refusals = new Map<CallName, number>()
  /** What ATTACH answers; `maxMessageSize` is at most the model's. */
  caps: layouts.Caps = {
    version: layouts.BRIDGE_VERSION,
    revision: 1,
    maxMessageSize: 264,
    flags: layouts.CAP_ONLINE,
    transportFeatures: 0n,
    bridgeFeatures: 0n,
    epoch: 1n,
  }
  /** Leaves the model's tx ring as it is, until `takeAll`. */
  isHoldingBack = false
  /** Why the model's use of the interface is impossible. Empty while it is not. */
  fault = ""
  isOver = false
  /** What the headers of the rings were at ATTACH. */
  headersAtAttach: Readonly<Record<string, layouts.RingHeader>> = {}
  /** How often the model told that a cursor of its had moved. */
  kickCount = 0
  /** The largest message that both sides take, in bytes. */
  maxMessageSize = 0
  readonly #windowMapping: Mapping
  #attached: Attached | undefined

  private constructor(libc: Libc, windowFile: number) {
    this.libc = libc
    this.windowFile = windowFile
    this.#windowMapping = libc.map(windowFile, 0, WINDOW_BYTES)
    this.window = this.#windowMapping.bytes
  }

  /** Rejects with MISSING_DEPENDENCY where there is no Linux, or no koffi. */
  static async make(): Promise<PlayedKernel> {
    const libc = await loadLibc()
    return new PlayedKernel(libc, makeMemory(await bindBridgeCalls(), WINDOW_BYTES))
  }

  get isAttached(): boolean {
    return this.#attached !== undefined
  }

  /** The rings; undefined while nobody is attached. */
  get tx(): SharedRing | undefined {
    return this.#attached?.tx
  }

  get rx(): SharedRing | undefined {
    return this.#attached?.rx
  }

  /** An ioctl of the model's, which changes `argument`. Returns 0 or the errno. Descriptors in it are of this process. */
  ioctl(request: number, argument: Uint8Array): number {
    const asked = Uint8Array.from(argument)
    switch (request) {
      case layouts.IOCTL_RESOLVE:
        return this.#note("RESOLVE", asked) || this.#resolve(argument)
      case layouts.IOCTL_RELEASE:
        return this.#note("RELEASE", asked)
      case layouts.IOCTL_ATTACH:
        return this.#note("ATTACH", asked) || this.#attach(argument)
      case layouts.IOCTL_DETACH:
        return this.#note("DETACH", asked) || this.#detach()
      default:
        return ENOTTY
    }
  }

  /** The model opens the node; returns 0 or the errno. */
  open(): number {
    return this.#note("OPEN", new Uint8Array(0))
  }

  /** The model maps a window; returns 0 or the errno. */
  mmap(offset: number, lengthBytes: number): number {
    const refused = this.#note("MMAP", new Uint8Array(0), { offset, lengthBytes })
    if (refused) return refused
    const isInside = offset % PAGE_BYTES === 0 && lengthBytes > 0 && offset + lengthBytes <= WINDOW_BYTES
    return isInside ? 0 : EINVAL
  }

  munmap(offset: number, lengthBytes: number): void {
    this.#note("MUNMAP", new Uint8Array(0), { offset, lengthBytes })
  }

  /** The model closed the node, or is gone. */
  closed(): void {
    this.#detach()
    this.#note("CLOSE", new Uint8Array(0))
  }

  /** Sends a frame, and tells the model. False when the ring is full or no model is attached. */
  send(frame: Uint8Array): boolean {
    const attached = this.#attached
    if (!attached?.producer.push(frame)) return false
    this.sent.push(Uint8Array.from(frame))
    this.signal()
    return true
  }

  /** Tells the model that something has changed. */
  signal(): void {
    if (this.#attached) this.libc.signal(this.#attached.call)
  }

  /** Fills the model's doorbell so much that ringing it would block. Nobody answers it then. */
  fillKick(): void {
    if (this.#attached) fillEventfd(this.#attached.kick)
  }

  emptyKick(): void {
    if (!this.#attached) return
    this.libc.clear(this.#attached.kick)
    this.takeAll()
  }

  /** Takes everything out of the model's ring. */
  takeAll(): void {
    const consumer = this.#attached?.consumer
    if (!consumer) return
    try {
      for (let slot = consumer.peek(); slot; slot = consumer.peek()) {
        this.hear(slot.slice())
        consumer.release()
      }
    } catch (error) {
      this.fault = error instanceof Error ? error.message : String(error)
    }
    this.onActivity.emit()
  }

  /** A slot of the model's. */
  hear(slot: Uint8Array): void {
    this.taken.push(slot)
  }

  /** Ends the session, as the kernel does with a faulty one. */
  end(): void {
    this.isOver = true
    this.onOver.emit()
    this.signal()
  }

  close(): void {
    this.#detach()
    this.#windowMapping.unmap()
    this.libc.close(this.windowFile)
  }

  #note(
    name: CallName,
    argument: Uint8Array,
    place: { readonly offset?: number; readonly lengthBytes?: number } = {},
  ): number {
    const [sentCount, takenCount] = [this.sent.length, this.taken.length]
    this.calls.push({ name, argument, ...place, sentCount, takenCount })
    const refusal = this.refusals.get(name) ?? 0
    // it may be waited for
    queueMicrotask(() => this.onActivity.emit())
    return refusal
  }

  #resolve(argument: Uint8Array): number {
    const asked = layouts.RESOLVE.get(argument)
    layouts.RESOLVE.put(argument, 0, { ...asked, handle: HANDLE })
    return 0
  }

  #attach(argument: Uint8Array): number {
    if (this.#attached) return EBUSY
    const asked = layouts.ATTACH.get(argument)
    const rings = [
      { name: "tx", offset: Number(asked.txOffset), bytes: Number(asked.txBytes) },
      { name: "rx", offset: Number(asked.rxOffset), bytes: Number(asked.rxBytes) },
    ]
    const length = fileSize(asked.ringFd)
    if (length === undefined || !isEventfd(asked.kickFd) || !isEventfd(asked.callFd)) return EBADF
    const entrySize = layouts.entrySizeFor(asked.maxMessageSize)
    if (rings.some(({ offset, bytes }) => offset % 8 || bytes < layouts.ringBytes(entrySize))) return EINVAL
    if (rings.some(({ offset, bytes }) => offset + bytes > length)) return EINVAL
    const memory = this.libc.map(asked.ringFd, 0, length)
    const [tx, rx] = rings.map(
      ({ name, offset, bytes }) =>
        new SharedRing(name, memory.bytes.subarray(offset, offset + bytes), entrySize),
    ) as [SharedRing, SharedRing]
    this.headersAtAttach = {
      tx: layouts.RING_HEADER.get(memory.bytes, Number(asked.txOffset)),
      rx: layouts.RING_HEADER.get(memory.bytes, Number(asked.rxOffset)),
    }
    const kick = this.libc.duplicate(asked.kickFd)
    const call = this.libc.duplicate(asked.callFd)
    const watch = this.libc.watch(kick, () => {
      this.libc.clear(kick)
      this.kickCount++
      if (!this.isHoldingBack) this.takeAll()
    })
    this.#attached = {
      memory,
      tx,
      rx,
      consumer: new BridgeConsumer(tx),
      producer: new BridgeProducer(rx),
      kick,
      call,
      watch,
    }
    const maxMessageSize = Math.min(this.caps.maxMessageSize, asked.maxMessageSize)
    this.maxMessageSize = maxMessageSize
    layouts.CAPS.put(argument, layouts.ATTACH.offsetOf("caps"), { ...this.caps, maxMessageSize })
    return 0
  }

  #detach(): number {
    const attached = this.#attached
    if (!attached) return ENOTCONN
    this.takeAll() // what came before
    this.#attached = undefined
    attached.watch.close()
    this.libc.close(attached.kick)
    this.libc.close(attached.call)
    attached.memory.unmap()
    return 0
  }
}

/** The most that an eventfd counts: one more blocks. */
function fillEventfd(eventfd: number): void {
  writeSync(eventfd, new Uint8Array(new BigUint64Array([0xffff_ffff_ffff_fffen]).buffer))
}
