// How much of the chip's memory the firmware takes.

import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { compileProgram } from "./compile-program.js"
import { SimulatedBoard } from "./simulated-board.js"

export interface Size {
  readonly title: string
  readonly bytes: number
}

/** The bytecode of each build; boards have room for 128 kB. */
export function measureSizes(): Size[] {
  return (["simulated", "hardware"] as const).map((build) => ({
    title: `bytecode, ${build} build`,
    bytes: readFirmware(build).length,
  }))
}

/** Transfers at once. */
const FULL_QUEUE = 64
/** Virtual time enough for main-heap to begin, and to take what is left. */
const EXHAUSTED_MS = 30_000

/**
 * What is left of the 64 kB heap beside the firmware while its I2C queue is full, on a board as slow as an RP2040: what
 * comes waits while it computes, and takes of the heap. Taken in pieces until there is none.
 */
export async function measureHeap(): Promise<Size> {
  const board = new SimulatedBoard(compileProgram("main-heap"), "rp2040")
  let bytes = 0
  board.machine.onLog.on((line) => {
    bytes = Math.max(bytes, Number(/heap (\d+)/.exec(line)?.[1] ?? 0))
  })
  let hasPanicked = false
  board.machine.onPanic.on(() => {
    hasPanicked = true
  })
  const i2c = await board.open()
  for (let caller = 0; caller < FULL_QUEUE; caller++) {
    const load = async () => {
      while (!hasPanicked) await i2c.readBlock(0x50, caller, caller === 1 ? 256 : 1 + (caller % 40))
    }
    load().catch(() => {}) // it ends with the program
  }
  for (let ms = 0; ms < EXHAUSTED_MS && !hasPanicked; ms += 100) await board.clock.advance(100)
  await board.close()
  return { title: "heap left of 64 kB beside the simulated build, with a full I2C queue", bytes }
}
