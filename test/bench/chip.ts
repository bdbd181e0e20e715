// What the firmware costs the chip, counted while the real bytecode serves register reads.

import { detect } from "../../host/src/cli/i2c-detect.js"
import { chipMs } from "../../host/src/vm/chip-model.js"
import { difference, type VmCounts } from "../../host/src/vm/counted-vm.js"
import { RegisterReader } from "./ours.js"
import { BOARD_DEVICES, type BoardKind, programOf, SimulatedBoard, type Traffic } from "./simulated-board.js"

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

/** A scan of 112 addresses: the first one after initialisation, and the third. */
export interface ScanCost {
  readonly board: BoardKind
  readonly title: string
  readonly isFirst: boolean
  readonly traffic: Traffic
  readonly counts: VmCounts
  /** By the model; the I2C bus's own time comes on top. */
  readonly ms: number
}

/** What scans cost the link and the chip, on each kind of board. */
export async function measureScans(): Promise<ScanCost[]> {
  const costs: ScanCost[] = []
  for (const kind of Object.keys(BOARD_DEVICES) as BoardKind[]) {
    const board = new SimulatedBoard(programOf(kind))
    const i2c = await board.open()
    for (const round of [1, 2, 3]) {
      await board.rest()
      const before = board.engine.read()
      const { traffic } = await board.measure(() => detect(i2c, 0x08, 0x77, "auto"))
      const counts = difference(before, board.engine.read())
      const isFirst = round === 1
      const title = `${kind}, ${isFirst ? "first" : "again"}`
      if (round !== 2) costs.push({ board: kind, title, isFirst, traffic, counts, ms: chipMs(counts) })
    }
    await board.close()
  }
  return costs
}

async function registerReads(kind: BoardKind, batch: number): Promise<ChipCost> {
  const board = new SimulatedBoard(programOf(kind))
  const reader = new RegisterReader(await board.open())
  for (let at = 0; at < WARM_READS; at++) await board.clock.run(reader.readMany(batch, 2))
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
