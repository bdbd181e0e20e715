// One queue of a vhost-user device: a ring, its doorbells, and the chains that the device has of it.

import { counted } from "../../counted.js"
import { invalidArgument } from "../../errors.js"
import type { Libc, Watch } from "./libc.js"
import { type PoppedChain, Vring } from "./vring.js"

/** A guest's request, as a device sees it. The device has to call `complete` exactly once, at any time. */
export class GuestChain {
  /** A copy of the device-readable bytes, cut off at the device's limit. */
  readonly readable: Uint8Array
  /** How many device-readable bytes there are; more than `readable` has when that was cut off. */
  readonly readableLength: number
  /** How many bytes the device may write. */
  readonly writableLength: number

  readonly #complete: (data: Uint8Array, at: number) => void
  #isCompleted = false

  constructor(popped: PoppedChain, complete: (data: Uint8Array, at: number) => void) {
    this.readable = popped.readable
    this.readableLength = popped.readableLength
    this.writableLength = popped.writableLength
    this.#complete = complete
  }

  /**
   * Gives the chain back to the guest, with `data` written from byte `at` of the device-writable part on. The used
   * ring gets its length. What is completed in one turn makes one interrupt. Does nothing when the guest has taken the
   * queue back meanwhile. Throws INVALID_ARGUMENT the second time.
   */
  complete(data: Uint8Array, at = 0): void {
    if (this.#isCompleted) throw invalidArgument("A chain of descriptors was completed twice.")
    this.#isCompleted = true
    this.#complete(data, at)
  }
}

/** Descriptors that are looked at in one turn of the event loop: a few milliseconds. */
const MOST_WORK = 32_768

export interface DeviceQueueOptions {
  readonly libc: Libc
  readonly maxReadableLength: number
  /** Takes all the chains of one kick. */
  readonly handle: (chains: readonly GuestChain[]) => void
  /** The guest broke the ring. Nothing more comes from it until it is set up again. */
  readonly onBroken: (reason: string) => void
}

export class DeviceQueue {
  readonly ring: Vring

  readonly #options: DeviceQueueOptions
  /** Changes whenever the guest gets its memory back: completing older chains does nothing. */
  #era = 0
  #inFlight = 0
  #isEnabled = false
  #isPublishing = false
  #isDrainScheduled = false
  #kick: { readonly descriptor: number; readonly watch: Watch } | undefined
  #call: number | undefined
  #error: number | undefined
  #onIdle: (() => void) | undefined

  constructor(options: DeviceQueueOptions) {
    this.#options = options
    this.ring = new Vring(options.maxReadableLength)
  }

  /** Chains that the device has and has not completed. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Takes over an eventfd that the guest kicks. */
  setKick(descriptor: number | undefined): void {
    const { libc } = this.#options
    if (descriptor !== undefined) libc.setNonBlocking(descriptor)
    if (this.#kick) {
      this.#kick.watch.close()
      libc.close(this.#kick.descriptor)
    }
    this.#kick = descriptor === undefined ? undefined : { descriptor, watch: this.#watchKick(descriptor) }
  }

  /** Takes over an eventfd that interrupts the guest. */
  setCall(descriptor: number | undefined): void {
    if (descriptor !== undefined) this.#options.libc.setNonBlocking(descriptor)
    if (this.#call !== undefined) this.#options.libc.close(this.#call)
    this.#call = descriptor
    // completed while nobody could be told
    if (descriptor !== undefined && this.ring.isRunning) this.#options.libc.signal(descriptor)
  }

  /** Takes over an eventfd that tells the front end that the ring is broken. */
  setError(descriptor: number | undefined): void {
    if (descriptor !== undefined) this.#options.libc.setNonBlocking(descriptor)
    if (this.#error !== undefined) this.#options.libc.close(this.#error)
    this.#error = descriptor
  }

  /** A queue that is not enabled takes nothing. It completes what it took before. */
  setEnabled(isEnabled: boolean): void {
    this.#isEnabled = isEnabled
    this.drain()
  }

  /** Gives the guest its memory back. Chains that the device still has are lost. */
  stop(): void {
    this.#publish()
    this.#era++
    this.#inFlight = 0
    this.ring.stop()
    this.setKick(undefined)
    this.#becomeIdle()
  }

  /** Stops, and lets go of all descriptors. */
  close(): void {
    this.stop()
    this.setCall(undefined)
    this.setError(undefined)
    this.#isEnabled = false
  }

  /** Takes no more. Calls back once, as soon as the device has completed what it has, or at `stop`. */
  finish(callback: () => void): void {
    this.#onIdle = callback
    if (this.#inFlight === 0) this.#becomeIdle()
  }

  /** Hands the device everything that is available. */
  drain(): void {
    const { ring } = this
    if (!this.#isEnabled || !ring.isRunning || this.#onIdle) return
    const chains: GuestChain[] = []
    // at most one lap, and less if chains are very long, so that a guest cannot keep the event loop
    const end = ring.work + MOST_WORK
    while (chains.length < ring.size && ring.work < end) {
      const popped = ring.pop()
      if (!popped) break
      if (++this.#inFlight > ring.size) {
        ring.brokenReason = `more chains than a queue of ${counted(ring.size, "descriptor")} holds`
        break
      }
      chains.push(this.#adopt(popped))
    }
    if (chains.length > 0) this.#options.handle(chains)
    if (this.#reportBroken() || !ring.rearm() || this.#isDrainScheduled) return
    this.#isDrainScheduled = true
    setImmediate(() => {
      this.#isDrainScheduled = false
      this.drain()
    })
  }

  #watchKick(descriptor: number): Watch {
    return this.#options.libc.watch(descriptor, () => {
      this.#options.libc.clear(descriptor)
      this.drain()
    })
  }

  #adopt(popped: PoppedChain): GuestChain {
    const era = this.#era
    return new GuestChain(popped, (data, at) => {
      if (era !== this.#era) return
      this.#inFlight--
      this.ring.push(popped, data, at)
      if (this.#reportBroken() || this.#isPublishing) return
      this.#isPublishing = true
      queueMicrotask(() => this.#publish())
    })
  }

  #publish(): void {
    if (!this.#isPublishing) return
    this.#isPublishing = false
    if (this.ring.publish() && this.#call !== undefined) this.#options.libc.signal(this.#call)
    if (this.#inFlight === 0) this.#becomeIdle()
  }

  /** Tells everybody, once, that the ring is broken. It then takes nothing more. */
  #reportBroken(): boolean {
    const { ring } = this
    if (!ring.brokenReason) return false
    if (ring.isRunning) {
      ring.stop()
      this.#era++
      this.#inFlight = 0
      if (this.#error !== undefined) this.#options.libc.signal(this.#error)
      this.#options.onBroken(ring.brokenReason)
      this.#becomeIdle()
    }
    return true
  }

  #becomeIdle(): void {
    const callback = this.#onIdle
    this.#onIdle = undefined
    callback?.()
  }
}
