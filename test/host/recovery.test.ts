// What a bus does when the board starts again, is unplugged, or stalls, and when the host's process starts again:
// over the bytecode in the VM, in virtual time. The limits are those of docs/faults.md.

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import type { VirtioMsgError } from "../../host/src/errors.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { makeDeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import type { I2cController } from "../../shared-protocol/src/device/i2c-controller.js"
import { NO_FAULTS } from "../faults/faults.js"
import { NativeBoard } from "../faults/native-board.js"
import { type BusOverStream, openOver } from "../faults/open-over.js"
import { announcement, measureRecovery, RECOVERY_LIMITS } from "../faults/recovery-times.js"

const { afterAnnounceMs, afterReplugMs, afterHostRestartMs } = RECOVERY_LIMITS

let clock: VirtualClock
let machine: VirtualMachine
let opened: BusOverStream

beforeEach(async () => {
  clock = new VirtualClock(1000)
  machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
  await machine.start()
  opened = await openOver(clock, 1, machine)
})

afterEach(async () => {
  await opened.bus.close()
  machine.stop()
  expect(clock.pendingCount).toBe(0)
})

const read = async ({ bus }: BusOverStream = opened) => (await bus.i2c()).readByte(0x54, 0)
const failureOf = (call: Promise<unknown>): Promise<VirtioMsgError> =>
  call.then(
    (value) => {
      throw new Error(`no failure but ${value}`)
    },
    (error) => error,
  )

describe("a board that starts again", () => {
  it("while nothing is under way is noticed by its announcement, and the next call just works", async () => {
    expect(await clock.run(read())).toBe(0x31)
    const lost: string[] = []
    opened.bus.bus.onLost.on((error) => lost.push(error.code))
    await machine.restart()
    const announcedMs = await announcement(clock, machine)
    let upMs = 0
    opened.bus.bus.onUp.on(() => {
      upMs = clock.now()
    })
    await clock.advance(afterAnnounceMs)
    expect(lost).toEqual(["DEVICE_RESTARTED"])
    expect(upMs - announcedMs).toBeLessThan(afterAnnounceMs)
    expect(await clock.run(read())).toBe(0x31)
  })

  it("with a call in flight is usable again 1.5 s after its announcement", async () => {
    const i2c = await clock.run(opened.bus.i2c())
    const calls = Array.from({ length: 80 }, (_, at) => i2c.readByte(0x54, at % 16).catch((error) => error))
    await clock.advance(5)
    await machine.restart()
    const announcedMs = await announcement(clock, machine)
    const outcomes = await clock.run(Promise.all(calls))
    const errors = outcomes.filter((outcome) => typeof outcome !== "number")
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) expect(["DEVICE_RESTARTED", "TIMEOUT"]).toContain(error.code)
    expect(await clock.run(read())).toBe(0x31)
    expect(clock.now() - announcedMs).toBeLessThan(afterAnnounceMs)
  })
})

describe("a board that is unplugged", () => {
  it("ends calls in flight at once, refuses others as not executed, and is there again 2 s after it was plugged in", async () => {
    const i2c = await clock.run(opened.bus.i2c())
    const call = failureOf(i2c.readByte(0x54, 0))
    await clock.advance(1)
    const beforeMs = clock.now()
    opened.stream.unplug()
    machine.stop() // it lives on the cable's power
    expect(await clock.run(call)).toMatchObject({ code: "LINK_CLOSED", maybeExecuted: true })
    expect(clock.now() - beforeMs).toBeLessThan(100)
    expect(await clock.run(failureOf(read()))).toMatchObject({
      code: "LINK_CLOSED",
      message: "faulty is gone.",
      hint: "Plug the board in again.",
      maybeExecuted: false,
    })
    await clock.advance(60_000)
    await machine.start()
    await announcement(clock, machine) // its port appears when its firmware runs
    opened.stream.plugIn()
    const pluggedMs = clock.now()
    let upMs = 0
    opened.bus.bus.onUp.on(() => {
      upMs = clock.now()
    })
    await clock.advance(afterReplugMs) // nobody calls: it comes back by itself
    expect(upMs - pluggedMs).toBeGreaterThan(0)
    expect(upMs - pluggedMs).toBeLessThan(afterReplugMs)
    expect(await clock.run(read())).toBe(0x31)
  })

  it("and plugged in again while it kept its power starts a new epoch, and the next call works", async () => {
    expect(await clock.run(read())).toBe(0x31)
    for (let times = 0; times < 5; times++) {
      opened.stream.unplug()
      await clock.advance(40 * times) // perhaps while it looks, perhaps between
      opened.stream.plugIn()
      await clock.advance(0)
      const beforeMs = clock.now()
      expect(await clock.run(read())).toBe(0x31)
      expect(clock.now() - beforeMs).toBeLessThan(afterReplugMs)
    }
  })

  it("is looked for until the bus is closed, and no longer", async () => {
    opened.stream.unplug()
    await clock.advance(10_000)
    await opened.bus.close()
    machine.stop()
    expect(clock.pendingCount).toBe(0)
    expect(await failureOf(read())).toMatchObject({ code: "LINK_CLOSED", message: "The bus was closed." })
  })
})

describe("a host process that starts again", () => {
  it("has a working bus after 300 ms, whatever the one before left behind", async () => {
    const i2c = await clock.run(opened.bus.i2c())
    for (const call of [i2c.readBlock(0x50, 0, 256), i2c.writeByte(0x54, 3, 0x41)]) call.catch(() => {})
    await clock.advance(3)
    // the old process is gone without a word; what it sent is under way
    const old = opened
    old.stream.unplug()
    const beforeMs = clock.now()
    opened = await openOver(clock, 2, machine)
    expect(await clock.run(read())).toBe(0x31)
    expect(clock.now() - beforeMs).toBeLessThan(afterHostRestartMs)
    await old.bus.close()
  })
})

describe("a device that stalls", () => {
  it("costs one TIMEOUT within 3 s, also when nothing tells that it is gone, and serves the next call when it is back", async () => {
    const i2c = await clock.run(opened.bus.i2c())
    opened.stream.setFaults({ ...NO_FAULTS, loss: 1 })
    const beforeMs = clock.now()
    expect(await clock.run(failureOf(i2c.readByte(0x54, 0)))).toMatchObject({
      code: "TIMEOUT",
      maybeExecuted: true,
    })
    expect(clock.now() - beforeMs).toBeLessThanOrEqual(3000)
    await clock.advance(20_000)
    opened.stream.setFaults(NO_FAULTS)
    expect(await clock.run(read())).toBe(0x31)
  })
})

describe("an I2C bus that is stuck", () => {
  it("costs each call one TIMEOUT in bounded time; switching the power off and on heals it", async () => {
    let isStuck = false
    const controller: I2cController = {
      data: allocateBytes(16),
      transfer: () => (isStuck ? new Promise<number>(() => {}) : Promise.resolve(0)),
    }
    const makeEndpoint = () =>
      makeDeviceEndpoint({
        alloc: allocateBytes,
        models: [new I2cDevice(controller, allocateBytes(0), () => Promise.resolve())],
        driverAreaSize: 8192,
        deviceAreaSize: 8192,
        identity: { board: "stuck", firmwareVersion: [0, 1, 0, 0], hasSimulatedChips: true },
      })
    const board = new NativeBoard(clock, makeEndpoint)
    const { bus } = await openOver(clock, 3, board)
    const i2c = await clock.run(bus.i2c())
    isStuck = true
    for (const limitMs of [1600, 3000, 3000]) {
      const beforeMs = clock.now()
      const errors = await clock.run(Promise.all([1, 2, 3].map((at) => failureOf(i2c.readByte(0x54, at)))))
      for (const error of errors) expect(["TIMEOUT", "CONNECT_FAILED"]).toContain(error.code)
      expect(clock.now() - beforeMs).toBeLessThanOrEqual(limitMs)
    }
    isStuck = false
    board.restart()
    await clock.advance(3000)
    expect(await clock.run(i2c.readByte(0x54, 0))).toBe(0)
    await bus.close()
    board.stop()
  })
})

it("the times that `npm run soak` prints are within their limits", async () => {
  const times = await measureRecovery(readFirmware("simulated"))
  expect(times.afterAnnounceMs).toBeLessThanOrEqual(afterAnnounceMs)
  expect(times.afterReplugMs).toBeLessThanOrEqual(afterReplugMs)
  expect(times.afterHostRestartMs).toBeLessThanOrEqual(afterHostRestartMs)
  console.info(`usable again: ${JSON.stringify(times)}`)
})
