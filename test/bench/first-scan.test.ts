// What a person waits for: `virtio-msg i2c detect` on a board that runs and is as slow as an RP2040, in virtual time. And
// what scans and reads cost each other: each finds its descriptors where they were, or makes them of others.

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { detect } from "../../host/src/cli/i2c-detect.js"
import { VirtualClock } from "../../host/src/clock.js"
import { type FramePort, JacdacLink } from "../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { SimulatedBoard, type Traffic } from "./simulated-board.js"

/** From the connection to the table; Node's own start is not in it. */
const MOST_MS = 600
/** The program has started, and announces itself. */
const RUNNING_MS = 3000
/** The simulated chips. */
const CHIPS = [0x48, 0x50, 0x54, 0x56, 0x76]

it("finds the chips within 0.6 s: connecting, initialising, and a first scan", async () => {
  const clock = new VirtualClock(1000)
  const machine = new VirtualMachine({ program: readFirmware("simulated"), clock, mcu: "rp2040" })
  await clock.run(machine.start())
  await clock.advance(RUNNING_MS)
  const port: FramePort = {
    name: "cable",
    isSimulated: true,
    open: async (events) => {
      machine.onFrame.on((frame) => events.onPacket(frame))
    },
    send: (frame) => machine.sendFrame(frame),
    close: async () => machine.stop(),
  }
  const startMs = clock.now()
  const bus = new OpenedBus(await clock.run(Bus.open(new JacdacLink(port, clock), { clock })))
  const connectedMs = clock.now() - startMs
  const i2c = await clock.run(bus.i2c())
  const readyMs = clock.now() - startMs
  const found = await clock.run(detect(i2c, 0x08, 0x77, "auto"))
  const tookMs = clock.now() - startMs
  await bus.close()
  expect([...found]).toEqual(CHIPS)
  console.info(`connected after ${connectedMs} ms, ready after ${readyMs}, scanned after ${tookMs}`)
  expect(tookMs).toBeLessThanOrEqual(MOST_MS)
})

describe("scans and reads in turn", () => {
  it("cost few bytes: slots are used again by what is like their last request, and by others where that is cheaper", async () => {
    const board = new SimulatedBoard()
    const i2c = await board.open()
    const scan = () => detect(i2c, 0x08, 0x77, "auto")
    const read = () => i2c.readByte(0x54, 14)
    const costs: Traffic[] = []
    for (const work of [scan, read, read, scan, read, scan, read]) {
      await board.rest()
      costs.push((await board.measure(work)).traffic)
    }
    await board.close()
    const [first, readAfter, again, second, , third, last] = costs.map(({ payloadOut }) => payloadOut)
    expect.soft(first).toBeLessThanOrEqual(1600)
    expect.soft(readAfter).toBeLessThanOrEqual(62)
    expect.soft(again).toBeLessThanOrEqual(40)
    expect.soft(second).toBeLessThanOrEqual(1600)
    expect.soft(third).toBeLessThanOrEqual(670)
    expect.soft(last).toBeLessThanOrEqual(60)
    expect(costs.map(({ packetsOut }) => packetsOut)).toEqual([8, 1, 1, 8, 1, 4, 1])
  })

  it("cost no more when reads of two lengths take turns", async () => {
    const board = new SimulatedBoard()
    const i2c = await board.open()
    for (let round = 0; round < 4; round++)
      for (const length of [1, 3]) await board.clock.run(i2c.readBlock(0x54, round, length))
    await board.rest()
    for (const length of [1, 3]) {
      const { traffic } = await board.measure(() => i2c.readBlock(0x54, 9, length))
      expect(traffic.payloadOut).toBeLessThanOrEqual(40)
    }
    await board.close()
  })
})
