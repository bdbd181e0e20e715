// What the page's model makes of the packets of a whole system: our driver, a cable, the firmware in the real VM.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { HostBytes } from "../../host/src/bytes.js"
import type { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { loadRuntime } from "../../host/src/vm/runtime-loader.js"
import { SimulatedBench } from "../../host/web/src/bench/simulated-bench.js"
import { queueIndexes, queueRegions } from "../../host/web/src/wire/regions.js"
import type { MessageRow, Row } from "../../host/web/src/wire/row.js"
import { WireModel } from "../../host/web/src/wire/wire-model.js"
import { settled } from "./settled.js"

describe("the wire model", () => {
  let model: WireModel
  let bench: SimulatedBench
  let i2c: I2cAdapter

  const run = <T>(promise: Promise<T>) => settled(bench.pace, promise)

  function rows(): Row[] {
    return Array.from({ length: model.endIndex - model.firstIndex }, (_, i) => model.row(i) as Row)
  }

  function messages(): MessageRow[] {
    return rows().filter((row) => row.kind === "message")
  }

  beforeEach(async () => {
    model = new WireModel()
    bench = new SimulatedBench(readFirmware("simulated"), loadRuntime, model)
    const bus = await run(bench.connect())
    i2c = await run(bus.i2c())
  })

  afterEach(async () => {
    vi.restoreAllMocks()
    await bench.close()
  })

  it("pairs every response with its request", () => {
    for (const row of messages().filter(({ message }) => message.kind === "response")) {
      const asked = model.row(row.answers?.index ?? -1)
      expect(asked?.kind === "message" && asked.message.name).toBe(row.message.name)
      expect(row.answers?.tookMs).toBeGreaterThan(0)
    }
    expect(
      messages()
        .map(({ message }) => `${message.kind} ${message.name}`)
        .slice(0, 4),
    ).toEqual(["request HELLO", "response HELLO", "request GET_DEVICES", "response GET_DEVICES"])
  })

  it("mirrors both areas of the window and knows the queue in it", async () => {
    await run(i2c.transfer(0x54, [{ write: [14] }, { read: 1 }]))
    const { outgoing, incoming } = i2c.device.bus.window
    expect(model.areas.driver).toEqual(Uint8Array.from(outgoing.bytes as HostBytes))
    expect(model.areas.device).toEqual(Uint8Array.from(incoming))
    const [queue] = model.queues
    if (!queue) throw new Error("no queue")
    expect(queueIndexes(queue, model.areas)).toEqual({ avail: 2, used: 2 })
    const kinds = new Set(queueRegions(queue, model.areas).map((region) => region.kind))
    expect(kinds).toEqual(new Set(["descriptors", "available", "used", "request", "answer"]))
    expect(messages().at(-1)).toMatchObject({
      message: { name: "EVENT_USED" },
      answers: { tookMs: expect.any(Number) },
    })
  })

  it("shows what got lost and came again, and takes everything once", async () => {
    let drawn = 0 // chance, spread so evenly that a tenth is a tenth of every few packets
    vi.spyOn(Math, "random").mockImplementation(() => {
      drawn += 0.6180339887
      return drawn % 1
    })
    bench.cable.setFaults({ loss: 0.1, damage: 0.1 })
    for (let i = 0; i < 40; i++) await run(i2c.writeByte(0x54, i % 20, i))
    bench.cable.setFaults({ loss: 0, damage: 0 })
    await run(i2c.readBlock(0x54, 0, 8))
    const { out, in: back } = model.counters
    // a fifth of some hundred packets; how many exactly is chance, since the epoch and the board's id are
    expect(out.lost + back.lost).toBeGreaterThan(2)
    expect(out.again + back.again).toBeGreaterThan(2)
    const { outgoing, incoming } = i2c.device.bus.window
    expect(model.areas.driver).toEqual(Uint8Array.from(outgoing.bytes as HostBytes))
    expect(model.areas.device).toEqual(Uint8Array.from(incoming))
  })

  it("begins anew with a new epoch", async () => {
    const before = model.epoch
    await run(bench.resetBoard())
    await expect(run(i2c.readByte(0x54, 14))).rejects.toMatchObject({ code: "DEVICE_RESTARTED" })
    expect(await run(i2c.readByte(0x54, 14))).toBe(0x66)
    expect(model.epoch).not.toBe(before)
    expect(rows().filter((row) => row.kind === "remark")).toMatchObject([
      { text: expect.stringMatching(/^Epoch 0x/) },
      { tone: "bad", text: expect.stringContaining("reset") },
      { tone: "bad", text: expect.stringContaining("started again") },
      { text: expect.stringMatching(/^Epoch 0x/) },
    ])
    expect(model.queues).toHaveLength(1)
  })
})
