// What the firmware costs the chip, counted while the real bytecode serves register reads.

import { chipMs } from "../../host/src/vm/chip-model.js"
import { difference, type VmCounts } from "../../host/src/vm/counted-vm.js"
import { RegisterReader } from "./ours.js"
import { BOARD_DEVICES, type BoardKind, programOf, SimulatedBoard } from "./simulated-board.js"

const WARM_READS = 130

export interface ChipCost {
  readonly board: BoardKind
  readonly title: string
  /** How many reads each kick has. */
  readonly batch: number
  /** Of each register read: two chains. */
  readonly perRead: VmCounts
  /** By the model; the I2C bus's own time comes on top. */
  readonly ms: number
}

/** What one read costs the chip: one at a time, and in batches, on each kind of board. */
export async function measureChip(): Promise<ChipCost[]> {
  const costs: ChipCost[] = []
  for (const kind of Object.keys(BOARD_DEVICES) as BoardKind[])
    for (const batch of [1, 8, 32]) costs.push(await registerReads(kind, batch))
  return costs
}

async function registerReads(kind: BoardKind, batch: number): Promise<ChipCost> {
  const board = new SimulatedBoard(programOf(kind))
  const reader = new RegisterReader(await board.open())
  for (let at = 0; at < WARM_READS; at++) await board.clock.run(reader.read(2))
  await board.rest()
  const before = board.engine.read()
  // as many as fill the heap several times over: how much the allocator fills depends on how full it is
  const rounds = Math.ceil(320 / batch)
  for (let round = 0; round < rounds; round++) await board.clock.run(reader.readMany(batch, 2))
  const counts = difference(before, board.engine.read())
  await board.close()
  const perRead = Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [name, count / (rounds * batch)]),
  ) as unknown as VmCounts
  const title = `${kind}, ${batch === 1 ? "one" : batch} at a time`
  return { board: kind, title, batch, perRead, ms: chipMs(perRead) }
}
