// A driver under test as a process of its own: the suite listens, starts the command, and watches it end.

import { spawn } from "node:child_process"
import { systemClock } from "../../clock.js"
import { Emitter } from "../../emitter.js"
import { VirtioMsgError } from "../../errors.js"
import { PlainServer } from "../../node/plain-server.js"
import { CHIP_ADDRESS, CHIP_REGISTER, CHIP_VALUE } from "./device-types.js"
import type { DriverOutcome, DriverSubject } from "./driver-runs.js"
import type { Scenario } from "./scripted-bus.js"
import { ScriptedBus } from "./scripted-bus.js"

const WINDOW_BYTES = 65536
/** Longer than any wait of a driver may be: what takes longer, from its connection on, is ended. */
const RUN_LIMIT_MS = 20_000
/** A process may take so long to start and connect, on a machine that does much else. */
const CONNECT_LIMIT_MS = 60_000
/** Bytes of output kept, to quote the last line. */
const OUTPUT_KEPT = 4000
/** Processes at once. */
const MOST_RUNNING = 3

/** Where a command line wants the port. */
export const PORT_PLACEHOLDER = "{port}"

/**
 * Runs `command` once a scenario. It learns of the bus from its environment: VIRTIO_MSG_PORT (plain:unix:PATH),
 * VIRTIO_MSG_SOCKET (PATH), and, where it stands in an argument, {port}.
 */
export function processSubject(command: readonly string[]): DriverSubject {
  let running = 0
  const waiting: (() => void)[] = []
  return async (scenario) => {
    if (running >= MOST_RUNNING) await new Promise<void>((resolve) => waiting.push(resolve))
    running++
    try {
      return await runOnce(command, scenario)
    } finally {
      running--
      waiting.shift()?.()
    }
  }
}

async function runOnce(command: readonly string[], scenario: Scenario) {
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
    const outcome = await runProcess(command, server, scenario, connected)
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
): Promise<DriverOutcome> {
  const [program = "", ...args] = command.map((word) => word.replaceAll(PORT_PLACEHOLDER, server.port))
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
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
        child.kill("SIGKILL")
      }, limitMs)
    let timer = limit(CONNECT_LIMIT_MS)
    const off = connected.on(() => {
      off()
      clearTimeout(timer)
      timer = limit(RUN_LIMIT_MS)
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
    child.once("close", (code, signal) => {
      clearTimeout(timer)
      resolve({ isDone: code === 0, isKilled, how: describeEnd(isKilled, code, signal, output) })
    })
  })
}

function describeEnd(isKilled: boolean, code: number | null, signal: string | null, output: string): string {
  const said = output.trim().split("\n").at(-1) ?? ""
  const quote = said === "" ? "" : ` Its last words: ${said}`
  if (isKilled) return `It had not ended ${RUN_LIMIT_MS / 1000} s after it connected, or never did.${quote}`
  if (signal !== null) return `It was ended by ${signal}.${quote}`
  return `It ended with exit code ${code}.${quote}`
}

/** An address is an offset in the file; one that is none reads as 0 and takes no bytes. */
function offsetOf(address: bigint): number {
  return address < BigInt(WINDOW_BYTES) ? Number(address) : WINDOW_BYTES
}
