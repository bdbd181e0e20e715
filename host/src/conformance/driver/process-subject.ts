// A driver under test as a process of its own: the suite listens, starts the command, and watches it end.

import { systemClock } from "../../clock.js"
import { Emitter } from "../../emitter.js"
import { PlainServer } from "../../node/plain-server.js"
import { TestedCommand } from "../tested-command.js"
import { CHIP_ADDRESS, CHIP_REGISTER, CHIP_VALUE } from "./device-types.js"
import { atMost, type DriverOutcome, type DriverSubject, play } from "./driver-runs.js"
import { type Scenario, ScriptedBus } from "./scripted-bus.js"
import { memoryOf } from "./seen-chain.js"

const WINDOW_BYTES = 65536
/** No wait of a driver may be longer. */
const RUN_LIMIT_MS = 20_000
/** A process may take so long to start and connect, on a machine that does much else. */
const CONNECT_LIMIT_MS = 60_000
/** Processes at once. */
const MOST_RUNNING = 3

/** Is replaced by the port in a command line. */
export const PORT_PLACEHOLDER = "{port}"

export interface ProcessSubjectOptions {
  /** The time that the driver may take after it has connected. */
  readonly limitMs?: number
  /**
   * The window is in this file in every scenario, and the suite listens at the same path with `.sock` behind it. This
   * is for a virtual machine that is started once. Scenarios then run one after another.
   */
  readonly windowPath?: string
}

/**
 * Runs `command` once a scenario. It learns of the bus from its environment: VIRTIO_MSG_PORT (plain:unix:PATH),
 * VIRTIO_MSG_SOCKET (PATH), VIRTIO_MSG_WINDOW (the shared file) and, where it stands in an argument, {port}. What takes
 * longer than `limitMs` from its connection on is ended, with all that it started.
 */
export function processSubject(
  command: readonly string[],
  { limitMs = RUN_LIMIT_MS, windowPath }: ProcessSubjectOptions = {},
): DriverSubject {
  const most = windowPath === undefined ? MOST_RUNNING : 1
  return atMost(most, (scenario) => runOnce(command, scenario, limitMs, windowPath))
}

async function runOnce(
  command: readonly string[],
  scenario: Scenario,
  limitMs: number,
  windowPath: string | undefined,
) {
  let bus: ScriptedBus | undefined
  const connected = new Emitter<[]>()
  const parameters = { revision: 1, maxMessageSize: 264, transportFeatures: 0, ...scenario.parameters }
  const events = {
    onFrame: (frame: Uint8Array) => bus?.take(frame),
    onConnect: () => {
      connected.emit()
      for (const device of bus?.devices ?? []) device.reset()
    },
  }
  const where = windowPath === undefined ? undefined : `${windowPath}.sock`
  const server = await PlainServer.listen(parameters, WINDOW_BYTES, events, where, windowPath)
  const memory = memoryOf(server.window)
  const played = new ScriptedBus(scenario, memory, systemClock, (frame) => server.send(frame))
  bus = played
  played.onNewParameters = () => {
    server.greetWith(played.parameters)
    server.disconnect()
  }
  try {
    return await play(played, () => runProcess(command, server, scenario, connected, limitMs))
  } finally {
    await server.close()
  }
}

async function runProcess(
  command: readonly string[],
  server: PlainServer,
  scenario: Scenario,
  connected: Emitter<[]>,
  runLimitMs: number,
): Promise<DriverOutcome> {
  const tested = new TestedCommand(
    command.map((word) => word.replaceAll(PORT_PLACEHOLDER, server.port)),
    {
      VIRTIO_MSG_PORT: server.port,
      VIRTIO_MSG_SOCKET: server.socketPath,
      VIRTIO_MSG_WINDOW: server.window.path,
      VIRTIO_MSG_SCENARIO: scenario.name,
      VIRTIO_MSG_CHIP: String(CHIP_ADDRESS),
      VIRTIO_MSG_REGISTER: String(CHIP_REGISTER),
      VIRTIO_MSG_VALUE: String(CHIP_VALUE),
    },
    "virtio-msg conform driver -- ./my-driver {port}",
  )
  let isKilled = false
  const limit = (limitMs: number) =>
    setTimeout(() => {
      isKilled = true
      tested.end()
    }, limitMs)
  let timer = limit(CONNECT_LIMIT_MS)
  const off = connected.on(() => {
    off()
    clearTimeout(timer)
    timer = limit(runLimitMs)
  })
  try {
    await tested.started
    const { code, signal } = await tested.ended
    const how = `${describeEnd(isKilled, code, signal, runLimitMs)}${tested.lastWords}`
    return { isDone: code === 0, isKilled, how }
  } finally {
    clearTimeout(timer)
  }
}

function describeEnd(isKilled: boolean, code: number | null, signal: string | null, limitMs: number): string {
  if (isKilled) return `It had not ended ${limitMs / 1000} s after it connected, or never did.`
  return signal !== null ? `It was ended by ${signal}.` : `It ended with exit code ${code}.`
}
