// The devices of the simulated firmware, as bytecode in the VM: GPIO, the console's shell, hot-plug.

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { ConsoleShell } from "../../host/src/driver/console-shell.js"
import { PACKET_DATA } from "../../shared-protocol/src/mailbox/packet.js"
import { SimulatedFirmware } from "../support/simulated-firmware.js"

let firmware: SimulatedFirmware

beforeEach(async () => {
  firmware = await SimulatedFirmware.boot()
})

afterEach(async () => {
  expect(firmware.panics).toEqual([])
  await firmware.stop()
})

function openShell(): Promise<ConsoleShell> {
  return firmware.run(firmware.board.shell())
}

describe("the board", () => {
  it("has four devices", async () => {
    const devices = await firmware.run(firmware.board.devices())
    expect(devices.map(({ devNum, info }) => [devNum, info?.deviceId])).toEqual([
      [0, 34],
      [1, 41],
      [2, 4],
      [3, 3],
    ])
  })

  it("initialises none before it is used, and the first as fast as ever", async () => {
    let packets = 0
    firmware.trace.onPacket.on((direction, packet) => {
      if (direction === "in" && (packet[0] ?? 0) & PACKET_DATA) packets++
    })
    const before = firmware.clock.now()
    const i2c = await firmware.run(firmware.board.i2c())
    expect(firmware.clock.now() - before).toBeLessThan(450) // one GET_DEVICE_INFO for each of the other three
    console.info(`i2c ready after ${firmware.clock.now() - before} virtual ms and ${packets} packets`)
    expect(await firmware.run(i2c.readByte(0x54, 14))).toBe(0x66)
    const devices = await firmware.run(firmware.board.devices())
    expect(devices.map(({ status }) => status)).toEqual([15, 0, 0, 0])
  })
})

describe("GPIO", () => {
  it("lights the LED, and passes a level through the wire from OUT to IN", async () => {
    const chip = await firmware.run(firmware.board.gpio())
    expect(chip.names).toEqual(["LED", "BUTTON", "CLOCK", "OUT", "IN", undefined, undefined])
    await firmware.run(chip.output("LED", 1))
    expect(await firmware.run(chip.getValue("LED"))).toBe(1)
    await firmware.run(chip.output("OUT", 1))
    expect(await firmware.run(chip.input("IN"))).toBe(1)
    await expect(firmware.run(chip.output("BUTTON", 1))).rejects.toMatchObject({ code: "DEVICE_FAILED" })
    const shell = await openShell()
    const pins = await firmware.run(shell.run("pins"))
    expect(pins).toContain("0   LED          output  1\n")
    expect(pins).toContain("4   IN           input   1\n")
  })

  it("tells every edge of the clock, in order and half a second apart", async () => {
    const chip = await firmware.run(firmware.board.gpio())
    const watch = await firmware.run(chip.watch(["CLOCK"]))
    const seen: { edge: string; timestampMs: number }[] = []
    const reading = (async () => {
      for await (const edge of watch) if (seen.push(edge) === 8) return
    })()
    await firmware.run(reading)
    await firmware.run(watch.close())
    for (const [at, { edge, timestampMs }] of seen.entries()) {
      expect(edge).toBe((seen[0]?.edge === "rising" ? ["rising", "falling"] : ["falling", "rising"])[at % 2])
      const sinceMs = timestampMs - (seen[0]?.timestampMs ?? 0)
      expect(Math.abs(sinceMs - 500 * at)).toBeLessThan(50)
    }
  })

  it("tells the edges of a pattern and of the button that a person types", async () => {
    const chip = await firmware.run(firmware.board.gpio())
    const shell = await openShell()
    await firmware.run(shell.run("pattern 5 00101100 100"))
    const watch = await firmware.run(chip.watch([5, "BUTTON"]))
    const seen: string[] = []
    const reading = (async () => {
      for await (const { offset, edge } of watch) if (seen.push(`${offset} ${edge}`) === 6) return
    })()
    await firmware.run(reading)
    // 0 0 1 0 1 1 0 0, from wherever the watch began
    const run = "5 rising,5 falling,5 rising,5 falling,5 rising,5 falling,5 rising"
    expect(run).toContain(seen.join(","))
    await firmware.run(shell.run("pattern 5 0 100"))
    seen.length = 0
    const pressed = (async () => {
      for await (const { name, edge } of watch) if (name === "BUTTON" && seen.push(edge) === 2) return
    })()
    await firmware.run(shell.run("press"))
    await firmware.run(pressed)
    expect(seen).toEqual(["rising", "falling"])
    await firmware.run(watch.close())
  })
})

describe("the console", () => {
  it("has the log, and a shell with help", async () => {
    const shell = await openShell()
    expect(await firmware.run(shell.log())).toMatch(/^virtio-msg 0\.1\.0 on DeviceScript Simulator.*\n$/)
    const help = await firmware.run(shell.run("help"))
    for (const command of ["chips", "stats", "pins", "plug", "press", "later"])
      expect(help).toContain(`\n${command} `)
    expect(await firmware.run(shell.run("nonsense"))).toBe("nonsense: no such command; try help\n")
    expect(await firmware.run(shell.run(""))).toBe("")
    expect(await firmware.run(shell.run(`x${"y".repeat(100)}`))).toBe("a line has at most 80 characters\n")
    expect(await firmware.run(shell.run("helq\bp"))).toBe(help)
  })

  it("knows the chips, the devices and what happened", async () => {
    const shell = await openShell()
    expect(await firmware.run(shell.run("chips"))).toBe(
      "0x48 lm75\n0x50 24c02\n0x54 ram\n0x56 ram\n0x76 bme280\n",
    )
    expect(await firmware.run(shell.run("devices"))).toBe(
      "0   i2c      idle\n1   gpio     idle\n2   rng      idle\n3   console  in use\n",
    )
    const stats = await firmware.run(shell.run("stats"))
    expect(stats).toMatch(/^virtio-msg .*\nepoch +\d+\npackets +0 sent again, 0 missed, 0 doubled\n/)
  })

  it("loses no byte of a flood under a slow reader", async () => {
    const port = await firmware.run(firmware.board.console())
    await firmware.run(port.write(new TextEncoder().encode("flood 300\n")))
    await firmware.clock.advance(20_000) // nobody reads
    let text = ""
    const reading = (async () => {
      for await (const bytes of port) {
        text += new TextDecoder().decode(bytes)
        if (text.endsWith("m4> ")) return
        await new Promise<void>((resolve) => firmware.clock.schedule(70, resolve))
      }
    })()
    await firmware.run(reading, 600_000)
    const lines = text.split("\n").filter((line) => /^\d/.test(line))
    expect(lines).toEqual(
      Array.from({ length: 300 }, (_, at) => `${`${at}`.padEnd(7)}0123456789abcdefghijklmnopqrstuvwxyz`),
    )
  })

  it("holds typed lines while a command runs, and then does them in order", async () => {
    const port = await firmware.run(firmware.board.console())
    const typed = new TextEncoder().encode(`flood 20\n${"x".repeat(70)}\n`.repeat(10))
    const written = port.write(typed)
    let text = ""
    const reading = (async () => {
      for await (const bytes of port) {
        text += new TextDecoder().decode(bytes)
        if (text.split("m4> ").length === 21) return
      }
    })()
    await firmware.run(Promise.all([reading, written]))
    const answers = text.split("m4> ").slice(0, 20)
    for (const [at, answer] of answers.entries())
      expect(answer).toContain(at % 2 === 0 ? "\n19     0123" : `${"x".repeat(70)}: no such command`)
  })

  it("V10: has another size when told so", async () => {
    const port = await firmware.run(firmware.board.console())
    const shell = await openShell()
    const sizes: unknown[] = []
    port.onResize.on((size) => sizes.push(size))
    await firmware.run(shell.run("size 132 50"))
    await firmware.clock.advance(200)
    expect(sizes).toEqual([{ cols: 132, rows: 50 }])
    expect(await firmware.run(shell.run("size 0 1"))).toMatch(/^size of what/)
  })

  it("forgets the command of a driver that has gone", async () => {
    const port = await firmware.run(firmware.board.console())
    await firmware.run(port.write(new TextEncoder().encode("flood 100000\n")))
    await firmware.clock.advance(500)
    await firmware.run(port.device.reset())
    await firmware.clock.advance(500)
    const shell = await openShell()
    expect(await firmware.run(shell.run("nonsense"))).toBe("nonsense: no such command; try help\n")
  })
})

describe("hot-plug", () => {
  it("B33 B34: devices come and go by command, with new numbers, and calls in flight end", async () => {
    const shell = await openShell()
    const events: string[] = []
    firmware.board.onDevice(({ deviceNumber, busState }) => events.push(`${deviceNumber} ${busState}`))
    const rng = await firmware.run(firmware.board.rng(2))
    const reading = rng.read(100_000)
    reading.catch(() => {})
    expect(await firmware.run(shell.run("unplug 2"))).toContain("device 2 unplugged\n")
    await expect(firmware.run(reading)).rejects.toMatchObject({ code: "DEVICE_REMOVED" })
    expect(await firmware.run(shell.run("plug rng"))).toContain("device 4 (rng) plugged in\n")
    expect(events).toEqual(["2 2", "4 1"])
    expect((await firmware.run((await firmware.run(firmware.board.rng())).read(10))).length).toBe(10)
    expect(await firmware.run(shell.run("unplug 2"))).toBe("no such device; try devices\n")
    expect(await firmware.run(shell.run("unplug 3"))).toBe("that is the console that you are reading\n")
    expect(await firmware.run(shell.run("plug thing"))).toMatch(/^plug what\?/)
  })

  it("I2C itself can go and come back, in the middle of transfers", async () => {
    const shell = await openShell()
    const i2c = await firmware.run(firmware.board.i2c())
    const reads = Array.from({ length: 100 }, () => i2c.readByte(0x54, 0))
    const outcomes = Promise.allSettled(reads)
    await firmware.run(shell.run("unplug 0"))
    for (const outcome of await firmware.run(outcomes))
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "DEVICE_REMOVED" })
    await expect(firmware.run(firmware.board.i2c())).rejects.toMatchObject({ code: "NOT_FOUND" })
    await firmware.run(shell.run("plug i2c"))
    const again = await firmware.run(firmware.board.i2c())
    expect(again.device.devNum).toBe(4)
    expect(await firmware.run(again.readByte(0x54, 14))).toBe(0x66)
  })

  it("a device can be unplugged and plugged many times without the board running out of memory", async () => {
    const shell = await openShell()
    for (let at = 4; at < 40; at++) {
      expect(await firmware.run(shell.run("plug gpio"))).toContain(`device ${at} (gpio) plugged in`)
      const chip = await firmware.run(firmware.board.gpio(at))
      expect(await firmware.run(chip.getValue("LED"))).toBe(0)
      expect(await firmware.run(shell.run(`unplug ${at}`))).toContain(`device ${at} unplugged`)
    }
  })

  it("simulated chips come and go, and keep what they have", async () => {
    const shell = await openShell()
    const i2c = await firmware.run(firmware.board.i2c())
    await firmware.run(i2c.writeByte(0x54, 3, 0xab))
    expect(await firmware.run(shell.run("chip remove 0x54"))).toContain("chip 0x54 removed\n")
    await expect(firmware.run(i2c.readByte(0x54, 3))).rejects.toMatchObject({ code: "NACK" })
    expect(await firmware.run(shell.run("chip add 0x54"))).toContain("chip 0x54 added\n")
    expect(await firmware.run(i2c.readByte(0x54, 3))).toBe(0xab)
    expect(await firmware.run(shell.run("chip add 0x54"))).toBe("a chip is there already; try chips\n")
    expect(await firmware.run(shell.run("chip add 0x40"))).toBe(
      "no chip was removed there, and add only puts back; one of your own: sim --chip FILE@ADDRESS\n",
    )
    for (const line of ["chip", "chip add", "chip add x", "chip add 0x80", "chip remove"])
      expect(await firmware.run(shell.run(line))).toBe("chip add ADDRESS, or chip remove ADDRESS, as 0x48\n")
    expect(await firmware.run(shell.run("flood"))).toBe("flood how many lines?\n")
  })

  it("V-S1: a device asks for its reset, and the next call initialises it again", async () => {
    const shell = await openShell()
    const chip = await firmware.run(firmware.board.gpio())
    const watch = await firmware.run(chip.watch(["IN"]))
    const next = watch[Symbol.asyncIterator]().next()
    next.catch(() => {})
    await firmware.run(shell.run("fail 1"))
    await expect(firmware.run(next)).rejects.toMatchObject({ code: "DEVICE_FAILED" })
    expect(chip.device.status & 0x40).toBe(0x40)
    await firmware.run(chip.output("LED", 1))
    expect(chip.device.status).toBe(15)
    expect(await firmware.run(shell.run("fail 2"))).toBe("no such device in use; try devices\n")
  })

  it("what was ordered for later happens when nobody listens", async () => {
    const shell = await openShell()
    await firmware.run(shell.run("later 700 plug rng"))
    const events: number[] = []
    firmware.board.onDevice(({ deviceNumber }) => events.push(deviceNumber))
    await firmware.clock.advance(500)
    expect(events).toEqual([])
    await firmware.clock.advance(500)
    expect(events).toEqual([4])
  })
})
