// The firmware as bytecode in the DeviceScript VM: its size and heap, its hardware bus, its slices.

import { beforeAll, describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { compileFirmware } from "../support/compile-firmware.js"

async function boot(program: Uint8Array) {
  const clock = new VirtualClock(1000)
  const machine = new VirtualMachine({ program, clock })
  const log: string[] = []
  const panics: number[] = []
  machine.onLog.on((line) => log.push(line))
  machine.onPanic.on((code) => panics.push(code))
  const board = new OpenedBus(
    await clock.run(Bus.open(new JacdacLink(new VmPort(machine), clock), { clock })),
  )
  const i2c = await clock.run(board.i2c())
  return { clock, machine, log, panics, board, i2c }
}

describe("the firmware's size", () => {
  it("is below 40 kB of bytecode in every build", () => {
    for (const build of ["simulated", "hardware"] as const)
      expect(readFirmware(build).length).toBeLessThan(40_000)
  })

  it("leaves 20 kB of heap after initialisation and transfers", async () => {
    const { clock, log, panics, board, i2c } = await boot(compileFirmware("main-heap"))
    await clock.run(i2c.readBlock(0x50, 0, 256))
    await clock.advance(2000)
    let taken = 0
    while (panics.length === 0 && clock.now() < 30_000) await clock.advance(20)
    for (const line of log) taken = Math.max(taken, Number(/heap (\d+)/.exec(line)?.[1] ?? 0))
    expect(panics).toEqual([60004]) // out of memory, as it was meant to come
    console.info(`heap free beside the running firmware: ${taken} bytes`)
    expect(taken).toBeGreaterThan(20_000)
    await board.close()
  })
})

describe("the hardware build", () => {
  let program: Uint8Array
  beforeAll(() => {
    program = compileFirmware("main-wires")
  })

  it("makes one bus transaction of a write and the read behind it", async () => {
    const { clock, board, i2c } = await boot(program)
    expect(await clock.run(i2c.readBlock(0x20, 0x77, 2))).toEqual(Uint8Array.of(1, 0x77))
    expect(await clock.run(i2c.readBlock(0x20, 0x78, 2))).toEqual(Uint8Array.of(2, 0x78))
    await board.close()
  })

  it("never answers OK for a zero-length request to an absent chip", async () => {
    const { clock, board, i2c } = await boot(program)
    expect(await clock.run(i2c.probe(0x20))).toBe(true)
    expect(await clock.run(i2c.probe(0x30))).toBe(false)
    expect(await clock.run(i2c.probe(0x00))).toBe(false)
    await board.close()
  })

  it("tells a refused write from a refused read in a register read", async () => {
    const { clock, board, i2c } = await boot(program)
    const submit = (address: number) =>
      clock.run(
        Promise.all(
          i2c.submit([
            { address, write: Uint8Array.of(1), failNext: true },
            { address, readLength: 1, failNext: false },
          ]),
        ),
      )
    expect((await submit(0x21)).map((outcome) => outcome.ok)).toEqual([true, false])
    expect((await submit(0x30)).map((outcome) => outcome.ok)).toEqual([false, false])
    await board.close()
  })

  it("fails transfers, and does not panic, where the runtime has no I2C at all", async () => {
    const { clock, panics, board, i2c } = await boot(readFirmware("hardware"))
    expect(await clock.run(i2c.probe(0x20))).toBe(false)
    await expect(clock.run(i2c.readByte(0x20, 0))).rejects.toMatchObject({ code: "NACK" })
    expect(board.board.hasSimulatedChips).toBe(false)
    expect(panics).toEqual([])
    await board.close()
  })
})

describe("the runtime's limits", () => {
  it("are not reached by a full queue of the dearest requests", async () => {
    const { clock, panics, board, i2c } = await boot(readFirmware("simulated"))
    const reads = Array.from({ length: 200 }, (_, at) => i2c.readBlock(at % 2 ? 0x76 : 0x50, 0x80, 33))
    const all = await clock.run(Promise.all(reads))
    expect(all.every((data) => data.length === 33)).toBe(true)
    expect(panics).toEqual([])
    await board.close()
  })

  it("survive garbage collection at every allocation", { timeout: 60_000 }, async () => {
    const { clock, machine, panics, board, i2c } = await boot(readFirmware("simulated"))
    machine.setGcStress(true)
    expect(await clock.run(i2c.readByte(0x54, 14))).toBe(0x66)
    await clock.run(i2c.writeByte(0x54, 14, 0x25))
    expect(await clock.run(i2c.readByte(0x54, 14))).toBe(0x25)
    expect((await clock.run(i2c.readBlock(0x50, 0, 24)))[0]).toBe("v".charCodeAt(0))
    expect(panics).toEqual([])
    await board.close()
  })
})
