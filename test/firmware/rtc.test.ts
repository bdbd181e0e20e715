// The virtio-rtc device of the compiled firmware, through the library: it is plugged in, read, and told the time of day.

import { afterEach, describe, expect, it } from "vitest"
import { type OpenedBus, openBus } from "../../host/src/open-bus.js"

const MS = 1_000_000n
let bus: OpenedBus | undefined

afterEach(() => bus?.close())

/** The simulated board, with a clock as its fifth device. */
async function boardWithClock(): Promise<OpenedBus> {
  bus = await openBus({ port: "sim" })
  const shell = await bus.shell()
  expect(await shell.run("plug rtc")).toContain("device 4 (rtc) plugged in")
  return bus
}

describe("the clock of the simulated board", () => {
  it("is not there until it is plugged in", async () => {
    bus = await openBus({ port: "sim" })
    await expect(bus.rtc()).rejects.toMatchObject({
      code: "NOT_FOUND",
      hint: expect.stringContaining("rtc --plug"),
    })
  })

  it("counts from the chip's start, and never goes back", async () => {
    const rtc = await (await boardWithClock()).rtc()
    expect(await rtc.clocks()).toEqual([{ id: 0, type: "monotonic" }])
    const first = await rtc.read(0)
    const second = await rtc.read(0)
    expect(first).toBeGreaterThan(0n)
    expect(first % MS).toBe(0n)
    expect(second).toBeGreaterThanOrEqual(first)
  })

  it("has UTC once it was told, to the millisecond, for days that a number cannot hold in nanoseconds", async () => {
    const board = await boardWithClock()
    const rtc = await board.rtc()
    expect(await (await board.shell()).run("utc 20785 86399000")).toContain("clock set")
    expect(await rtc.clocks()).toEqual([
      { id: 0, type: "monotonic" },
      { id: 1, type: "UTC" },
    ])
    const told = (20785n * 86_400_000n + 86_399_000n) * MS
    const before = await rtc.read(0)
    const utc = await rtc.read(1)
    const after = await rtc.read(0)
    expect(utc - told).toBeLessThanOrEqual(after)
    expect(utc - told).toBeGreaterThanOrEqual(0n)
    // both clocks tick alike: the second reading lies between the readings of the first
    const again = await rtc.read(1)
    expect(again - utc).toBeGreaterThanOrEqual(0n)
    expect(after).toBeGreaterThanOrEqual(before)
  })

  it("refuses a clock that is not there, a wrong time, and goes on", async () => {
    const board = await boardWithClock()
    const rtc = await board.rtc()
    await expect(rtc.read(1)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" })
    await expect(rtc.read(0x10000)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" })
    for (const time of ["1 86400000", "213503 0", "1"])
      expect(await (await board.shell()).run(`utc ${time}`)).toContain("utc DAYS MS")
    expect(await (await board.shell()).run("utc 213502 86399999")).toContain("clock set")
    expect(await rtc.read(1)).toBeGreaterThanOrEqual((213502n * 86_400_000n + 86_399_999n) * MS)
    expect(await rtc.read(0)).toBeGreaterThan(0n)
  })
})
