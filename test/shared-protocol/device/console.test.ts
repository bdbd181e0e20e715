// The virtio-console device (virtio 1.4 5.3): streams of which no byte is lost, doubled or moved.

import { beforeEach, describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import { VirtualClock } from "../../../host/src/clock.js"
import * as p from "../../../shared-protocol/src/index.js"
import { ConsoleTestProgram } from "../../support/console-test-program.js"
import { RawDevice } from "../../support/raw-queue.js"

let clock: VirtualClock
let program: ConsoleTestProgram
let device: p.ConsoleDevice
let raw: RawDevice

beforeEach(async () => {
  clock = new VirtualClock(1000)
  program = new ConsoleTestProgram()
  device = new p.ConsoleDevice(program, allocateBytes, 80, 24)
  raw = await RawDevice.open(clock, device, {
    wanted: [p.CONSOLE_FEATURE_SIZE],
    required: [p.CONSOLE_FEATURE_SIZE],
    queueSizes: [8, 8],
  })
})

const RECEIVE = p.CONSOLE_RECEIVE_QUEUE
const TRANSMIT = p.CONSOLE_TRANSMIT_QUEUE

describe("a console's output", () => {
  it("waits until there are buffers, and fills them in order", async () => {
    program.say(10)
    device.wakeOutput()
    await clock.advance(100)
    raw.offer(RECEIVE, 4)
    raw.offer(RECEIVE, 4)
    raw.offer(RECEIVE, 4)
    raw.offer(RECEIVE, 4)
    const used = await raw.kick(RECEIVE)
    expect(used.map(({ bytes }) => bytes)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ])
    program.say(1, 77)
    device.wakeOutput()
    await clock.advance(100)
    expect(raw.takeUsed(RECEIVE).map(({ bytes }) => bytes)).toEqual([[77]])
  })

  it("goes into the parts of a chain, one after another, and no more than the paced bytes into one", async () => {
    program.say(300)
    raw.offer(RECEIVE, 3, 3, 200)
    const [used] = await raw.kick(RECEIVE)
    expect(used?.bytes).toEqual(Array.from({ length: p.PACED_BYTES }, (_, at) => at))
    expect(program.output.length).toBe(300 - p.PACED_BYTES)
  })

  it("stops the device when a buffer is for reading", async () => {
    program.say(1)
    raw.offer(RECEIVE, [0, 0])
    await raw.kick(RECEIVE)
    expect(raw.failure).toMatch(/DEVICE_NEEDS_RESET/)
  })
})

describe("a console's input", () => {
  it("is taken in order, across the parts of chains", async () => {
    raw.offer(TRANSMIT, [1, 2], [3])
    raw.offer(TRANSMIT, [4])
    expect(await raw.kick(TRANSMIT)).toEqual([
      { head: 0, bytes: [] },
      { head: 2, bytes: [] },
    ])
    expect(program.taken).toEqual([1, 2, 3, 4])
  })

  it("stays with the driver while the program has no room, and goes on where it stopped", async () => {
    program.room = 3
    raw.offer(TRANSMIT, [1, 2], [3, 4, 5])
    raw.offer(TRANSMIT, [6])
    expect(await raw.kick(TRANSMIT)).toEqual([])
    program.room = 1
    device.wakeInput()
    await clock.advance(100)
    expect(raw.takeUsed(TRANSMIT)).toEqual([])
    program.room = 9
    device.wakeInput()
    await clock.advance(100)
    expect(raw.takeUsed(TRANSMIT).map(({ head }) => head)).toEqual([0, 2])
    expect(program.taken).toEqual([1, 2, 3, 4, 5, 6])
  })

  it("that was held when the device was reset is forgotten", async () => {
    program.room = 1
    raw.offer(TRANSMIT, [1, 2])
    await raw.kick(TRANSMIT)
    await clock.run(raw.device.reset())
    await clock.run(raw.device.initialise({ wanted: [1], required: [], queueSizes: [8, 8] }))
    program.room = 9
    device.wakeInput()
    await clock.advance(100)
    expect(program.taken).toEqual([1])
    expect(program.resetCount).toBeGreaterThan(0)
  })
})

it("V7 V10: a console's size is in its configuration, and a change is told with a new generation", async () => {
  let told = 0
  raw.device.onConfigChange.on(() => told++)
  expect([...(await clock.run(raw.device.readConfig(0, 4)))]).toEqual([80, 0, 24, 0])
  device.resize(300, 40)
  await clock.advance(100)
  expect(told).toBe(1)
  expect([...(await clock.run(raw.device.readConfig(0, 12)))]).toEqual([44, 1, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  expect(raw.link.endpoint.bus.devices[0]?.generation).toBe(1)
})
