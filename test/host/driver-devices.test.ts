// The drivers for GPIO, entropy and console, against the device types themselves, in virtual time.

import { describe, expect, it } from "vitest"
import { AsyncQueue } from "../../host/src/async-queue.js"
import { Bus } from "../../host/src/bus/bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import type { Driver } from "../../host/src/driver/driver.js"
import type { GpioEdge } from "../../host/src/driver/gpio-watch.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import * as p from "../../shared-protocol/src/index.js"
import { ConsoleTestProgram } from "../support/console-test-program.js"
import { GpioTestLines } from "../support/gpio-test-lines.js"
import { MemoryLink } from "../support/memory-link.js"

async function open(...types: p.DeviceModel[]) {
  const clock = new VirtualClock(1000)
  const link = new MemoryLink(clock, { types })
  const board = new OpenedBus(await clock.run(Bus.open(link, { clock })))
  return { clock, link, board }
}

async function openGpio() {
  const lines = new GpioTestLines()
  const device = new p.GpioDevice(lines, allocateBytes)
  const opened = await open(device)
  const chip = await opened.clock.run(opened.board.gpio())
  return { ...opened, lines, device, chip }
}

describe("a GPIO chip", () => {
  it("finds lines by name and by offset, and says which there are", async () => {
    const { clock, chip } = await openGpio()
    expect(chip.names).toEqual(["out", "in", "sense", undefined])
    expect([chip.offsetOf("in"), chip.offsetOf("3"), chip.offsetOf(2)]).toEqual([1, 3, 2])
    for (const wrong of ["", "IN", "4", "-1", "1.5", 4])
      expect(() => chip.offsetOf(wrong)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }))
    await clock.run(chip.output("out", 1))
    expect((await clock.run(chip.info())).map(({ direction }) => direction)).toEqual([
      "output",
      "none",
      "none",
      "none",
    ])
    expect(await clock.run(chip.input("in"))).toBe(1)
  })

  it("says what a line cannot do", async () => {
    const { clock, chip } = await openGpio()
    await expect(clock.run(chip.output("sense", 1))).rejects.toMatchObject({
      code: "DEVICE_FAILED",
      message: "GPIO line sense cannot do that (message 5, value 1).",
    })
  })

  it("tells the edges of its lines in order, until the watch is closed", async () => {
    const { clock, chip, lines, device } = await openGpio()
    const watch = await clock.run(chip.watch(["in", "sense"]))
    const seen: string[] = []
    const reading = (async () => {
      for await (const { name, edge } of watch) seen.push(`${name} ${edge}`)
    })()
    for (const [line, level] of [
      [1, 1],
      [2, 1],
      [1, 0],
      [1, 1],
      [2, 0],
    ] as const) {
      lines.sensed[line] = level
      device.sample()
      await clock.advance(50)
    }
    await clock.run(watch.close())
    await clock.run(reading)
    expect(seen).toEqual(["in rising", "sense rising", "in falling", "in rising", "sense falling"])
    expect(device.isWatching()).toBe(false)
    expect(lines.directions).toEqual([0, 0, 0, 0])
  })

  it("says of requests that had not left when the device was lost that they were not carried out", async () => {
    const { clock, chip, link } = await openGpio()
    const reads = Array.from({ length: p.GPIO_REQUEST_QUEUE_SIZE }, () => chip.getValue("in"))
    const ends = Promise.allSettled(reads)
    for (let turn = 0; turn < 10; turn++) await Promise.resolve() // offered, and no answer yet
    link.restart()
    const told = (await clock.run(ends)).map((end) => (end as PromiseRejectedResult).reason.maybeExecuted)
    const sent = p.GPIO_REQUEST_QUEUE_SIZE / 2
    expect(told).toEqual(reads.map((_, at) => at < sent))
  })

  it("tells only the edges that were asked for, and keeps those that nobody has read", async () => {
    const { clock, chip, lines, device } = await openGpio()
    const watch = await clock.run(chip.watch(["in"], { edges: "falling" }))
    for (const level of [1, 0, 1, 0]) {
      lines.sensed[1] = level
      device.sample()
      await clock.advance(50)
    }
    await clock.run(watch.close())
    const seen: GpioEdge[] = []
    for await (const edge of watch) seen.push(edge)
    expect(seen.map(({ edge }) => edge)).toEqual(["falling", "falling"])
    expect((seen[1]?.timestampMs ?? 0) - (seen[0]?.timestampMs ?? 0)).toBe(100)
  })

  it("takes no second watch of a line, and leaves the first one alone", async () => {
    const { clock, chip, lines, device } = await openGpio()
    const watch = await clock.run(chip.watch(["in"]))
    await expect(clock.run(chip.watch(["sense", "in"]))).rejects.toMatchObject({ code: "DEVICE_FAILED" })
    expect(lines.directions).toEqual([0, 2, 0, 0])
    const next = watch[Symbol.asyncIterator]().next()
    lines.sensed[1] = 1
    device.sample()
    expect(await clock.run(next)).toMatchObject({ value: { name: "in", edge: "rising" } })
  })

  it("ends a watch with DEVICE_RESTARTED when the device starts again, and works afterwards", async () => {
    const { clock, chip, link } = await openGpio()
    const watch = await clock.run(chip.watch(["in"]))
    const next = watch[Symbol.asyncIterator]().next()
    next.catch(() => {})
    link.restart()
    await expect(clock.run(next)).rejects.toMatchObject({ code: "DEVICE_RESTARTED", maybeExecuted: true })
    expect(await clock.run(chip.getValue("in"))).toBe(0)
  })
})

describe("a driver that was closed", () => {
  it("rejects calls that come later, and leaves none waiting for ever", async () => {
    const { clock, board, chip } = await openGpio()
    await clock.run(board.close())
    await expect(clock.run(chip.getValue("in"))).rejects.toMatchObject({ code: "LINK_CLOSED" })
    await expect(clock.run(chip.watch(["in"]))).rejects.toMatchObject({ code: "LINK_CLOSED" })
  })
})

describe("random bytes", () => {
  /** Counts. */
  const source = (): p.EntropySource => {
    let next = 0
    return {
      fill(into, offset, length) {
        for (let at = 0; at < length; at++) into[offset + at] = next++ & 0xff
      },
    }
  }

  it.each([0, 1, 127, 128, 129, 5000])("come, %i of them, each once and in order", async (length) => {
    const { clock, board } = await open(new p.RngDevice(source(), allocateBytes(0)))
    const rng = await clock.run(board.rng())
    expect(await clock.run(rng.read(length))).toEqual(Uint8Array.from({ length }, (_, at) => at & 0xff))
  })

  it("are not less than none", async () => {
    const { clock, board } = await open(new p.RngDevice(source(), allocateBytes(0)))
    const rng = await clock.run(board.rng())
    for (const wrong of [-1, 1.5, Number.NaN])
      await expect(clock.run(rng.read(wrong))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" })
  })
})

describe("a console", () => {
  async function openConsole() {
    const program = new ConsoleTestProgram()
    const device = new p.ConsoleDevice(program, allocateBytes, 80, 24)
    const opened = await open(device)
    return { ...opened, program, device, console: await opened.clock.run(opened.board.console()) }
  }

  it("loses no byte when its reader is slow, and lets the device wait", async () => {
    const { clock, program, device, console } = await openConsole()
    program.say(10_000)
    device.wakeOutput()
    await clock.advance(5000)
    expect(program.output.length).toBe(10_000 - 4 * p.PACED_BYTES) // four buffers, and no more
    const received: number[] = []
    const reading = (async () => {
      for await (const bytes of console) {
        received.push(...bytes)
        if (received.length >= 10_000) return
        await new Promise<void>((resolve) => clock.schedule(30, resolve))
      }
    })()
    await clock.run(reading)
    expect(received).toEqual(Array.from({ length: 10_000 }, (_, at) => at & 0xff))
  })

  it("holds what the device has no room for, and says when it was taken", async () => {
    const { clock, program, device, console } = await openConsole()
    program.room = 100
    let isDone = false
    const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at & 0xff)
    const written = console.write(bytes).then(() => {
      isDone = true
    })
    await clock.advance(60_000)
    expect([isDone, program.taken.length]).toEqual([false, 100])
    program.room = Number.POSITIVE_INFINITY
    device.wakeInput()
    await clock.run(written)
    expect(program.taken).toEqual([...bytes])
  })

  it("tells its size, and when that changes", async () => {
    const { clock, device, console } = await openConsole()
    expect(await clock.run(console.size())).toEqual({ cols: 80, rows: 24 })
    const sizes: unknown[] = []
    console.onResize.on((size) => sizes.push(size))
    device.resize(132, 43)
    await clock.advance(100)
    expect(sizes).toEqual([{ cols: 132, rows: 43 }])
  })

  it("asks for its size once more, however often the device says that it changed", async () => {
    const { clock, device, console, board } = await openConsole()
    await clock.run(console.size())
    let asked = 0
    board.bus.trace.onMessage.on((direction, frame) => {
      if (direction === "out" && frame[1] === p.GET_CONFIG) asked++
    })
    for (let at = 0; at < 10_000; at++) console.device.onConfigChange.emit()
    device.resize(132, 43)
    await clock.advance(100)
    expect(asked).toBeLessThan(5)
  })

  it("goes on after a restart of the device, with a new reader", async () => {
    const { clock, program, console, link } = await openConsole()
    const first = console[Symbol.asyncIterator]().next()
    first.catch(() => {})
    await clock.advance(100)
    link.restart()
    await expect(clock.run(first)).rejects.toMatchObject({ code: "DEVICE_RESTARTED", maybeExecuted: true })
    program.say(3)
    const next = console[Symbol.asyncIterator]().next()
    expect(await clock.run(next)).toMatchObject({ value: Uint8Array.of(0, 1, 2) })
  })

  it("says of each call that a restart ends whether the device may have had some of it", async () => {
    const { clock, program, console, link } = await openConsole()
    program.room = 70 // one buffer and a bit
    const writes = [200, 3, 64, 64, 64].map((length) => console.write(new Uint8Array(length)))
    const ends = Promise.allSettled(writes)
    await clock.advance(1000)
    link.restart()
    const reasons = (await clock.run(ends)).map((end) => (end as PromiseRejectedResult).reason)
    expect(reasons.map(({ code, maybeExecuted }) => [code, maybeExecuted])).toEqual([
      ["DEVICE_RESTARTED", true], // its first buffer was taken, the last ones may have been
      ["DEVICE_RESTARTED", false], // these waited here for a slot
      ["DEVICE_RESTARTED", false],
      ["DEVICE_RESTARTED", false],
      ["DEVICE_RESTARTED", false],
    ])
  })

  it("ends its reader when the bus is closed", async () => {
    const { clock, board, console } = await openConsole()
    const next = console[Symbol.asyncIterator]().next()
    await clock.advance(100)
    await clock.run(board.close())
    expect(await next).toEqual({ done: true, value: undefined })
  })
})

describe("every driver", () => {
  it("takes VIRTIO_F_ACCESS_PLATFORM, which every device offers: addresses are the bus's", async () => {
    const clock = new VirtualClock(1000)
    const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
    const board = new OpenedBus(
      await clock.run(Bus.open(new JacdacLink(new VmPort(machine), clock), { clock })),
    )
    for (const driver of [board.i2c(), board.gpio(), board.rng(), board.console()]) {
      const { device } = await clock.run<Driver>(driver)
      expect((device.offered[1] ?? 0) & p.FEATURE_ACCESS_PLATFORM_BLOCK1).not.toBe(0)
      expect((device.selected[1] ?? 0) & p.FEATURE_ACCESS_PLATFORM_BLOCK1).not.toBe(0)
    }
    await board.close()
    machine.stop()
  })
})

describe("no driver", () => {
  it("negotiates VIRTIO_F_RING_RESET, since none resets a queue alone", async () => {
    const clock = new VirtualClock(1000)
    const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
    const board = new OpenedBus(
      await clock.run(Bus.open(new JacdacLink(new VmPort(machine), clock), { clock })),
    )
    for (const driver of [board.i2c(), board.gpio(), board.rng(), board.console()]) {
      const { device } = await clock.run<Driver>(driver)
      expect((device.offered[1] ?? 0) & p.FEATURE_RING_RESET_BLOCK1).not.toBe(0)
      expect((device.selected[1] ?? 0) & p.FEATURE_RING_RESET_BLOCK1).toBe(0)
    }
    await board.close()
    machine.stop()
  })
})

describe("a queue of values for one reader", () => {
  it("gives what is there, waits for what is not, then ends or fails once", async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    queue.push(2)
    const taken = [await queue.next(), await queue.next()]
    const third = queue.next()
    queue.push(3)
    expect([...taken, await third].map(({ value }) => value)).toEqual([1, 2, 3])
    queue.push(4)
    queue.fail(new Error("gone"))
    queue.push(5)
    expect((await queue.next()).value).toBe(4)
    await expect(queue.next()).rejects.toThrow("gone")
    expect(await queue.next()).toEqual({ done: true, value: undefined })
  })
})
