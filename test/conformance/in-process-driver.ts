// Our driver against the suite's scripted bus in one process and in virtual time, with a way to make it do wrong.

import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import type { DriverSubject } from "../../host/src/conformance/driver/driver-runs.js"
import { driveOwn } from "../../host/src/conformance/driver/own-driver.js"
import { ScriptedBus } from "../../host/src/conformance/driver/scripted-bus.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { PlainChannel } from "../../host/src/plain/plain-channel.js"
import type { PlainEvents } from "../../host/src/plain/plain-peer.js"

const WINDOW_BYTES = 65536
/** Virtual time that a driver may take before it counts as hanging. */
const RUN_LIMIT_MS = 30_000

/** What is wrong with a driver, and its side of the bus. */
export interface DriverFault {
  /** Frames on their way from the driver: as they are to be; none to lose one, more to add. */
  readonly send?: (frame: Uint8Array, window: Uint8Array) => readonly Uint8Array[]
  /** Frames on their way to the driver. */
  readonly receive?: (frame: Uint8Array, window: Uint8Array) => readonly Uint8Array[]
  /** What the driver does instead of its work. */
  readonly work?: (bus: OpenedBus) => Promise<void>
  /** The driver says that it did its work whatever happened. */
  readonly isAlwaysDone?: boolean
  /** The driver takes a bus without notifications for one that has them. */
  readonly missesPolling?: boolean
  /** The driver ends only when it succeeds. */
  readonly neverGivesUp?: boolean
}

/** A subject for `checkDriver`. Each run has a clock of its own. */
export function inProcessDriver(fault: DriverFault = {}): DriverSubject {
  return async (scenario) => {
    const clock = new VirtualClock(1000)
    const window = new Uint8Array(WINDOW_BYTES)
    let events: PlainEvents | undefined
    let connection = 0
    const toDriver = (frame: Uint8Array) => {
      for (const each of fault.receive?.(frame, window) ?? [frame])
        clock.schedule(0.1, () => events?.onFrame(Uint8Array.from(each)))
    }
    const memory = {
      read: (address: bigint, length: number) => {
        const at = Number(address < BigInt(WINDOW_BYTES) ? address : WINDOW_BYTES)
        const bytes = new Uint8Array(length)
        bytes.set(window.subarray(at, at + length))
        return bytes
      },
      write: (address: bigint, bytes: Uint8Array) => {
        const at = Number(address < BigInt(WINDOW_BYTES) ? address : WINDOW_BYTES)
        window.set(bytes.subarray(0, WINDOW_BYTES - at), at)
      },
    }
    const bus = new ScriptedBus(scenario, memory, clock, toDriver)
    bus.onNewParameters = () => {
      const ended = events
      events = undefined
      connection++
      clock.schedule(0.1, () => ended?.onClose(undefined))
    }
    const connect = async (taking: PlainEvents) => {
      events = taking
      const mine = ++connection
      for (const device of bus.devices) device.reset()
      return {
        greeting: {
          ...bus.parameters,
          ...(fault.missesPolling ? { isPolling: false } : {}),
          windowBytes: WINDOW_BYTES,
          file: "",
        },
        window: {
          read: (offset: number, length: number) => window.slice(offset, offset + length),
          write: (offset: number, bytes: Uint8Array) => window.set(bytes, offset),
        },
        send: (frame: Uint8Array) => {
          if (mine !== connection) return
          for (const each of fault.send?.(frame, window) ?? [frame]) bus.take(Uint8Array.from(each))
        },
        close: async () => {
          if (mine === connection) events = undefined
        },
      }
    }
    const channel = new PlainChannel("in process", connect)
    let poll = () => {}
    if (scenario.pollMs !== undefined) {
      const { pollMs } = scenario
      poll = () => {
        bus.poll()
        clock.schedule(pollMs, poll)
      }
      poll()
    }
    const drive = async () => {
      const opened = new OpenedBus(await Bus.open(channel, { clock, reopen: true }))
      try {
        await (fault.work ?? driveOwn)(opened)
      } finally {
        await opened.close()
      }
    }
    const outcome = await outcomeOf(clock, fault, drive)
    bus.end()
    return { bus, outcome }
  }
}

async function outcomeOf(clock: VirtualClock, fault: DriverFault, drive: () => Promise<void>) {
  try {
    await clock.run(drive(), RUN_LIMIT_MS)
    return { isDone: true, isKilled: false, how: "It was done." }
  } catch (error) {
    const how = error instanceof Error ? error.message : String(error)
    const isKilled = /has not settled/.test(how) || fault.neverGivesUp === true
    return { isDone: !isKilled && fault.isAlwaysDone === true, isKilled, how }
  }
}
