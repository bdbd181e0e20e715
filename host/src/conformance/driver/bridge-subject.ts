// The driver of the Linux that this runs on as the driver under test, behind the kernel's bridge (docs/bridge.md): the suite's
// scripted devices are a device model, attached anew for each scenario.

import { execFile } from "node:child_process"
import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { DEVICE_REMOVED, decodeEventDevice } from "../../../../shared-protocol/src/messages/bus.js"
import { HEADER_SIZE, TYPE_BUS } from "../../../../shared-protocol/src/messages/header.js"
import { STATUS_FAILED } from "../../../../shared-protocol/src/messages/status.js"
import { delay, systemClock } from "../../clock.js"
import { systemFailed } from "../../errors.js"
import { BridgeSession } from "../../node/bridge/bridge-session.js"
import { LEAST_MAX_MESSAGE_SIZE } from "../../node/bridge/layouts.js"
import { nodesOfBridge, virtioDevices } from "../../node/bridge/linux-devices.js"
import type { BridgeNode } from "../../node/bridge/node.js"
import { openBridgeNode } from "../../node/bridge/node-system.js"
import { SystemError } from "../../node/vhost-user/libc.js"
import { skip } from "../verdict.js"
import { CHIP_ADDRESS, CHIP_REGISTER, CHIP_VALUE } from "./device-types.js"
import { atMost, type DriverOutcome, type DriverSubject, play } from "./driver-runs.js"
import { type Scenario, ScriptedBus } from "./scripted-bus.js"

/** An endpoint of the suite's own, so that a board that is attached is not disturbed. */
const ADDRESS = { busName: "loopback", busId: "conform" }
/** How long the driver may take to make an adapter, and a read of it. */
const ADAPTER_LIMIT_MS = 20_000
const READ_LIMIT_MS = 20_000
const TRIES = 3
const LOOK_EVERY_MS = 50

/** The driver of the running kernel. Scenarios run one after another. A run rejects where there is no node. */
export function bridgeSubject(): DriverSubject {
  return atMost(1, runOnce)
}

async function runOnce(scenario: Scenario) {
  if (scenario.parameters?.isPolling)
    skip("The bridge always has EVENT_AVAIL and EVENT_USED: a bus with polling only cannot be played on it.")
  const before = await virtioDevices()
  // a model that detaches leaves its devices behind while somebody else holds their endpoint
  const holder = await openBridgeNode()
  try {
    const handle = holder.resolve(ADDRESS, true)
    const run = await runModel(scenario, before)
    holder.release(handle)
    return run
  } finally {
    holder.close()
  }
}

async function runModel(scenario: Scenario, before: readonly string[]) {
  const model = new Model(scenario, await openBridgeNode())
  try {
    return await play(model.bus, async () => {
      const outcome = await work(model.bus, before)
      await delay(systemClock, scenario.watchMs ?? 0)
      if (model.failure !== undefined) throw model.failure
      return outcome
    })
  } finally {
    model.close()
  }
}

/** The suite's bus as a device model. Where its parameters change it detaches, and attaches anew. */
class Model {
  readonly bus: ScriptedBus
  /** Why it could not attach anew. */
  failure: unknown
  #session: BridgeSession
  #isClosed = false
  /** The connection has ended: what the kernel said before it knew does not arrive any more. */
  #isChanging = false
  readonly #removed = new Set<number>()

  constructor(scenario: Scenario, node: BridgeNode) {
    const memory = {
      read: (address: bigint, lengthBytes: number) => this.#session.window.read(Number(address), lengthBytes),
      write: (address: bigint, bytes: Uint8Array) => this.#session.window.write(Number(address), bytes),
    }
    this.bus = new ScriptedBus(scenario, memory, systemClock, (frame) => this.#send(frame))
    this.#keepLeast()
    this.bus.onNewParameters = () => {
      this.#isChanging = true
      this.#keepLeast()
      // in its turn: the session is taking a frame
      setImmediate(() =>
        this.#attachAnew().catch((error) => {
          this.failure = error
        }),
      )
    }
    this.#session = this.#attach(node)
  }

  close(): void {
    this.#isClosed = true
    this.#session.close()
  }

  /** A message of the bridge's own has to fit: what a scenario wants smaller cannot be had. */
  #keepLeast(): void {
    const { parameters } = this.bus
    this.bus.parameters = {
      ...parameters,
      maxMessageSize: Math.max(LEAST_MAX_MESSAGE_SIZE, parameters.maxMessageSize),
    }
  }

  #attach(node: BridgeNode): BridgeSession {
    const session = attach(node, this.bus.parameters.maxMessageSize)
    session.onFrame.on((frame) => {
      if (!this.#isChanging) this.bus.take(frame)
    })
    session.onOnline.on(() => {
      for (const device of this.bus.devices) device.reset()
      this.#publish()
    })
    return session
  }

  async #attachAnew(): Promise<void> {
    this.#session.close()
    const node = await openBridgeNode()
    this.#isChanging = false
    if (this.#isClosed) node.close()
    else this.#session = this.#attach(node)
  }

  #publish(): void {
    const numbers = this.bus.devices.map(({ devNum }) => devNum)
    this.#session.publish(numbers.filter((devNum) => !this.#removed.has(devNum)))
  }

  #send(frame: Uint8Array): void {
    if (frame.length < HEADER_SIZE) return
    // what comes and goes is a topology here
    if (((frame[0] as number) & TYPE_BUS) !== 0) {
      const event = decodeEventDevice(frame)
      if (!event.ok) return
      const { deviceNumber, busState } = event.value
      if (busState === DEVICE_REMOVED) this.#removed.add(deviceNumber)
      else this.#removed.delete(deviceNumber)
      this.#publish()
    } else if (getU16(frame, 6) >= HEADER_SIZE) this.#session.send(frame)
  }
}

function attach(node: BridgeNode, maxMessageSize: number): BridgeSession {
  try {
    return new BridgeSession(node, { address: ADDRESS, maxMessageSize })
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    throw systemFailed(`The kernel attaches no device model: ${error.message}.`, {
      hint: "Is another conform driver --bridge at work? What does the kernel say? sudo dmesg | tail",
      cause: error,
    })
  }
}

/** Waits for the adapter and reads the register, again if that fails: a device may want a reset. */
async function work({ i2c }: ScriptedBus, before: readonly string[]): Promise<DriverOutcome> {
  // a driver that gave the device up says so
  const adapter = await findAdapter(before, () => (i2c.status & STATUS_FAILED) !== 0)
  if (adapter === undefined)
    return { isDone: false, isKilled: false, how: "Its driver made no I2C adapter of the device." }
  let said = ""
  for (let n = 0; n < TRIES; n++) {
    const { output, isKilled } = await readRegister(adapter)
    if (isKilled) return { isDone: false, isKilled, how: "i2cget did not end." }
    said = output
    if (Number(said) === CHIP_VALUE) return { isDone: true, isKilled: false, how: "It read the register." }
    await delay(systemClock, 4 * LOOK_EVERY_MS)
  }
  return { isDone: false, isKilled: false, how: `i2cget said: ${said}` }
}

async function findAdapter(before: readonly string[], isGivenUp: () => boolean): Promise<number | undefined> {
  const endMs = systemClock.now() + ADAPTER_LIMIT_MS
  while (systemClock.now() < endMs && !isGivenUp()) {
    for (const node of await nodesOfBridge(ADDRESS, before)) {
      const number = /^\/dev\/i2c-(\d+)$/.exec(node)?.[1]
      if (number !== undefined) return Number(number)
    }
    await delay(systemClock, LOOK_EVERY_MS)
  }
  return undefined
}

function readRegister(adapter: number): Promise<{ readonly output: string; readonly isKilled: boolean }> {
  const args = ["-y", String(adapter), String(CHIP_ADDRESS), String(CHIP_REGISTER)]
  return new Promise((resolve) => {
    execFile("i2cget", args, { timeout: READ_LIMIT_MS, killSignal: "SIGKILL" }, (error, stdout, stderr) =>
      resolve({ output: (stdout || stderr).trim(), isKilled: error?.killed === true }),
    )
  })
}
