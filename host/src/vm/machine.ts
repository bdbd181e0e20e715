// A simulated board: one DeviceScript VM that runs a program, in real or in virtual time. Free of Node APIs.

import { type Clock, systemClock, type Timer } from "../clock.js"
import { Emitter } from "../emitter.js"
import { invalidArgument } from "../errors.js"
import type { LoadRuntime, Runtime } from "./runtime.js"

/** The device id of the simulated board; its services announce themselves under another, derived from it. */
const DEFAULT_DEVICE_ID = "12abdd2289421234"

export interface MachineOptions {
  /** DeviceScript bytecode. Without, the board runs the program that is in its flash, or none. */
  readonly program?: Uint8Array
  /** Flash memory that outlives the machine. Without it, every power-up finds the flash empty. */
  readonly flash?: FlashMemory
  readonly clock?: Clock | undefined
  /** 16 hexadecimal digits. */
  readonly deviceId?: string
  /** Where the VM's randomness comes from. With a seeded source, a run can be repeated. */
  readonly randomBytes: (length: number) => Uint8Array
  /** Where the VM comes from. */
  readonly loadRuntime: LoadRuntime
}

/** Flash memory: whatever the runtime wrote there. */
export interface FlashMemory {
  /** What is in it; undefined when it was never written. */
  load(): Uint8Array | undefined
  save(contents: Uint8Array): void
}

/** One board, whose power can be switched on and off. */
export class Machine {
  /** Each frame that the board sends. */
  readonly onFrame: Emitter<[frame: Uint8Array]> = new Emitter()
  /** Each line that the board logs. */
  readonly onLog = new Emitter<[line: string]>()
  /** The program ended in a panic with this code; the runtime starts it again about 5 s later. */
  readonly onPanic = new Emitter<[code: number]>()

  readonly #options: MachineOptions
  readonly #clock: Clock
  #runtime: Runtime | undefined
  #timers = new Set<Timer>()
  /** The VM is sending a frame. */
  #isSending = false
  /** Frames that came meanwhile, and those after them. */
  readonly #arrived: Uint8Array[] = []

  constructor(options: MachineOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /**
   * Starts the VM, as at power-up, and gives it the program unless its flash holds something already. A program in
   * flash starts 1.1 s later, as on a board. Throws INVALID_ARGUMENT for a bad program.
   */
  async start(): Promise<void> {
    const runtime = await this.#options.loadRuntime({
      now: () => this.#clock.now(),
      setTimeout: (callback, delayMs) => {
        const timer = this.#clock.schedule(delayMs, () => {
          this.#timers.delete(timer)
          callback()
        })
        this.#timers.add(timer)
        return timer
      },
      clearTimeout: (handle) => {
        const timer = handle as Timer
        timer.cancel()
        this.#timers.delete(timer)
      },
      randomBytes: this.#options.randomBytes,
      onError: (message) => this.onLog.emit(String(message)),
    })
    // frames of a VM that was stopped meanwhile are dropped
    runtime.sendPacket = (frame) => {
      if (this.#runtime !== runtime) return 0
      this.#isSending = true
      try {
        this.onFrame.emit(Uint8Array.from(frame))
      } finally {
        this.#isSending = false
      }
      return 0
    }
    runtime.dmesg = (line) => this.onLog.emit(line)
    runtime.panicHandler = (code) => {
      if (code !== 0) this.onPanic.emit(code)
    }
    const { program, flash } = this.#options
    const kept = flash?.load()
    runtime.flashLoad = kept ? () => kept : null
    runtime.flashSave = flash ? (contents) => flash.save(contents) : null
    runtime.devsSetDeviceId(this.#options.deviceId ?? DEFAULT_DEVICE_ID)
    runtime.devsStart()
    this.#runtime = runtime
    if (kept || !program) return
    const result = runtime.devsDeploy(program)
    if (result !== 0) {
      this.stop()
      throw invalidArgument(`The DeviceScript VM refuses the program (${result}).`, {
        hint: "It must be bytecode of DeviceScript 2.16: npm run build",
      })
    }
  }

  /** Hands the board a frame, as its serial port would. A board that is off gets nothing. */
  sendFrame(frame: Uint8Array): void {
    if (this.#isSending || this.#arrived.length > 0) this.#arrive(frame)
    else this.#runtime?.handlePacket(frame)
  }

  /**
   * The VM loses a frame that comes while it sends one. On a board it comes when the VM is done, and so it does here.
   */
  #arrive(frame: Uint8Array): void {
    this.#arrived.push(frame)
    if (this.#arrived.length > 1) return
    queueMicrotask(() => {
      for (let next = this.#arrived[0]; next; next = this.#arrived[0]) {
        this.#runtime?.handlePacket(next)
        this.#arrived.shift() // only now, so that what comes meanwhile comes after it
      }
    })
  }

  /** Collects garbage at every allocation. */
  setGcStress(isOn: boolean): void {
    this.#runtime?.devsGcStress(isOn)
  }

  /** Switches the power off. */
  stop(): void {
    this.#runtime?.sockClose() // what the VM opened outside itself would stay open
    this.#runtime?.devsStop()
    this.#runtime = undefined
    this.#arrived.length = 0
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  /** Switches the power off and on: everything that the program had in memory is gone. */
  async restart(): Promise<void> {
    this.stop()
    await this.start()
  }
}
