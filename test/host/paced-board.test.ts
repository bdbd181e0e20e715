// A simulated board that is as slow as a chip: what it computes takes time, and what comes meanwhile waits.

import { describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import { encodeCommand } from "../../host/src/link/jacdac-frame.js"
import { makeLink } from "../../host/src/node/open-link.js"
import { type McuChoice, mcuOfPort } from "../../host/src/node/sim-port.js"
import { type OpenedBus, openBus } from "../../host/src/open-bus.js"
import type { McuName } from "../../host/src/vm/chip-model.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"

async function open(port: string, mcu?: McuChoice): Promise<{ clock: VirtualClock; bus: OpenedBus }> {
  const clock = new VirtualClock(1000)
  const bus = await clock.run(openBus({ port, clock, random: () => 0.25, ...(mcu ? { mcu } : {}) }))
  return { clock, bus }
}

/** Of one register read after a rest, in virtual milliseconds. */
async function readMs(port: string, mcu?: McuChoice): Promise<number> {
  const { clock, bus } = await open(port, mcu)
  const i2c = await clock.run(bus.i2c())
  for (let lap = 0; lap < 3; lap++)
    await clock.run(Promise.all(Array.from({ length: 64 }, (_, at) => i2c.readByte(0x54, at))))
  await clock.advance(400)
  const startMs = clock.now()
  await clock.run(i2c.readByte(0x54, 14))
  const ms = clock.now() - startMs
  await bus.close()
  return ms
}

describe("a board as slow as a chip", () => {
  it("takes milliseconds for a read, and none at all when it is as slow as none", async () => {
    const slow = await readMs("sim", "rp2040")
    expect(slow).toBeGreaterThan(2)
    expect(slow).toBeLessThan(12)
    expect(await readMs("sim:mcu=rp2040")).toBe(slow)
    expect(await readMs("sim", "esp32c3")).toBeLessThan(slow)
    for (const ms of [await readMs("sim"), await readMs("sim", "none"), await readMs("sim:mcu=none")])
      expect(ms).toBe(0)
  })

  it("serves a full queue, every call with its own answer", async () => {
    const { clock, bus } = await open("sim", "rp2040")
    const i2c = await clock.run(bus.i2c())
    const alone = []
    for (let at = 0; at < 64; at++) alone.push(await clock.run(i2c.readByte(0x50, at)))
    const together = await clock.run(
      Promise.all(Array.from({ length: 64 }, (_, at) => i2c.readByte(0x50, at))),
    )
    expect(together).toEqual(alone)
    await bus.close()
  })

  it("lets what comes while it computes wait, as much as its receive queue holds, and answers in order", async () => {
    const answersTo = async (mcu: McuName | undefined) => {
      const clock = new VirtualClock(1000)
      const machine = new VirtualMachine({ program: readFirmware("simulated"), clock, mcu })
      const times: number[] = []
      await machine.start()
      await clock.advance(3000)
      machine.onFrame.on(() => times.push(clock.now()))
      // its control service answers each of these; a mailbox packet that makes it compute goes first
      const long = new Uint8Array(220)
      machine.sendFrame(encodeCommand("eaf8c6572e0b30ef", 1, 0x80, long))
      for (let i = 0; i < 40; i++) machine.sendFrame(encodeCommand("12abdd2289421234", 0, 0x1180, long))
      await clock.advance(400)
      machine.stop()
      return times
    }
    const atOnce = await answersTo(undefined)
    const paced = await answersTo("rp2040")
    expect(paced).toEqual([...paced].sort((a, b) => a - b))
    expect(paced.length).toBeLessThan(atOnce.length)
    expect(paced.length).toBeGreaterThan(0)
  })

  it("says nothing more once it is off", async () => {
    const clock = new VirtualClock(1000)
    const machine = new VirtualMachine({ program: readFirmware("simulated"), clock, mcu: "rp2040" })
    let lines = 0
    machine.onLog.on(() => lines++)
    await machine.start()
    await clock.advance(5)
    machine.stop()
    const before = lines
    await clock.advance(5000)
    expect(lines).toBe(before)
    await machine.restart()
    await clock.advance(3000)
    expect(lines).toBeGreaterThan(before)
    machine.stop()
  })
})

describe("a port's microcontroller", () => {
  it("is none without a word, and refused by name when we have no such", () => {
    expect(mcuOfPort("sim")).toBeUndefined()
    expect(mcuOfPort("sim:mcu=esp32c3")).toBe("esp32c3")
    expect(() => mcuOfPort("sim:mcu=z80")).toThrow(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        hint: "The microcontrollers are rp2040, esp32c3, none.",
      }),
    )
    expect(() => mcuOfPort("sim:fast")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }))
  })

  it("is refused for a board that has its own", async () => {
    await expect(makeLink("unix:/tmp/board.sock", { mcu: "rp2040" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "mcu is for the simulated board, not for unix:/tmp/board.sock.",
    })
  })
})
