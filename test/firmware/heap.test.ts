// How much of the chip's heap is left under the heaviest load: the firmware holds some of it back from the start, and has
// to serve everything at once for a while. On a board as slow as a chip, where packets and fibers pile up, and on one
// that computes in no time. What counts is the whole block that an allocation looks for, not the sum of what is free.

import { beforeAll, describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { withSettings } from "../../host/src/deploy/program-image.js"
import type { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { VirtioMsgError } from "../../host/src/errors.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { HEAP_NEEDED_KIB } from "../../host/src/node/deploy-firmware.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import type { McuName } from "../../host/src/vm/chip-model.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { compileFirmware } from "../support/compile-firmware.js"

const HEAP_BYTES = 64 * 1024
const ALL_LEAVE_BYTES = 11_400
/** What main-ballast holds for each character of its setting: 128 bytes, and what a buffer takes beside them. */
const PIECE_BYTES = 140
const LOAD_MS = 4000
/** The model is right about what is left by this much (test/bench/measured-program.test.ts). */
const MODEL_ERROR = 0.1
/** When the load begins, behind everything else: what meets what depends on it. */
const PHASES_MS = [0, 12.7, 37.7]

/** Transfers that keep all 64 slots of the I2C queue taken, with chains of every shape and reads of every length. */
const FULL_QUEUE = Array.from({ length: 64 }, (_, n) => async (i2c: I2cAdapter, at: number) => {
  if (n % 4 === 0) await i2c.readBlock(0x54, at % 19, 1 + (at % 15))
  else if (n % 4 === 1) await i2c.readBlock(0x50, at, n === 1 ? 256 : 1 + (at % 40))
  else if (n % 4 === 2) await i2c.probe(0x08 + at)
  else await i2c.writeByte(0x56, at % 19, at)
})

interface Case {
  readonly title: string
  readonly settings: readonly (readonly [string, string])[]
  readonly heldBytes: number
}

const CASES: readonly Case[] = [
  { title: "all four devices leave 11.4 kB", settings: [], heldBytes: ALL_LEAVE_BYTES },
  { title: "I2C alone leaves 25 kB", settings: [["virtio.devices", "i2c"]], heldBytes: 25_000 },
  {
    title: `I2C alone with a small window fits in the ${HEAP_NEEDED_KIB.i2cAlone} kB that deploy asks for`,
    settings: [
      ["virtio.devices", "i2c"],
      ["virtio.window", "small"],
    ],
    heldBytes: HEAP_BYTES - HEAP_NEEDED_KIB.i2cAlone * 1024,
  },
]

let firmware: Uint8Array
beforeAll(() => {
  firmware = compileFirmware("main-ballast")
})

/** Serves all that the board has for LOAD_MS; returns the panics and what was served of each kind. */
async function load(
  { settings, heldBytes }: Case,
  mcu: McuName | undefined,
  phaseMs: number,
  panics: number[] = [],
) {
  const ballast = "x".repeat(Math.ceil(heldBytes / PIECE_BYTES))
  const program = withSettings(firmware, new Map([...settings, ["test.ballast", ballast]]))
  const clock = new VirtualClock(1000)
  const machine = new VirtualMachine({ program, clock, mcu })
  machine.onPanic.on((code) => panics.push(code))
  const link = new JacdacLink(new VmPort(machine), clock)
  const board = new OpenedBus(await clock.run(Bus.open(link, { clock, random: () => 0.25 })))
  const i2c = await clock.run(board.i2c())
  await clock.advance(phaseMs)
  const endMs = clock.now() + LOAD_MS
  const isOver = () => panics.length > 0 || clock.now() >= endMs
  const served = new Map<string, number>()
  const serve = (what: string, count: number) => served.set(what, (served.get(what) ?? 0) + count)
  const loads: Promise<void>[] = []
  if (settings.length === 0) {
    const chip = await clock.run(board.gpio())
    const rng = await clock.run(board.rng())
    const shell = await clock.run(board.shell())
    for (const line of [5, 6]) await clock.run(shell.run(`pattern ${line} 01 10`))
    const watch = await clock.run(chip.watch(["BUTTON", "CLOCK", "IN", 5, 6]))
    const port = await clock.run(board.console())
    loads.push(
      (async () => {
        for await (const _ of watch) serve("edges", 1)
      })(),
      (async () => {
        for await (const bytes of rng.stream(1_000_000)) serve("random bytes", bytes.length)
      })(),
      (async () => {
        await port.write(new TextEncoder().encode("flood 100000\n"))
        for await (const bytes of port) serve("printed bytes", bytes.length)
      })(),
    )
  }
  loads.push(
    ...FULL_QUEUE.map(async (transfer, at) => {
      while (!isOver()) {
        await transfer(i2c, at)
        serve("transfers", 1)
      }
    }),
  )
  for (const each of loads) each.catch(() => {}) // they end with the board
  while (!isOver()) await clock.advance(20)
  await board.close()
  machine.stop()
  return { panics, served }
}

describe.each([undefined, "rp2040"] as const)("the heap of a board that is as slow as %s", (mcu) => {
  it.each(CASES)("$title under the heaviest load", async (kind) => {
    for (const phaseMs of PHASES_MS) {
      const { panics, served } = await load(kind, mcu, phaseMs)
      expect(panics, `a load that begins ${phaseMs} ms later`).toEqual([])
      expect(served.get("transfers")).toBeGreaterThan(mcu ? 100 : 400)
      if (kind.settings.length === 0) expect(served.size).toBe(4)
    }
  })

  it("ends when more is held than there is: 15 kB beside all four devices", async () => {
    const panics: number[] = []
    // what still waits for the program when it ends fails with it
    await load({ title: "", settings: [], heldBytes: 15_000 }, mcu, 0, panics).catch(() => {})
    expect(panics).toEqual([60004])
  })
})

describe("a program that holds more than there is, and ends again and again", () => {
  const SET_UP_LIMIT_MS = 15_000

  it.each([undefined, "rp2040"] as const)(
    "is told so in bounded virtual time, on a board as slow as %s",
    async (mcu) => {
      const codes = new Set<string>()
      for (let pieces = 110; pieces < 160; pieces += 3) {
        const program = withSettings(firmware, new Map([["test.ballast", "x".repeat(pieces)]]))
        const clock = new VirtualClock()
        const machine = new VirtualMachine({ program, clock, mcu })
        const link = new JacdacLink(new VmPort(machine), clock)
        const setUp = async () => {
          const board = new OpenedBus(await Bus.open(link, { clock, random: () => 0.25 }))
          try {
            await Promise.all([board.i2c(), board.gpio(), board.rng(), board.console()])
          } finally {
            await board.close()
          }
        }
        await clock.run(setUp(), SET_UP_LIMIT_MS).then(
          () => codes.add("served"),
          (error: unknown) => {
            if (!(error instanceof VirtioMsgError)) throw error
            codes.add(error.code)
          },
        )
        machine.stop()
      }
      expect(codes).toContain("served")
      expect(codes).toContain("NOT_FOUND") // nothing of the program is seen at all
      expect(codes).toContain("CONNECT_FAILED") // it is seen, and does not live to say HELLO
    },
  )
})

it("is what deploy asks for, with the model's error, in whole kB", () => {
  const neededBytes = HEAP_BYTES - ALL_LEAVE_BYTES * (1 - MODEL_ERROR)
  expect(Math.ceil(neededBytes / 1024)).toBe(HEAP_NEEDED_KIB.all)
})
