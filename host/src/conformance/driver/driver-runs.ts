// The runs of a driver under test: one for each scenario that a row asks for, each made only once. And what can be
// read from a run.

import { getU16, getU32 } from "../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE, TYPE_BUS } from "../../../../shared-protocol/src/messages/header.js"
import type { Exchange } from "../conversation.js"
import { blocked, unlessVerdict } from "../verdict.js"
import { scenarioOf } from "./scenarios.js"
import type { Scenario, ScriptedBus } from "./scripted-bus.js"
import type { ScriptedDevice } from "./scripted-device.js"

/** How a run of the driver ended. */
export interface DriverOutcome {
  /** The driver says that it did what it was asked to do. */
  readonly isDone: boolean
  /** It had to be ended: it waited longer than it ever has to. */
  readonly isKilled: boolean
  /** In words, for people. */
  readonly how: string
}

/**
 * Starts the driver against one scenario and waits for its end. Rejects with a Verdict when this scenario cannot be played
 * in front of it.
 */
export type DriverSubject = (scenario: Scenario) => Promise<{ bus: ScriptedBus; outcome: DriverOutcome }>

export class DriverRun implements DriverOutcome {
  readonly bus: ScriptedBus
  readonly isDone: boolean
  readonly isKilled: boolean
  readonly how: string
  readonly transcript: readonly Exchange[]

  constructor(bus: ScriptedBus, { isDone, isKilled, how }: DriverOutcome) {
    this.bus = bus
    this.isDone = isDone
    this.isKilled = isKilled
    this.how = how
    this.transcript = bus.transcript
  }

  /** Whether the I2C device has seen a request: a driver may say that it is done without having done anything. */
  get hasWorked(): boolean {
    return this.bus.i2c.chains.length > 0
  }

  /** Frames from the driver, oldest first. */
  get sent(): Uint8Array[] {
    return this.transcript.flatMap(({ direction, frame }) => (direction === "in" ? [frame] : []))
  }

  /** The places in the transcript where the driver sends this transport message to this device. */
  places(device: ScriptedDevice, msgId: number): number[] {
    return this.transcript.flatMap(({ direction, frame }, at) =>
      direction === "in" && isMessage(frame, msgId) && getU16(frame, 2) === device.devNum ? [at] : [],
    )
  }

  /** The transport messages with this id that the driver sends to this device. */
  messages(device: ScriptedDevice, msgId: number): Uint8Array[] {
    return this.places(device, msgId).map((at) => (this.transcript[at] as Exchange).frame)
  }

  /** A 32-bit number in the payload of the message at this place. */
  wordAt(at: number, offset: number): number {
    return word(this.transcript[at]?.frame ?? new Uint8Array(0), offset)
  }

  /** The place where this event is first sent to the driver; -1 if it never is. */
  firstEvent(msgId: number): number {
    return this.transcript.findIndex(({ direction, frame }) => direction === "out" && frame[1] === msgId)
  }

  /** The place of the response to the request at this place, which has the request's token; -1 if there is none. */
  placeOfResponse(at: number): number {
    const request = this.transcript[at]?.frame
    if (!request) return -1
    return this.transcript.findIndex(
      ({ direction, frame }, later) =>
        later > at &&
        direction === "out" &&
        frame.length >= HEADER_SIZE &&
        ((frame[0] as number) & 1) === 1 &&
        frame[1] === request[1] &&
        getU16(frame, 4) === getU16(request, 4) &&
        getU16(frame, 2) === getU16(request, 2),
    )
  }

  /** Devices that the driver brought to DRIVER_OK or tried to. */
  get driven(): ScriptedDevice[] {
    return this.bus.devices.filter((device) => this.places(device, 0x08).length > 0)
  }
}

export class DriverRuns {
  /** The scenario that was asked for last. A row's failure is about it. */
  lastAsked: string | undefined
  readonly #subject: DriverSubject
  readonly #runs = new Map<string, Promise<DriverRun>>()

  constructor(subject: DriverSubject) {
    this.#subject = subject
  }

  /** The run of this scenario. It is made now unless it was made before. */
  run(name: string): Promise<DriverRun> {
    this.lastAsked = name
    let run = this.#runs.get(name)
    if (!run) {
      run = this.probe(scenarioOf(name))
      run.catch(() => {})
      this.#runs.set(name, run)
    }
    return run
  }

  /** A run of a scenario that no row is about. */
  async probe(scenario: Scenario): Promise<DriverRun> {
    const { bus, outcome } = await this.#subject(scenario)
    return new DriverRun(bus, outcome)
  }

  /** The run in which everything is right. Blocks the row when the driver fails even there. */
  async good(name = "plain"): Promise<DriverRun> {
    const run = await this.run(name)
    if (!run.isDone) blocked(`The driver does not do its work where everything is right: ${run.how}`)
    if (!run.hasWorked) blocked("The driver says that it did its work, and made no request.")
    return run
  }

  /** The run of a scenario, which tells nothing of a driver that fails where everything is right: see `good`. */
  async runAfterGood(name: string): Promise<DriverRun> {
    await this.good()
    return this.run(name)
  }

  /** All runs that were made so far, and that of "plain". */
  async all(): Promise<DriverRun[]> {
    await this.run("plain")
    // a scenario that cannot be played tells nothing
    const runs = await Promise.all([...this.#runs.values()].map((run) => run.catch(unlessVerdict)))
    return runs.filter((run) => run !== undefined)
  }

  /** Every transport message with this id, to any device, in all runs so far: with its place in the transcript. */
  async messages(msgId: number) {
    const found: { run: DriverRun; device: ScriptedDevice; at: number; frame: Uint8Array }[] = []
    for (const run of await this.all())
      for (const device of run.bus.devices)
        for (const at of run.places(device, msgId))
          found.push({ run, device, at, frame: (run.transcript[at] as Exchange).frame })
    return found
  }

  /** Every frame that the driver sent, in all runs so far. */
  async everyFrame(): Promise<Uint8Array[]> {
    return (await this.all()).flatMap((run) => run.sent)
  }
}

/** Has `work` done in front of the bus, as its scenario wants that. */
export async function play(bus: ScriptedBus, work: () => Promise<DriverOutcome>) {
  const { pollMs } = bus.scenario
  const polling = pollMs === undefined ? undefined : setInterval(() => bus.poll(), pollMs)
  try {
    return { bus, outcome: await work() }
  } finally {
    clearInterval(polling)
    bus.end()
  }
}

/** Runs so many scenarios at once, and the others after them. */
export function atMost(most: number, run: DriverSubject): DriverSubject {
  let running = 0
  const waiting: (() => void)[] = []
  return async (scenario) => {
    if (running === most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await run(scenario)
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}

/** Whether a frame is a transport message, as opposed to one of the bus, and has a header. */
export function isTransport(frame: Uint8Array): boolean {
  return frame.length >= HEADER_SIZE && ((frame[0] as number) & TYPE_BUS) === 0
}

function isMessage(frame: Uint8Array, msgId: number): boolean {
  return isTransport(frame) && frame[1] === msgId
}

/** A 32-bit number of a message's payload. */
export function word(frame: Uint8Array, offset: number): number {
  return frame.length >= HEADER_SIZE + offset + 4 ? getU32(frame, HEADER_SIZE + offset) : 0
}
