// What a single call waits for: at rest, with the throttle's burst used up, and beside another caller.

import { chipMs } from "../../host/src/vm/chip-model.js"
import { difference } from "../../host/src/vm/counted-vm.js"
import { RegisterReader, THROTTLE_BURST } from "./ours.js"
import { type BoardKind, programOf, SimulatedBoard } from "./simulated-board.js"

/** A slot of the throttle: one packet, 50 of them a second. */
export const SLOT_MS = 20
const WARM_READS = 130
const CALLS = 200
/** Offsets within a slot at which a second caller comes, in milliseconds. */
const OFFSETS_MS = [1, 5, 9, 10, 11, 15, 19]

export interface Latency {
  readonly title: string
  /** The longest of all calls: virtual milliseconds, the chip's own time not included. */
  readonly worstMs: number
}

/** The longest waits, by situation. */
export async function measureLatency(): Promise<Latency[]> {
  return [
    { title: "a call within the burst of five", worstMs: await withinBurst() },
    { title: "a call beyond the burst, one after another", worstMs: await beyondBurst() },
    { title: "a call beyond the burst, beside another caller", worstMs: await besideAnother() },
    { title: "a call after a rest of any length", worstMs: await afterRests() },
  ]
}

/** What the chip adds to a call that waits for no slot, in milliseconds by the model: from packet to packet. */
export interface ChipPart {
  readonly board: BoardKind
  readonly meanMs: number
  /** With a garbage collection in it, if there was one. */
  readonly worstMs: number
}

/** Of so many calls, each after a rest; enough for several garbage collections. */
const RESTED_CALLS = 40

export async function measureChipPart(kind: BoardKind): Promise<ChipPart> {
  const board = new SimulatedBoard(programOf(kind))
  const reader = await warmReader(board)
  let answered = board.engine.read()
  board.machine.onFrame.on(() => {
    answered = board.engine.read()
  })
  let sumMs = 0
  let worstMs = 0
  for (let at = 0; at < RESTED_CALLS; at++) {
    await board.rest()
    const before = board.engine.read()
    await board.clock.run(reader.read(2))
    const ms = chipMs(difference(before, answered))
    sumMs += ms
    worstMs = Math.max(worstMs, ms)
  }
  await board.close()
  return { board: kind, meanMs: sumMs / RESTED_CALLS, worstMs }
}

async function warmReader(board: SimulatedBoard): Promise<RegisterReader> {
  const reader = new RegisterReader(await board.open())
  for (let at = 0; at < WARM_READS; at++) await board.clock.run(reader.read(2))
  await board.rest()
  return reader
}

async function timed(board: SimulatedBoard, reader: RegisterReader): Promise<number> {
  const startMs = board.clock.now()
  await reader.read(2)
  return board.clock.now() - startMs
}

async function withinBurst(): Promise<number> {
  const board = new SimulatedBoard()
  const reader = await warmReader(board)
  let worstMs = 0
  for (let at = 0; at < THROTTLE_BURST; at++)
    worstMs = Math.max(worstMs, await board.clock.run(timed(board, reader)))
  await board.close()
  return worstMs
}

async function beyondBurst(): Promise<number> {
  const board = new SimulatedBoard()
  const reader = await warmReader(board)
  let worstMs = 0
  for (let at = 0; at < CALLS; at++) worstMs = Math.max(worstMs, await board.clock.run(timed(board, reader)))
  await board.close()
  return worstMs
}

/** One caller keeps the throttle busy; another comes at any moment of its slot. */
async function besideAnother(): Promise<number> {
  const board = new SimulatedBoard()
  const reader = await warmReader(board)
  let isOver = false
  const busy = async () => {
    while (!isOver) await reader.read(2)
  }
  const background = busy()
  await board.clock.advance(500)
  let worstMs = 0
  for (let at = 0; at < CALLS; at++) {
    await board.clock.advance(2 * SLOT_MS + (OFFSETS_MS[at % OFFSETS_MS.length] as number))
    worstMs = Math.max(worstMs, await board.clock.run(timed(board, reader)))
  }
  isOver = true
  await board.clock.run(background)
  await board.close()
  return worstMs
}

/** Announcements and late acknowledgements of the device must not stand in a call's way. */
async function afterRests(): Promise<number> {
  const board = new SimulatedBoard()
  const reader = await warmReader(board)
  let worstMs = 0
  for (let restMs = 100; restMs < 6000; restMs += 97) {
    await board.clock.advance(restMs)
    worstMs = Math.max(worstMs, await board.clock.run(timed(board, reader)))
  }
  await board.close()
  return worstMs
}
