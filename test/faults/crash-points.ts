// Five golden scenarios, interrupted at every packet: the board starts again, the host's process is replaced, or the
// cable is pulled, in place of packet number N, for every N. Over the bytecode in the VM, in virtual time.

import { detect } from "../../host/src/cli/i2c-detect.js"
import { VirtualClock } from "../../host/src/clock.js"
import { Emitter } from "../../host/src/emitter.js"
import { VirtioMsgError } from "../../host/src/errors.js"
import { decodeFrame } from "../../host/src/link/jacdac-frame.js"
import { PACKET_COMMAND } from "../../host/src/link/jacdac-link.js"
import type { OpenedBus } from "../../host/src/open-bus.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import type { FrameBoard } from "./faulty-stream.js"
import { type BusOverStream, openOver } from "./open-over.js"

/** Rejects, with a VirtioMsgError if the bus failed, with another error if it lied. */
export type Scenario = (bus: OpenedBus) => Promise<void>

function expectSame(what: string, got: ArrayLike<number>, wanted: ArrayLike<number>): void {
  const isSame = got.length === wanted.length && Array.from(got).every((value, at) => value === wanted[at])
  if (!isSame) throw new Error(`${what}: ${Array.from(got)} instead of ${Array.from(wanted)}`)
}

const GREETING = Array.from("virtio-msg on a $4 board", (character) => character.charCodeAt(0))
const PAGE = [1, 2, 3, 4, 5, 6, 7, 8]

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "a scan of the bus": async (bus) => {
    const found = await detect(await bus.i2c(), 0x08, 0x77, "auto")
    expectSame("chips", [...found], [0x48, 0x50, 0x54, 0x56, 0x76])
  },
  "a register read": async (bus) => {
    expectSame("register", [await (await bus.i2c()).readByte(0x54, 14)], [0x66])
  },
  "a read of 256 bytes of EEPROM": async (bus) => {
    const all = await (await bus.i2c()).readBlock(0x50, 0, 256)
    expectSame("length", [all.length], [256])
    expectSame("greeting", all.subarray(0, GREETING.length), GREETING)
  },
  "a write to the EEPROM and its verification": async (bus) => {
    const i2c = await bus.i2c()
    await i2c.writeBlock(0x50, 0x40, PAGE)
    for (let tries = 0; tries < 20 && !(await i2c.probe(0x50)); tries++);
    expectSame("page", await i2c.readBlock(0x50, 0x40, PAGE.length), PAGE)
  },
  "a reset of the device and its initialisation": async (bus) => {
    const i2c = await bus.i2c()
    await i2c.device.reset()
    expectSame("register", [await i2c.readByte(0x56, 0)], ["k".charCodeAt(0)])
  },
}

export const CRASHES = [
  "the board starts again",
  "the host's process is replaced",
  "the cable is pulled",
] as const
export type Crash = (typeof CRASHES)[number]

/** A board that is replaced by a fresh one in an instant, and counts the packets that pass. */
class CrashingBoard implements FrameBoard {
  readonly onFrame = new Emitter<[frame: Uint8Array]>()
  readonly onLog = new Emitter<[line: string]>()
  /** Called in place of the delivery of the packet that `arm` named. */
  onCrash: () => void = () => {}

  readonly #clock: VirtualClock
  readonly #program: Uint8Array
  #machine: VirtualMachine | undefined
  #spare: VirtualMachine | undefined
  #left = 0
  #isLoud = new Set<VirtualMachine>()

  constructor(clock: VirtualClock, program: Uint8Array) {
    this.#clock = clock
    this.#program = program
  }

  /** Has a fresh board ready, booted, for `replace`. */
  async prepare(): Promise<void> {
    if (this.#spare) return
    const machine = new VirtualMachine({ program: this.#program, clock: this.#clock })
    machine.onFrame.on((frame) => {
      if (this.#machine === machine && this.#passes(frame)) this.onFrame.emit(frame)
    })
    machine.onPanic.on(() => this.#isLoud.add(machine))
    await machine.start()
    this.#spare = machine
  }

  get hasPanicked(): boolean {
    return this.#isLoud.size > 0
  }

  /** What was in the board's memory is gone. */
  replace(): void {
    const old = this.#machine
    this.#machine = this.#spare
    this.#spare = undefined
    // it may be in the middle of sending: it is heard no more, and stopped when that is over
    if (old) this.#clock.schedule(0, () => old.stop())
  }

  /** From now on the `count`th packet does not arrive: `onCrash` is called instead. 0: none. */
  arm(count: number): void {
    this.#left = count
  }

  get isArmed(): boolean {
    return this.#left > 0
  }

  sendFrame(frame: Uint8Array): void {
    if (this.#passes(frame)) this.#machine?.sendFrame(frame)
  }

  stop(): void {
    this.#machine?.stop()
    this.#spare?.stop()
  }

  #passes(frame: Uint8Array): boolean {
    const isPacket = decodeFrame(frame).some(
      ({ command, serviceIndex }) => command === PACKET_COMMAND && serviceIndex === 1,
    )
    if (!isPacket || this.#left === 0 || --this.#left > 0) return true
    this.onCrash()
    return false
  }
}

export interface CrashReport {
  /** How many packets the scenario was interrupted at, one after another. */
  readonly points: number
  /** What went wrong: a call without an end, a wrong error, a next call that failed. */
  readonly problems: readonly string[]
}

/** Codes that an interrupted call may end with. */
const RIGHT_CODES: readonly string[] = ["DEVICE_RESTARTED", "LINK_CLOSED", "TIMEOUT", "CONNECT_FAILED"]
const CALL_LIMIT_MS = 15_000
/** As long as a bus may take to be usable again (docs/faults.md). */
const RECOVERY_MS = 2000
const UNPLUGGED_MS = 300
const MOST_POINTS = 200

/** Interrupts `scenario` at its first packet, at its second, and so on, until it ends before that. */
export async function crashEverywhere(
  program: Uint8Array,
  scenario: Scenario,
  crash: Crash,
): Promise<CrashReport> {
  const clock = new VirtualClock(1000)
  const board = new CrashingBoard(clock, program)
  await board.prepare()
  board.replace()
  let seed = 1
  let opened = await openOver(clock, seed, board)
  await clock.run(scenario(opened.bus))
  const problems: string[] = []
  let points = 0
  for (let at = 1; at <= MOST_POINTS; at++) {
    if (crash !== "the host's process is replaced") await board.prepare()
    board.onCrash = () => strike(crash, clock, board, opened)
    board.arm(at)
    const outcome = await clock
      .run(ending(scenario(opened.bus)), CALL_LIMIT_MS)
      .catch((error) => `never ends: ${error}`)
    const isStruck = !board.isArmed
    board.arm(0)
    if (!isStruck) break
    points++
    if (outcome !== "") problems.push(`at packet ${at} the call ${outcome}`)
    if (crash === "the host's process is replaced") {
      const old = opened.bus
      opened = await openOver(clock, ++seed, board)
      await old.close()
    } else await clock.advance(RECOVERY_MS)
    const next = await clock
      .run(
        scenario(opened.bus).then(() => "", String),
        CALL_LIMIT_MS,
      )
      .catch(String)
    if (next !== "") problems.push(`after packet ${at} the next call: ${next}`)
  }
  if (board.hasPanicked) problems.push("the program panicked")
  await opened.bus.close()
  board.stop()
  if (clock.pendingCount > 0) problems.push(`${clock.pendingCount} timers are left`)
  return { points, problems }
}

function strike(crash: Crash, clock: VirtualClock, board: CrashingBoard, { stream }: BusOverStream): void {
  if (crash === "the board starts again") board.replace()
  else stream.unplug()
  if (crash !== "the cable is pulled") return
  board.replace() // it lived on the cable's power
  clock.schedule(UNPLUGGED_MS, () => stream.plugIn())
}

/** "" for a call that ended as one may that was interrupted, else how it ended. */
async function ending(call: Promise<void>): Promise<string> {
  try {
    await call
    return ""
  } catch (error) {
    if (error instanceof VirtioMsgError && RIGHT_CODES.includes(error.code)) return ""
    return `ended with ${error}`
  }
}
