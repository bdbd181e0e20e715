// How long it takes until a bus is usable again, over the bytecode in the VM, in virtual time: after a board's
// announcement, after it was plugged in again, after the host's process started again. Usable: a register read returns.

import { VirtualClock } from "../../host/src/clock.js"
import { ANNOUNCE_REPORT, decodeFrame } from "../../host/src/link/jacdac-frame.js"
import type { OpenedBus } from "../../host/src/open-bus.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { openOver } from "./open-over.js"

export interface RecoveryTimes {
  readonly afterAnnounceMs: number
  readonly afterReplugMs: number
  readonly afterHostRestartMs: number
}

/** What must be reached. */
export const RECOVERY_LIMITS: RecoveryTimes = {
  afterAnnounceMs: 1500,
  afterReplugMs: 2000,
  afterHostRestartMs: 300,
}

/** Byte 0 of the simulated RAM at 0x54. */
const READ = { address: 0x54, register: 0, value: 0x31 }
const GIVE_UP_MS = 30_000

/** `program` is the firmware with simulated chips. */
export async function measureRecovery(program: Uint8Array): Promise<RecoveryTimes> {
  const clock = new VirtualClock(1000)
  const machine = new VirtualMachine({ program, clock })
  await machine.start()
  const first = await openOver(clock, 1, machine)
  await usable(clock, first.bus)

  // the board starts again while a call is in flight
  const inFlight = readOnce(first.bus).catch(() => {})
  await clock.advance(1)
  await machine.restart()
  const announcedMs = await announcement(clock, machine)
  const afterAnnounceMs = (await usable(clock, first.bus)) - announcedMs
  await inFlight

  // it is unplugged for ten seconds, and lives on the cable's power
  first.stream.unplug()
  machine.stop()
  await clock.advance(10_000)
  await machine.start()
  await announcement(clock, machine)
  first.stream.plugIn()
  const pluggedMs = clock.now()
  const afterReplugMs = (await usable(clock, first.bus)) - pluggedMs

  // the process is gone, with calls in flight, and another begins
  for (let at = 0; at < 16; at++) readOnce(first.bus).catch(() => {})
  await clock.advance(3)
  first.stream.unplug()
  const startedMs = clock.now()
  const second = await openOver(clock, 2, machine)
  const afterHostRestartMs = (await usable(clock, second.bus)) - startedMs

  await first.bus.close()
  await second.bus.close()
  machine.stop()
  return { afterAnnounceMs, afterReplugMs, afterHostRestartMs }
}

/** When the service announces itself next. */
export async function announcement(clock: VirtualClock, machine: VirtualMachine): Promise<number> {
  let announcedMs = 0
  const off = machine.onFrame.on((frame) => {
    const [packet] = decodeFrame(frame)
    // the board itself announces no service but its control service, and is there earlier than the program
    if (packet?.serviceIndex === 0 && packet.command === ANNOUNCE_REPORT && packet.payload.length >= 16)
      announcedMs ||= clock.now()
  })
  for (let waited = 0; announcedMs === 0 && waited < GIVE_UP_MS; waited++) await clock.advance(1)
  off()
  return announcedMs
}

/** Tries again and again, and returns when a read came back. */
async function usable(clock: VirtualClock, bus: OpenedBus): Promise<number> {
  const endMs = clock.now() + GIVE_UP_MS
  while (clock.now() < endMs) {
    const value = await clock.run(readOnce(bus).catch(() => undefined))
    if (value === READ.value) return clock.now()
    await clock.advance(10)
  }
  return Number.POSITIVE_INFINITY
}

async function readOnce(bus: OpenedBus): Promise<number> {
  return (await bus.i2c()).readByte(READ.address, READ.register)
}
