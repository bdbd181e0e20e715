// The program that was measured on stock firmware in an emulator, kept as bytecode (measured-program.devs), on a board as
// slow as an RP2040: what only shows when it runs, each beside what was measured.
//
// It is commit 83324aa's firmware/test-src/main-ballast.ts. That commit's simulated build has the hash that the measurement
// named, 813563697, so the rest is the measured program to the bit; this one can hold pieces of the heap from the start.

import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { withSettings } from "../../host/src/deploy/program-image.js"
import type { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import type { FramePort } from "../../host/src/link/jacdac-link.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { BOARD_DEVICES, type BoardKind } from "./simulated-board.js"

type Range = readonly [least: number, most: number]

/** The most that the model may be wrong by. */
const ERROR = 0.1
/** Measured on a running board with I2C alone: milliseconds since the host began. */
const RUNNING_MS = { hello: [18, 22], ready: [123, 143], firstRead: [144, 163] } as const
const SINGLE_READ_MS: Range = [9.4, 9.4]
/** Measured: bytes left of the heap at full load. */
const HEAP_LEFT_BYTES: Readonly<Record<BoardKind, Range>> = {
  "four devices": [7800, 9300],
  "I2C alone": [21_500, 21_500],
}
/** What the program holds for each character of its setting, as it counts them. */
const PIECE_BYTES = 128
const LOAD_MS = 4000
/** How long the program has run when the host comes: what meets what depends on it. */
const BOOTED_MS = [1100, 1337, 1571, 1801, 2039] as const
const SINGLE_READS = 8
const REST_MS = 120

async function power(kind: BoardKind, bootedMs: number, heldPieces = 0) {
  const program = withSettings(
    readFileSync(new URL("measured-program.devs", import.meta.url)),
    new Map([
      ["virtio.devices", BOARD_DEVICES[kind]],
      ["test.ballast", "x".repeat(heldPieces)],
    ]),
  )
  const clock = new VirtualClock(1000)
  const randomBytes = (length: number) => Uint8Array.from({ length }, (_, at) => at * 37)
  const machine = new VirtualMachine({ program, clock, mcu: "rp2040", randomBytes })
  const board = { hasPanicked: false }
  machine.onPanic.on(() => {
    board.hasPanicked = true
  })
  await machine.start()
  await clock.advance(bootedMs)
  // plugged in while it runs: opening it does not switch it on
  let offs: (() => void)[] = []
  const cable: FramePort = {
    name: "the measured program",
    isSimulated: true,
    open: async ({ onPacket }) => {
      offs = [machine.onFrame.on((frame) => onPacket(frame))]
    },
    send: (frame) => machine.sendFrame(frame),
    close: async () => {
      for (const off of offs) off()
    },
  }
  const open = () => Bus.open(new JacdacLink(cable, clock), { clock, random: () => 0.25 })
  return { clock, machine, board, open }
}

function isNear(value: number, [least, most]: Range): boolean {
  return value >= least * (1 - ERROR) && value <= most * (1 + ERROR)
}

/** All but I2C: three streams that never end by themselves. */
async function beginStreams(bus: OpenedBus, clock: VirtualClock): Promise<Promise<void>[]> {
  const chip = await clock.run(bus.gpio())
  const rng = await clock.run(bus.rng())
  const shell = await clock.run(bus.shell())
  for (const line of [5, 6]) await clock.run(shell.run(`pattern ${line} 01 10`))
  const watch = await clock.run(chip.watch(["BUTTON", "CLOCK", "IN", 5, 6]))
  const port = await clock.run(bus.console())
  const drain = async (stream: AsyncIterable<unknown>) => {
    for await (const _ of stream);
  }
  return [
    drain(watch),
    drain(rng.stream(1_000_000)),
    port.write(new TextEncoder().encode("flood 100000\n")).then(() => drain(port)),
  ]
}

/** One of 64 transfers that keep all slots of the I2C queue taken. */
async function transfer(i2c: I2cAdapter, n: number): Promise<void> {
  if (n % 4 === 0) await i2c.readBlock(0x54, n % 19, 1 + (n % 15))
  else if (n % 4 === 1) await i2c.readBlock(0x50, n, n === 1 ? 256 : 1 + (n % 40))
  else if (n % 4 === 2) await i2c.probe(0x08 + n)
  else await i2c.writeByte(0x56, n % 19, n)
}

/** Whether the program lives through all that there is at once while it holds so many bytes. */
async function isHeld(kind: BoardKind, heldBytes: number, bootedMs: number): Promise<boolean> {
  const { clock, machine, board, open } = await power(kind, bootedMs, Math.floor(heldBytes / PIECE_BYTES))
  const bus = new OpenedBus(await clock.run(open()))
  const i2c = await clock.run(bus.i2c())
  const loads = kind === "four devices" ? await beginStreams(bus, clock) : []
  const endMs = clock.now() + LOAD_MS
  const isOver = () => board.hasPanicked || clock.now() >= endMs
  for (let n = 0; n < 64; n++)
    loads.push(
      (async () => {
        while (!isOver()) await transfer(i2c, n)
      })(),
    )
  for (const each of loads) each.catch(() => {}) // they end with the board
  while (!isOver()) await clock.advance(20)
  await bus.close()
  machine.stop()
  return !board.hasPanicked
}

/** Whether more than half of the tries say so; no more are made than it takes. */
async function isSoInMost(says: (bootedMs: number) => Promise<boolean>): Promise<boolean> {
  const most = (BOOTED_MS.length + 1) / 2
  let yes = 0
  for (const [at, bootedMs] of BOOTED_MS.entries()) {
    if (await says(bootedMs)) yes++
    if (yes === most) return true
    if (at + 1 - yes === most) return false
  }
  return false
}

describe("the measured program on a virtual RP2040", () => {
  it("says HELLO, has its I2C device ready, and answers a read as fast as measured", async () => {
    const { clock, machine, open } = await power("I2C alone", BOOTED_MS[0])
    const startMs = clock.now()
    const since = () => clock.now() - startMs
    const bus = new OpenedBus(await clock.run(open()))
    const hello = since()
    const i2c = await clock.run(bus.i2c())
    const ready = since()
    await clock.run(i2c.readBlock(0x50, 0, 2))
    const firstRead = since()
    expect(isNear(hello, RUNNING_MS.hello), `HELLO ${hello}`).toBe(true)
    expect(isNear(ready, RUNNING_MS.ready), `I2C ready ${ready}`).toBe(true)
    expect(isNear(firstRead, RUNNING_MS.firstRead), `first read ${firstRead}`).toBe(true)
    // each slot is used once, so that what comes describes none
    for (let at = 0; at < 130; at++) await clock.run(i2c.readBlock(0x50, at, 2))
    const readsMs: number[] = []
    for (let each = 0; each < SINGLE_READS; each++) {
      await clock.advance(REST_MS)
      const restedMs = clock.now()
      await clock.run(i2c.readBlock(0x50, each, 2))
      readsMs.push(clock.now() - restedMs)
    }
    // one of them meets the board's own announcement
    const singleRead = readsMs.sort((a, b) => a - b)[SINGLE_READS >> 1] as number
    expect(isNear(singleRead, SINGLE_READ_MS), `single reads ${readsMs}`).toBe(true)
    await bus.close()
    machine.stop()
  })

  it.each(Object.entries(HEAP_LEFT_BYTES) as [BoardKind, Range][])(
    "leaves as much heap as measured, in most of several tries: %s",
    async (kind, [least, most]) => {
      const lived = (bytes: number) => (bootedMs: number) => isHeld(kind, bytes, bootedMs)
      const ended = (bytes: number) => async (bootedMs: number) => !(await isHeld(kind, bytes, bootedMs))
      expect(await isSoInMost(lived(least * (1 - ERROR)))).toBe(true)
      expect(await isSoInMost(ended(most * (1 + ERROR)))).toBe(true)
    },
  )
})
