// The VM with the speed of a chip: what it computes takes the time that a model gives for it. Meanwhile it is busy.
// Frames wait in its receive queue, which holds as many as a board's, and what it sends and logs leaves when a chip
// would have got so far. What the program writes to a socket leaves at once.

import type { Mcu } from "./chip-model.js"
import { CountingEngine, difference, type VmCounts } from "./counted-vm.js"
import type { BareRuntime, LoadRuntime, Runtime, RuntimeScope } from "./runtime.js"

/** Loads VMs with the speed of this microcontroller, on the clock of their scope. */
export function pacedBy(mcu: Mcu): LoadRuntime {
  return async (scope) => {
    const engine = new CountingEngine()
    const pace = new Pace(scope, engine, mcu)
    return new PacedRuntime(await engine.loadRuntime(pace.scope), pace)
  }
}

/** The VM's only timer, which wakes it for whatever there is to do. */
interface Alarm {
  readonly callback: () => void
  handle: unknown
}

interface Output {
  readonly dueMs: number
  emit(): void
}

/** The VM's time. It stands still between two turns. In a turn it goes on with what is computed. */
class Pace {
  readonly scope: RuntimeScope
  readonly #world: RuntimeScope
  readonly #engine: CountingEngine
  readonly #mcu: Mcu
  #counted: VmCounts
  /** When the turn that runs began, on the world's clock; undefined between two. */
  #beganMs: number | undefined
  #busyUntilMs = Number.NEGATIVE_INFINITY
  #alarm: Alarm | undefined
  readonly #outputs: Output[] = []
  #isEmitting = false

  constructor(world: RuntimeScope, engine: CountingEngine, mcu: Mcu) {
    this.#world = world
    this.#engine = engine
    this.#mcu = mcu
    this.#counted = engine.read()
    this.scope = {
      ...world,
      now: () => this.#now(),
      setTimeout: (callback, delayMs) => this.#setAlarm(callback, delayMs),
      clearTimeout: (handle) => this.#clearAlarm(handle as Alarm),
    }
  }

  get isBusy(): boolean {
    return this.#beganMs !== undefined || this.#world.now() < this.#busyUntilMs
  }

  /** Lets the VM run. The time that this takes begins now. */
  turn(run: () => void): void {
    this.#beganMs = Math.max(this.#world.now(), this.#busyUntilMs)
    try {
      run()
    } finally {
      this.#busyUntilMs = this.#now()
      this.#counted = this.#engine.read()
      this.#beganMs = undefined
    }
  }

  /** Lets the VM run as soon as it is no longer busy. False when it was stopped. */
  wake(): boolean {
    const alarm = this.#alarm
    if (!alarm) return false
    this.#world.clearTimeout(alarm.handle)
    this.#schedule(alarm, this.#busyUntilMs)
    return true
  }

  /** Calls `emit` when a chip would have got so far, and never before what was put out earlier. */
  putOut(emit: () => void): void {
    this.#outputs.push({ dueMs: this.#now(), emit })
    if (!this.#isEmitting && this.#outputs.length === 1) this.#awaitOutput()
  }

  /** What was not put out yet is dropped. */
  stop(): void {
    this.#outputs.length = 0
  }

  #now(): number {
    if (this.#beganMs === undefined) return this.#world.now()
    return this.#beganMs + this.#mcu.computingMs(difference(this.#counted, this.#engine.read()))
  }

  #setAlarm(callback: () => void, delayMs: number): Alarm {
    const alarm: Alarm = { callback, handle: undefined }
    this.#alarm = alarm
    this.#schedule(alarm, this.#now() + delayMs)
    return alarm
  }

  #schedule(alarm: Alarm, dueMs: number): void {
    alarm.handle = this.#world.setTimeout(() => {
      this.#alarm = undefined
      this.turn(alarm.callback)
    }, dueMs - this.#world.now())
  }

  #clearAlarm(alarm: Alarm): void {
    this.#world.clearTimeout(alarm.handle)
    if (this.#alarm === alarm) this.#alarm = undefined
  }

  /** One timer for all, so that they leave in order even if the world's timers are not exact. */
  #awaitOutput(): void {
    const [first] = this.#outputs
    if (!first) return
    this.#world.setTimeout(() => {
      const nowMs = Math.max(this.#world.now(), first.dueMs)
      this.#isEmitting = true
      for (let next = this.#outputs[0]; next && next.dueMs <= nowMs; next = this.#outputs[0]) {
        this.#outputs.shift()
        next.emit()
      }
      this.#isEmitting = false
      this.#awaitOutput()
    }, first.dueMs - this.#world.now())
  }
}

class PacedRuntime implements Runtime {
  readonly #vm: BareRuntime
  readonly #pace: Pace

  constructor(vm: BareRuntime, pace: Pace) {
    this.#vm = vm
    this.#pace = pace
  }

  set sendPacket(send: Runtime["sendPacket"]) {
    this.#vm.sendPacket = (frame) => {
      this.#pace.putOut(() => send(frame))
      return 0
    }
  }
  set dmesg(log: Runtime["dmesg"]) {
    this.#vm.dmesg = (line) => this.#pace.putOut(() => log(line))
  }
  set panicHandler(handler: Runtime["panicHandler"]) {
    this.#vm.panicHandler = (code) => this.#pace.putOut(() => handler(code))
  }
  set flashLoad(load: Runtime["flashLoad"]) {
    this.#vm.flashLoad = load
  }
  set flashSave(save: Runtime["flashSave"]) {
    this.#vm.flashSave = save
  }

  handlePacket(frame: Uint8Array): void {
    if (!this.#pace.isBusy) this.#pace.turn(() => this.#vm.handlePacket(frame))
    else if (this.#pace.wake()) this.#receive(frame)
  }

  /** As an interrupt of the serial port, while the program runs: into the receive queue, if there is room. */
  #receive(frame: Uint8Array): void {
    const pointer = this.#vm._malloc(frame.length)
    this.#vm.HEAPU8.set(frame, pointer)
    this.#vm._jd_em_frame_received(pointer)
    this.#vm._free(pointer)
  }

  devsStop(): void {
    this.#vm.devsStop()
    this.#pace.stop()
  }
  devsSetDeviceId(id: string): void {
    this.#vm.devsSetDeviceId(id)
  }
  devsStart(): void {
    this.#vm.devsStart()
  }
  devsDeploy(program: Uint8Array): number {
    return this.#vm.devsDeploy(program)
  }

  sockClose(): number {
    return this.#vm.sockClose()
  }
  devsGcStress(isOn: boolean): void {
    this.#vm.devsGcStress(isOn)
  }
}
