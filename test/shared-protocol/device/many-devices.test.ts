// Several devices on one endpoint: numbers, coming and going, and streams that leave room for the others.

import { describe, expect, it } from "vitest"
import { Bus } from "../../../host/src/bus/bus.js"
import { allocateBytes } from "../../../host/src/bytes.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { OpenedBus } from "../../../host/src/open-bus.js"
import * as p from "../../../shared-protocol/src/index.js"
import { ConsoleTestProgram } from "../../support/console-test-program.js"
import { GpioTestLines } from "../../support/gpio-test-lines.js"
import { MemoryLink } from "../../support/memory-link.js"

const noise: p.EntropySource = { fill: (into, offset, length) => into.fillAt(offset, length, 0x5a) }
const newRng = () => new p.RngDevice(noise, allocateBytes(0))

async function open(types: p.DeviceModel[]) {
  const clock = new VirtualClock(1000)
  const link = new MemoryLink(clock, { types })
  const board = new OpenedBus(await clock.run(Bus.open(link, { clock })))
  return { clock, link, board, endpoint: link.endpoint }
}

describe("devices that come and go", () => {
  it("B33 B34 B-S3: are announced, under numbers that nobody had before", async () => {
    const { clock, board, endpoint } = await open([newRng()])
    const events: p.DeviceEvent[] = []
    board.onDevice((event) => events.push(event))
    expect(endpoint.bus.plug(newRng())).toBe(1)
    expect(endpoint.bus.unplug(1)).toBe(true)
    expect(endpoint.bus.unplug(1)).toBe(false)
    expect(endpoint.bus.plug(newRng())).toBe(2)
    await clock.advance(100)
    expect(events).toEqual([
      { deviceNumber: 1, busState: p.DEVICE_ADDED },
      { deviceNumber: 1, busState: p.DEVICE_REMOVED },
      { deviceNumber: 2, busState: p.DEVICE_ADDED },
    ])
    expect((await clock.run(board.devices())).map(({ devNum }) => devNum)).toEqual([0, 2])
    expect(await clock.run((await clock.run(board.rng(2))).read(3))).toEqual(Uint8Array.of(0x5a, 0x5a, 0x5a))
  })

  it("take numbers again that were used, when 65536 were, but none that is in use", async () => {
    const clock = new VirtualClock(1000)
    const link = new MemoryLink(clock, { types: [newRng(), newRng()] })
    const { endpoint } = link
    endpoint.bus.unplug(0)
    for (let devNum = 2; devNum < 0x10000; devNum++) {
      endpoint.bus.plug(newRng())
      endpoint.bus.unplug(devNum)
    }
    expect([endpoint.bus.plug(newRng()), endpoint.bus.plug(newRng())]).toEqual([0, 2])
    const bus = await clock.run(Bus.open(link, { clock }))
    expect(await clock.run(bus.devices())).toEqual([0, 1, 2])
  })

  it("end the calls that they had in flight, and later ones, with DEVICE_REMOVED", async () => {
    const program = new ConsoleTestProgram()
    program.room = 0
    const { clock, board, endpoint } = await open([
      newRng(),
      new p.ConsoleDevice(program, allocateBytes, 80, 24),
    ])
    const console = await clock.run(board.console())
    const write = console.write(Uint8Array.of(1, 2, 3))
    write.catch(() => {})
    const read = console[Symbol.asyncIterator]().next()
    read.catch(() => {})
    await clock.advance(100)
    const free = board.bus.window.driverSpace.longestFree
    endpoint.bus.unplug(1)
    await expect(clock.run(write)).rejects.toMatchObject({ code: "DEVICE_REMOVED", maybeExecuted: true })
    await expect(clock.run(read)).rejects.toMatchObject({ code: "DEVICE_REMOVED" })
    await expect(clock.run(console.write(Uint8Array.of(4)))).rejects.toMatchObject({ code: "DEVICE_REMOVED" })
    await expect(clock.run(board.console())).rejects.toMatchObject({ code: "NOT_FOUND" })
    expect(board.bus.window.driverSpace.longestFree).toBeGreaterThan(free) // its place in the window is free again
    expect((await clock.run((await clock.run(board.rng())).read(5))).length).toBe(5)
  })

  it("end also what was asked of them by message, at once", async () => {
    const { clock, board, endpoint, link } = await open([newRng()])
    const [device] = await clock.run(board.devices())
    const before = clock.now()
    const asked = device?.transport.getDeviceStatus() ?? Promise.resolve(0)
    asked.catch(() => {})
    endpoint.bus.unplug(0)
    void link
    await expect(clock.run(asked)).rejects.toMatchObject({ code: "DEVICE_REMOVED" })
    expect(clock.now() - before).toBeLessThan(100)
  })

  it("are found anew when nobody was connected to hear of them", async () => {
    const clock = new VirtualClock(1000)
    const link = new MemoryLink(clock, { types: [] })
    link.endpoint.bus.plug(newRng())
    const board = new OpenedBus(await clock.run(Bus.open(link, { clock })))
    expect((await clock.run(board.devices())).map(({ info }) => info?.deviceId)).toEqual([p.VIRTIO_ID_RNG])
  })
})

describe("a device that gives up", () => {
  it("V-S1: says so by itself, fails the call in flight, and is initialised again by the next", async () => {
    const lines = new GpioTestLines()
    const gpio = new p.GpioDevice(lines, allocateBytes)
    let host: p.DeviceHost | undefined
    const attach = gpio.attach.bind(gpio)
    gpio.attach = (given) => {
      host = given
      attach(given)
    }
    const { clock, board } = await open([gpio])
    const chip = await clock.run(board.gpio())
    const watch = await clock.run(chip.watch(["in"]))
    const next = watch[Symbol.asyncIterator]().next()
    next.catch(() => {})
    host?.needsReset()
    await expect(clock.run(next)).rejects.toMatchObject({ code: "DEVICE_FAILED" })
    expect(await clock.run(chip.getValue("in"))).toBe(0)
    const again = await clock.run(chip.watch(["in"]))
    const edge = again[Symbol.asyncIterator]().next()
    lines.sensed[1] = 1
    gpio.sample()
    expect(await clock.run(edge)).toMatchObject({ value: { name: "in", edge: "rising" } })
  })
})

describe("streams", () => {
  it("move one piece a packet, by turns, and never more", async () => {
    const program = new ConsoleTestProgram()
    const device = new p.ConsoleDevice(program, allocateBytes, 80, 24)
    const { clock, board, endpoint } = await open([newRng(), device])
    const rng = await clock.run(board.rng())
    const console = await clock.run(board.console())
    const sizes: number[] = []
    const next = endpoint.nextPacket.bind(endpoint)
    endpoint.nextPacket = () => {
      const packet = next()
      if (packet) sizes.push(packet.length)
      return packet
    }
    program.say(1000)
    device.wakeOutput()
    const received: number[] = []
    const reading = async () => {
      for await (const bytes of console) {
        received.push(...bytes)
        if (received.length === 1000) break
      }
    }
    const [random] = await clock.run(Promise.all([rng.read(1000), reading()]))
    expect(random.length).toBe(1000)
    expect(received).toEqual(Array.from({ length: 1000 }, (_, at) => at & 0xff))
    expect(Math.max(...sizes)).toBeLessThan(p.PACED_BYTES + 60)
  })
})
