// The firmware as bytecode in the DeviceScript VM: its size, its hardware bus, its slices.

import { beforeAll, describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { withSettings } from "../../host/src/deploy/program-image.js"
import type { I2cAdapterOptions } from "../../host/src/driver/i2c-adapter.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { I2C_MAX_TRANSFER_BYTES } from "../../shared-protocol/src/device-types/i2c.js"
import { compileFirmware } from "../support/compile-firmware.js"

async function boot(program: Uint8Array, options: I2cAdapterOptions = {}) {
  const clock = new VirtualClock(1000)
  const machine = new VirtualMachine({ program, clock })
  const log: string[] = []
  const panics: number[] = []
  machine.onLog.on((line) => log.push(line))
  machine.onPanic.on((code) => panics.push(code))
  const board = new OpenedBus(
    await clock.run(Bus.open(new JacdacLink(new VmPort(machine), clock), { clock })),
  )
  const i2c = await clock.run(board.i2c(undefined, options))
  return { clock, machine, log, panics, board, i2c }
}

/** As many questions to one address, in one go. */
function probes(address: number, count: number) {
  return Array.from({ length: count }, () => ({ address, failNext: false }))
}

describe("the firmware's size", () => {
  it("is below 64 kB of bytecode in every build", () => {
    for (const build of ["simulated", "hardware"] as const) {
      console.info(`bytecode of the ${build} firmware: ${readFirmware(build).length} bytes`)
      expect(readFirmware(build).length).toBeLessThan(64 * 1024)
    }
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

  it("says that the bus is held when transaction after transaction times out, and works again when it is free", async () => {
    const { clock, log, board, i2c } = await boot(program)
    const all = await Promise.allSettled([clock.run(Promise.all(i2c.submit(probes(0x22, 10))))])
    expect(all[0]).toMatchObject({
      status: "rejected",
      reason: {
        code: "DEVICE_FAILED",
        message:
          "The I2C device stopped and asks to be reset, as it does when transaction after transaction times out.",
      },
    })
    const { reason } = all[0] as PromiseRejectedResult
    expect(reason.hint).toContain("Are SDA and SCL the right way round, each with a pull-up")
    expect(log.join("\n")).toMatch(/I2C: 5 transactions in a row timed out, the last after 2\d ms/)
    // the device was reset for this call, and the wires are still held
    expect(await clock.run(i2c.probe(0x20))).toBe(false)
    await clock.run(i2c.writeByte(0x20, 1, 2)).catch(() => {}) // lets go
    expect(await clock.run(i2c.probe(0x20))).toBe(true)
    await board.close()
  })

  it("does not say so of a chip that is slow now and then, nor of missing ones, however many", async () => {
    const { clock, board, i2c } = await boot(program)
    const slow = await clock.run(Promise.all(i2c.submit(probes(0x23, 9))))
    expect(slow.map(({ ok }) => ok)).toEqual([false, false, true, false, false, true, false, false, true])
    const missing = await clock.run(Promise.all(i2c.submit(probes(0x30, 50))))
    expect(missing.some(({ ok }) => ok)).toBe(false)
    await board.close()
  })

  it("moves as much as it allows in one message, and refuses more without a panic", async () => {
    // a driver that does not know the limit
    const { clock, panics, board, i2c } = await boot(program, { maxTransferBytes: 4000 })
    const most = new Uint8Array(I2C_MAX_TRANSFER_BYTES).fill(7)
    const [read] = await clock.run(i2c.transfer(0x20, [{ write: most }, { read: most.length }]))
    expect(read?.subarray(0, 2)).toEqual(Uint8Array.of(1, 7))
    await expect(clock.run(i2c.transfer(0x20, [{ read: most.length + 1 }]))).rejects.toMatchObject({
      code: "NACK",
    })
    expect(await clock.run(i2c.probe(0x20))).toBe(true)
    expect(panics).toEqual([])
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

describe("the hardware build's GPIO", () => {
  it("is the pins that the setting names, and none without it", async () => {
    const { clock, log, board } = await boot(compileFirmware("main-pins"))
    const chip = await clock.run(board.gpio())
    expect(chip.names).toEqual(["DRIVE", "SENSE", undefined])
    const watch = await clock.run(chip.watch(["SENSE"]))
    const edges: string[] = []
    const reading = (async () => {
      for await (const { edge } of watch) if (edges.push(edge) === 2) return
    })()
    await clock.run(chip.output("DRIVE", 1))
    await clock.advance(100)
    await clock.run(chip.setValue("DRIVE", 0))
    await clock.run(reading)
    expect(edges).toEqual(["rising", "falling"])
    await clock.run(chip.setDirection(2, "input"))
    await clock.advance(10)
    expect(await clock.run(chip.getValue(2))).toBe(1)
    await expect(clock.run(chip.setDirection(2, "output"))).rejects.toMatchObject({ code: "DEVICE_FAILED" })
    await clock.run(watch.close())
    // no pin was touched that nobody asked for, and each ends as it began
    expect(log.filter((line) => line.includes("pin "))).toEqual(
      ["3 mode 1", "2 mode 18", "2 mode 34", "4 mode 17", "3 mode 0"].map((what) =>
        expect.stringContaining(`pin ${what}`),
      ),
    )
    const shell = await clock.run(board.shell())
    expect(await clock.run(shell.log())).toContain(
      "gpio: the board exposes no pin 99\ngpio: the board exposes no pin x\n",
    )
    await board.close()

    const bare = await boot(readFirmware("hardware"))
    expect((await bare.clock.run(bare.board.devices())).map(({ info }) => info?.deviceId)).toEqual([34, 4, 3])
    // and nobody complains about a pin that nobody named
    const bareShell = await bare.clock.run(bare.board.shell())
    expect(await bare.clock.run(bareShell.log())).not.toContain("gpio")
    expect(await bare.clock.run(bareShell.run("pins"))).toBe(
      "no GPIO lines; deploy --gpio LED=15 gives a board some\n",
    )
    await expect(bare.clock.run(bare.board.gpio())).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "The board has no GPIO chip.",
      hint: expect.stringContaining("deploy --gpio LED="),
    })
    await bare.board.close()
  })

  it("and every other device can be left out when the program is deployed", async () => {
    const program = withSettings(readFirmware("simulated"), new Map([["virtio.devices", "console,gpio"]]))
    const clock = new VirtualClock(1000)
    const link = new JacdacLink(new VmPort(new VirtualMachine({ program, clock })), clock)
    const board = new OpenedBus(await clock.run(Bus.open(link, { clock })))
    expect((await clock.run(board.devices())).map(({ info }) => info?.deviceId)).toEqual([41, 3])
    const shell = await clock.run(board.shell())
    expect(await clock.run(shell.run("devices"))).toBe("0   gpio     idle\n1   console  in use\n")
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
