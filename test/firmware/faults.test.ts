// The last net under the firmware, over the real bytecode: what throws on the device costs neither the program nor its
// memory, as an uncaught exception would (five seconds, and every queue).

import { beforeAll, describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { encodeCommand } from "../../host/src/link/jacdac-frame.js"
import { JacdacLink, PACKET_COMMAND } from "../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { compileFirmware } from "../support/compile-firmware.js"

const SERVER_ID = "eaf8c6572e0b30ef"
/** Of the program's mistakes (firmware/test-src/main-throws.ts). */
const THROWS = 0x11
const THROWS_LATER = 0x12
const RAM = { address: 0x54, register: 14, value: 0x66 }
/** Far below the five seconds that a restart takes. */
const SOON_MS = 200

let program: Uint8Array
beforeAll(() => {
  program = compileFirmware("main-throws")
})

async function boot() {
  const clock = new VirtualClock(1000)
  const machine = new VirtualMachine({ program, clock })
  const log: string[] = []
  const panics: number[] = []
  machine.onLog.on((line) => log.push(line))
  machine.onPanic.on((code) => panics.push(code))
  const link = new JacdacLink(new VmPort(machine), clock)
  const bus = new OpenedBus(await clock.run(Bus.open(link, { clock })))
  const i2c = await clock.run(bus.i2c())
  const complaints = () => log.filter((line) => line.includes("caught in the device")).length
  const failure = (call: Promise<unknown>) => clock.run(call.catch((error: unknown) => error))
  return { clock, machine, panics, bus, i2c, complaints, failure }
}

describe("an exception on the device", () => {
  /** Makes the mistake three times: each ends its call with `code` at once, and the next call works. */
  async function survives(
    code: string,
    mistake: (board: Awaited<ReturnType<typeof boot>>) => Promise<unknown>,
  ) {
    const board = await boot()
    const { clock, panics, bus, i2c, complaints, failure } = board
    for (let times = 1; times <= 3; times++) {
      const startMs = clock.now()
      expect(await failure(mistake(board))).toMatchObject({ code, maybeExecuted: true })
      expect(clock.now() - startMs).toBeLessThan(SOON_MS)
      expect(await clock.run(i2c.readByte(RAM.address, RAM.register))).toBe(RAM.value)
    }
    await clock.advance(100)
    expect(panics).toEqual([])
    expect(complaints()).toBe(1)
    await bus.close()
  }

  it.each([
    ["at once", THROWS],
    ["after a wait", THROWS_LATER],
  ])("in a controller, %s, makes that device ask for its reset, and the next call works", (_when, at) =>
    survives("DEVICE_FAILED", ({ i2c }) => i2c.probe(at)),
  )

  it("in the middle of a packet ends the epoch, and the next call works", () =>
    survives("DEVICE_RESTARTED", ({ bus }) => bus.ping()))

  it("is caught as well after packets that were dropped before", async () => {
    const { clock, machine, panics, bus, i2c, failure } = await boot()
    // CONNECT of no epoch: left behind in the middle of the same block
    for (let at = 0; at < 50; at++)
      machine.sendFrame(encodeCommand(SERVER_ID, 1, PACKET_COMMAND, Uint8Array.of(3, 0, 0, 0, 0)))
    await clock.advance(50)
    expect(await clock.run(i2c.readByte(RAM.address, RAM.register))).toBe(RAM.value)
    expect(await failure(bus.ping())).toMatchObject({ code: "DEVICE_RESTARTED" })
    expect(await clock.run(i2c.readByte(RAM.address, RAM.register))).toBe(RAM.value)
    expect(panics).toEqual([])
    await bus.close()
  })
})
