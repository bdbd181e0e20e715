// The ladder folds what repeats and nothing else, and shows one device or one chip only when asked to.

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { loadRuntime } from "../../host/src/vm/runtime-loader.js"
import { SimulatedBench } from "../../host/web/src/bench/simulated-bench.js"
import type { Row } from "../../host/web/src/wire/row.js"
import { RungList } from "../../host/web/src/wire/rung-list.js"
import { isAbout, subjectsOf } from "../../host/web/src/wire/subject.js"
import { WireModel } from "../../host/web/src/wire/wire-model.js"
import { settled } from "./settled.js"

function remark(index: number): Row {
  return { kind: "remark", index, atMs: index, tone: "plain", text: "All is well." }
}

describe("the ladder's rungs", () => {
  let model: WireModel
  let bench: SimulatedBench
  let i2c: I2cAdapter
  /** The first row of the test itself. */
  let from: number

  const run = <T>(promise: Promise<T>) => settled(bench.pace, promise)

  const read = (address: number, register: number) => run(i2c.readByte(address, register))

  function rows(): Row[] {
    return Array.from({ length: model.endIndex - from }, (_, i) => model.row(from + i) as Row).filter(
      ({ kind }) => kind !== "signal",
    )
  }

  function fold(isFolding = true): RungList {
    const list = new RungList(isFolding, (index) => model.row(index))
    for (const row of rows()) list.push(row)
    return list
  }

  const counts = (list: RungList) => list.rungs.map(({ count }) => count)

  beforeEach(async () => {
    model = new WireModel()
    bench = new SimulatedBench(readFirmware("simulated"), loadRuntime, model)
    const bus = await run(bench.connect())
    i2c = await run(bus.i2c())
    // the first transfer describes its slot in memory; the ones behind it say nothing but what is asked
    await read(0x54, 1)
    from = model.endIndex
  })

  afterEach(() => bench.close())

  it("folds from the third time on, in both directions, whatever was read", async () => {
    for (let i = 0; i < 2; i++) await read(0x76, 0xf7)
    expect(counts(fold())).toEqual([1, 1, 1, 1])
    for (let i = 0; i < 8; i++) await read(0x76, 0xf7)
    const list = fold()
    expect(counts(list)).toEqual([10, 10])
    const [first, last] = [rows()[0], rows().at(-1)]
    expect(list.rungOf(first?.index ?? -1)).toBe(list.rungs[0])
    expect(list.rungOf(last?.index ?? -1)).toBe(list.rungs[1])
    expect(list.rungs[1]?.newest).toBe(last?.index)
    expect(counts(fold(false))).toEqual(Array(20).fill(1))
  })

  it("folds a pattern of several messages, and keeps what a person does between", async () => {
    const poll = async () => {
      await read(0x76, 0xf7)
      await read(0x48, 0)
    }
    for (let i = 0; i < 4; i++) await poll()
    await read(0x54, 14)
    for (let i = 0; i < 5; i++) await poll()
    expect(counts(fold())).toEqual([4, 4, 4, 4, 1, 1, 5, 5, 5, 5])
  })

  it("folds no remarks, and nothing in trouble", async () => {
    const list = fold()
    for (let i = 0; i < 5; i++) list.push(remark(1000 + i))
    expect(list.rungs.slice(-5).every(({ count }) => count === 1)).toBe(true)
    for (let i = 0; i < 6; i++) await read(0x48, 0)
    const lost = rows().map((row) =>
      row.kind === "message" ? { ...row, packet: { ...row.packet, fate: "dropped" as const } } : row,
    )
    const unfolded = new RungList(true, (index) => model.row(index))
    for (const row of lost) unfolded.push(row)
    expect(counts(unfolded)).toEqual(Array(lost.length).fill(1))
  })

  it("forgets rows that are not kept any more", async () => {
    for (let i = 0; i < 4; i++) await read(0x76, 0xf7)
    const list = fold()
    const [first, last] = [rows()[0]?.index ?? 0, rows().at(-1)?.index ?? 0]
    list.forgetBefore(last)
    expect(list.rungOf(first)).toBeUndefined()
    expect(list.rungOf(last)).toBe(list.rungs[1])
  })

  it("knows of each row its device and its chips", async () => {
    await read(0x54, 14)
    await run(i2c.probe(0x20).catch(() => false))
    const about = (subject: string) => rows().filter((row) => isAbout(row, subject)).length
    expect(about("")).toBe(4)
    expect(about("device 0")).toBe(4)
    expect(about("chip 0x54")).toBe(2)
    expect(about("chip 0x20")).toBe(2)
    expect(about("device 1")).toBe(0)
    expect(about("bus")).toBe(0)
    // a chip that never answered is not offered
    const offered = new Set(
      rows()
        .flatMap((row) => subjectsOf(row, { onlyAnswered: true }))
        .map(({ label }) => label),
    )
    expect(offered).toEqual(new Set(["Device 0, virtio-i2c", "Chip 0x54"]))
    expect(isAbout(remark(0), "chip 0x54")).toBe(true)
  })
})
