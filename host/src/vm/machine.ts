// A simulated board: one DeviceScript VM that runs a program, in real or in virtual time. Free of Node APIs.

import { type Clock, systemClock, type Timer } from "../clock.js"
import { Emitter } from "../emitter.js"
import { VirtioMsgError } from "../errors.js"
import type { LoadRuntime, Runtime } from "./runtime.js"

/** The device id of the simulated board; its services announce themselves under another, derived from it. */
const DEFAULT_DEVICE_ID = "12abdd2289421234"

export interface MachineOptions {
  /** DeviceScript bytecode. Without, the board runs the program that is in its flash, or none. */
  readonly program?: Uint8Array
  /** Flash memory that outlives the machine; without, every power-up finds it empty. */
  readonly flash?: FlashMemory
  readonly clock?: Clock
  /** 16 hexadecimal digits. */
  readonly deviceId?: string
  /** Where the VM's randomness comes from; give a seeded source for a run that can be repeated. */
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
    // frames of a VM that was stopped meanwhile go nowhere
    runtime.sendPacket = (frame) => {
      if (this.#runtime === runtime) this.onFrame.emit(Uint8Array.from(frame))
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
      throw new VirtioMsgError("INVALID_ARGUMENT", `The DeviceScript VM refuses the program (${result}).`, {
        hint: "It must be bytecode of DeviceScript 2.16: npm run build",
      })
    }
  }

  /** Hands the board a frame, as its serial port would. A board that is off hears nothing. */
  sendFrame(frame: Uint8Array): void {
    this.#runtime?.handlePacket(frame)
  }

  /** Collects garbage at every allocation. */
  setGcStress(isOn: boolean): void {
    this.#runtime?.devsGcStress(isOn)
  }

  /** Takes the power away. */
  stop(): void {
    this.#runtime?.sockClose() // what the VM opened outside itself outlives it
    this.#runtime?.devsStop()
    this.#runtime = undefined
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  /** Takes the power away and gives it back: all that the program had in memory is gone. */
  async restart(): Promise<void> {
    this.stop()
    await this.start()
  }
}
