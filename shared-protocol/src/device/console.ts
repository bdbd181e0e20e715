// The virtio-console device (virtio 1.4 5.3, device id 3): one port, a stream each way, and a size.
// Configuration and queues are in device-types/console.ts.

import { type Allocator, type ByteBuf, type OwnedBytes, putU16 } from "../bytes.js"
import {
  CONSOLE_CONFIG_SIZE,
  CONSOLE_FEATURE_SIZE,
  CONSOLE_QUEUE_SIZE,
  CONSOLE_RECEIVE_QUEUE,
  CONSOLE_TRANSMIT_QUEUE,
  VIRTIO_ID_CONSOLE,
} from "../device-types/console.js"
import {
  FEATURE_ACCESS_PLATFORM_BLOCK1,
  FEATURE_INDIRECT_DESC,
  FEATURE_RING_RESET_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../device-types/feature-bits.js"
import { PACED_BYTES } from "../mailbox/packet.js"
import { type DeviceRing, RING_BROKEN, RING_EMPTY } from "../ring/device-ring.js"
import type { DeviceHost, DeviceModel } from "./device-model.js"

const NO_CHAIN = -1

/** The program at the device's end of the console. It neither loses nor repeats a byte. */
export interface ConsoleProgram {
  /** Whether `read` has anything to give. */
  hasOutput(): boolean
  /** Stores up to `length` bytes of output in `into` from `offset`; returns how many. */
  read(into: OwnedBytes, offset: number, length: number): number
  /** Takes input: returns how many of the `length` bytes, fewer when there is no room for the others now. */
  write(bytes: ByteBuf, offset: number, length: number): number
  /** The driver has gone. What it had typed so far is gone, too. */
  reset(): void
}

export class ConsoleDevice implements DeviceModel {
  readonly deviceId = VIRTIO_ID_CONSOLE
  readonly features: readonly number[] = [
    CONSOLE_FEATURE_SIZE | FEATURE_INDIRECT_DESC,
    FEATURE_VERSION_1_BLOCK1 | FEATURE_ACCESS_PLATFORM_BLOCK1 | FEATURE_RING_RESET_BLOCK1,
  ]
  readonly requiredFeatures: readonly number[] = [0, FEATURE_VERSION_1_BLOCK1]
  readonly queueMaxSizes: readonly number[] = [CONSOLE_QUEUE_SIZE, CONSOLE_QUEUE_SIZE]
  readonly pacedQueues: readonly number[] = [CONSOLE_RECEIVE_QUEUE]
  readonly config: ByteBuf

  private readonly program: ConsoleProgram
  private host: DeviceHost | undefined
  /** The chain of input that the program has not taken completely, or NO_CHAIN, and how much of it was taken. */
  private heldHead = NO_CHAIN
  private heldResetCount = 0
  private heldBuffer = 0
  private heldAt = 0
  private heldCount = 0
  private readonly heldOffsets: number[] = []
  private readonly heldLengths: number[] = []

  /** A console of `cols` by `rows` characters. */
  constructor(program: ConsoleProgram, alloc: Allocator, cols: number, rows: number) {
    this.program = program
    this.config = alloc(CONSOLE_CONFIG_SIZE)
    putU16(this.config, 0, cols)
    putU16(this.config, 2, rows)
  }

  attach(host: DeviceHost): void {
    this.host = host
  }

  writeConfig(_offset: number, _data: ByteBuf, _dataOffset: number, _length: number): boolean {
    return false
  }

  reset(): void {
    this.heldHead = NO_CHAIN
    this.program.reset()
  }

  /** The console now has another size. The driver is told. */
  resize(cols: number, rows: number): void {
    putU16(this.config, 0, cols)
    putU16(this.config, 2, rows)
    if (this.host !== undefined) this.host.configChanged()
  }

  /** The program has output. */
  wakeOutput(): void {
    if (this.host !== undefined) this.host.wake(CONSOLE_RECEIVE_QUEUE)
  }

  /** The program has room for input again. */
  wakeInput(): void {
    if (this.host !== undefined) this.host.wake(CONSOLE_TRANSMIT_QUEUE)
  }

  async serve(queueIndex: number, ring: DeviceRing): Promise<string> {
    return queueIndex === CONSOLE_RECEIVE_QUEUE ? this.serveOutput(ring) : this.serveInput(ring)
  }

  /** Fills one buffer. Output waits in the program until the driver gives another buffer. */
  private serveOutput(ring: DeviceRing): string {
    if (!this.program.hasOutput()) return ""
    const head = ring.pop()
    if (head === RING_EMPTY) return ""
    if (head === RING_BROKEN) return ring.brokenReason
    if (ring.readable > 0) return "a readable buffer"
    const into = ring.deviceArea
    let total = 0
    for (let i = 0; i < ring.count && total < PACED_BYTES; i++) {
      const room = ring.lengths[i] < PACED_BYTES - total ? ring.lengths[i] : PACED_BYTES - total
      const length = this.program.read(into.bytes, ring.offsets[i], room)
      into.mark(ring.offsets[i], length)
      total += length
      if (length < room) break
    }
    ring.push(head, total)
    if (ring.pending() > 0 && this.program.hasOutput()) this.wakeOutput()
    return ""
  }

  /**
   * Gives the program as much as it takes. The rest stays in the driver's buffers, so the driver notices that it has
   * to wait.
   */
  private serveInput(ring: DeviceRing): string {
    if (ring.resetCount !== this.heldResetCount) {
      this.heldResetCount = ring.resetCount
      this.heldHead = NO_CHAIN
    }
    while (true) {
      if (this.heldHead === NO_CHAIN) {
        const head = ring.pop()
        if (head === RING_EMPTY) return ""
        if (head === RING_BROKEN) return ring.brokenReason
        this.hold(head, ring)
      }
      while (this.heldBuffer < this.heldCount) {
        const left = this.heldLengths[this.heldBuffer] - this.heldAt
        const taken = this.program.write(
          ring.driverArea,
          this.heldOffsets[this.heldBuffer] + this.heldAt,
          left,
        )
        if (taken < left) {
          this.heldAt += taken
          return ""
        }
        this.heldBuffer++
        this.heldAt = 0
      }
      ring.push(this.heldHead, 0)
      this.heldHead = NO_CHAIN
    }
  }

  private hold(head: number, ring: DeviceRing): void {
    this.heldHead = head
    this.heldBuffer = 0
    this.heldAt = 0
    this.heldCount = ring.readable
    for (let i = 0; i < ring.readable; i++) {
      if (i === this.heldOffsets.length) {
        this.heldOffsets.push(ring.offsets[i])
        this.heldLengths.push(ring.lengths[i])
      } else {
        this.heldOffsets[i] = ring.offsets[i]
        this.heldLengths[i] = ring.lengths[i]
      }
    }
  }
}
