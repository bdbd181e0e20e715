// A driver under test as a process of its own: the suite listens, starts the command, and watches it end.

import { type ChildProcess, spawn } from "node:child_process"
import { systemClock } from "../../clock.js"
import { Emitter } from "../../emitter.js"
import { VirtioMsgError } from "../../errors.js"
import { PlainServer } from "../../node/plain-server.js"
import { CHIP_ADDRESS, CHIP_REGISTER, CHIP_VALUE } from "./device-types.js"
import type { DriverOutcome, DriverSubject } from "./driver-runs.js"
import type { Scenario } from "./scripted-bus.js"
import { ScriptedBus } from "./scripted-bus.js"

const WINDOW_BYTES = 65536
/** Longer than any wait of a driver may be. */
const RUN_LIMIT_MS = 20_000
/** A process may take so long to start and connect, on a machine that does much else. */
const CONNECT_LIMIT_MS = 60_000
/** Bytes of output kept, to quote the last line. */
const OUTPUT_KEPT = 4000
/** Processes at once. */
const MOST_RUNNING = 3

const hasGroups = process.platform !== "win32"
/** The commands that run now. */
const running = new Set<ChildProcess>()
let isEndingWithUs = false

/** Where a command line wants the port. */
export const PORT_PLACEHOLDER = "{port}"

/**
 * Runs `command` once a scenario. It learns of the bus from its environment: VIRTIO_MSG_PORT (plain:unix:PATH),
 * VIRTIO_MSG_SOCKET (PATH), and, where it stands in an argument, {port}. What takes longer than `limitMs` from its
 * connection on is ended, with all that it started.
 */
export function processSubject(command: readonly string[], limitMs = RUN_LIMIT_MS): DriverSubject {
  if (hasGroups) endWithUs()
  let runningCount = 0
  const waiting: (() => void)[] = []
  return async (scenario) => {
    if (runningCount >= MOST_RUNNING) await new Promise<void>((resolve) => waiting.push(resolve))
    runningCount++
    try {
      return await runOnce(command, scenario, limitMs)
    } finally {
      runningCount--
      waiting.shift()?.()
    }
  }
}

async function runOnce(command: readonly string[], scenario: Scenario, limitMs: number) {
  let bus: ScriptedBus | undefined
  const connected = new Emitter<[]>()
  const parameters = { revision: 1, maxMessageSize: 264, transportFeatures: 0, ...scenario.parameters }
  const server = await PlainServer.listen(parameters, WINDOW_BYTES, {
    onFrame: (frame) => bus?.take(frame),
    onConnect: () => {
      connected.emit()
      for (const device of bus?.devices ?? []) device.reset()
    },
  })
  const { window } = server
  const memory = {
    read: (address: bigint, lengthBytes: number) => window.read(offsetOf(address), lengthBytes),
    write: (address: bigint, bytes: Uint8Array) => window.write(offsetOf(address), bytes),
  }
  const played = new ScriptedBus(scenario, memory, systemClock, (frame) => server.send(frame))
  bus = played
  played.onNewParameters = () => {
    server.greetWith(played.parameters)
    server.disconnect()
  }
  const polling =
    scenario.pollMs === undefined ? undefined : setInterval(() => played.poll(), scenario.pollMs)
  try {
    const outcome = await runProcess(command, server, scenario, connected, limitMs)
    played.end()
    return { bus: played, outcome }
  } finally {
    clearInterval(polling)
    await server.close()
  }
}

function runProcess(
  command: readonly string[],
  server: PlainServer,
  scenario: Scenario,
  connected: Emitter<[]>,
  runLimitMs: number,
): Promise<DriverOutcome> {
  const [program = "", ...args] = command.map((word) => word.replaceAll(PORT_PLACEHOLDER, server.port))
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      // a group of its own: what the command started ends with it
      detached: hasGroups,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        VIRTIO_MSG_PORT: server.port,
        VIRTIO_MSG_SOCKET: server.socketPath,
        VIRTIO_MSG_SCENARIO: scenario.name,
        VIRTIO_MSG_CHIP: String(CHIP_ADDRESS),
        VIRTIO_MSG_REGISTER: String(CHIP_REGISTER),
        VIRTIO_MSG_VALUE: String(CHIP_VALUE),
      },
    })
    let output = ""
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString("utf8")).slice(-OUTPUT_KEPT)
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    let isKilled = false
    const limit = (limitMs: number) =>
      setTimeout(() => {
        isKilled = true
        endGroup(child)
      }, limitMs)
    let timer = limit(CONNECT_LIMIT_MS)
    const off = connected.on(() => {
      off()
      clearTimeout(timer)
      timer = limit(runLimitMs)
    })
    child.once("error", (cause) => {
      clearTimeout(timer)
      reject(
        new VirtioMsgError("INVALID_ARGUMENT", `Cannot start ${program}: ${cause.message}`, {
          hint: "The command and its arguments follow --, as in: virtio-msg conform driver -- ./my-driver {port}",
          cause,
        }),
      )
    })
    running.add(child)
    // what it leaves behind would hold its output open
    child.once("exit", () => endGroup(child))
    child.once("close", (code, signal) => {
      running.delete(child)
      clearTimeout(timer)
      resolve({ isDone: code === 0, isKilled, how: describeEnd(isKilled, code, signal, output, runLimitMs) })
    })
  })
}

/** Ends a command and all that it started and did not take out of its group. */
function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    if (hasGroups) process.kill(-child.pid, "SIGKILL")
    else child.kill("SIGKILL")
  } catch {
    // nobody of it is left
  }
}

/** Ctrl-C at a terminal reaches our group, and theirs no more. */
function endWithUs(): void {
  if (isEndingWithUs) return
  isEndingWithUs = true
  const endAll = () => {
    for (const child of running) endGroup(child)
  }
  process.once("exit", endAll)
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const end = () => {
      endAll()
      process.off(signal, end)
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
    }
    process.on(signal, end)
  }
}

function describeEnd(
  isKilled: boolean,
  code: number | null,
  signal: string | null,
  output: string,
  limitMs: number,
): string {
  const said = output.trim().split("\n").at(-1) ?? ""
  const quote = said === "" ? "" : ` Its last words: ${said}`
  if (isKilled) return `It had not ended ${limitMs / 1000} s after it connected, or never did.${quote}`
  if (signal !== null) return `It was ended by ${signal}.${quote}`
  return `It ended with exit code ${code}.${quote}`
}

/** An address is an offset in the file; one that is none reads as 0 and takes no bytes. */
function offsetOf(address: bigint): number {
  return address < BigInt(WINDOW_BYTES) ? Number(address) : WINDOW_BYTES
}
