// What a single register read costs this computer over a serial port, beside what Firmata's client for Node (npm's
// firmata-io) costs, each as a multiple of 11 bytes that are sent and come back through the same serial stack: a ratio
// varies less than a time. The port is a pseudo-terminal, at whose other end a process answers at once.

import { type ChildProcess, execFile, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { openSerialPort } from "../../host/src/node/serial-stream.js"
import { openBus } from "../../host/src/open-bus.js"

const ECHO_BYTES = 11
const ECHO_BAUD = 115_200
const CHIP = 0x54

export interface SerialRun {
  /** Of all in turn, so that what else this computer does hits all alike; the middle one counts. */
  readonly rounds: number
  /** Reads of each in a round, and before the first. */
  readonly times: number
  readonly warmTimes: number
}

export interface SerialCost {
  readonly title: string
  /** Of this process, user and system. */
  readonly cpuUs: number
  readonly roundTripUs: number
  /** As multiples of the echo's. */
  readonly cpuRatio: number
  readonly roundTripRatio: number
}

interface Contestant {
  readonly title: string
  once(at: number): Promise<unknown>
  close(): Promise<void>
}

interface Sample {
  readonly cpuUs: number
  readonly roundTripUs: number
}

/** Empty where there is no pseudo-terminal. */
export async function measureSerial(
  { rounds: roundCount, times, warmTimes }: SerialRun = { rounds: 9, times: 1500, warmTimes: 3000 },
): Promise<SerialCost[]> {
  if (process.platform !== "linux") return []
  const ends: FarEnd[] = []
  const contestants: Contestant[] = []
  try {
    for (const [kind, make] of [
      ["echo", makeEcho],
      ["virtio-msg", makeOurs],
      ["firmata", makeFirmata],
    ] as const) {
      const end = await FarEnd.start(kind)
      ends.push(end)
      contestants.push(await make(end.path))
    }
    for (const contestant of contestants) await sample(contestant, warmTimes)
    const rounds: Sample[][] = []
    for (let round = 0; round < roundCount; round++) {
      const samples: Sample[] = []
      for (const contestant of contestants) samples.push(await sample(contestant, times))
      rounds.push(samples)
    }
    return contestants.map(({ title }, at) => {
      const middleOf = (value: (one: Sample, echo: Sample) => number) =>
        middle(rounds.map((samples) => value(samples[at] as Sample, samples[0] as Sample)))
      return {
        title,
        cpuUs: middleOf(({ cpuUs }) => cpuUs),
        roundTripUs: middleOf(({ roundTripUs }) => roundTripUs),
        cpuRatio: middleOf((one, echoed) => one.cpuUs / echoed.cpuUs),
        roundTripRatio: middleOf((one, echoed) => one.roundTripUs / echoed.roundTripUs),
      }
    })
  } finally {
    for (const contestant of contestants) await contestant.close()
    for (const end of ends) end.stop()
  }
}

/** In a process of its own. */
export async function measureSerialAlone(): Promise<SerialCost[]> {
  const program = fileURLToPath(new URL("./serial-alone.js", import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [program])
  return JSON.parse(stdout)
}

async function sample({ once }: Contestant, times: number): Promise<Sample> {
  const before = process.cpuUsage()
  const startMs = performance.now()
  for (let at = 0; at < times; at++) await once(at)
  const tookMs = performance.now() - startMs
  const { user, system } = process.cpuUsage(before)
  return { cpuUs: (user + system) / times, roundTripUs: (1000 * tookMs) / times }
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number
}

async function makeEcho(path: string): Promise<Contestant> {
  const port = await openSerialPort(path, ECHO_BAUD)
  const bytes = new Uint8Array(ECHO_BYTES).fill(0x55)
  let missing = 0
  let done = () => {}
  port.on("data", (chunk) => {
    missing -= chunk.length
    if (missing === 0) done()
  })
  return {
    title: `${ECHO_BYTES} bytes that come back`,
    once: () =>
      new Promise<void>((resolve) => {
        missing = ECHO_BYTES
        done = resolve
        port.write(bytes)
      }),
    close: () => new Promise((resolve) => port.close(() => resolve())),
  }
}

export async function makeOurs(path: string): Promise<Contestant> {
  const bus = await openBus({ port: path })
  const i2c = await bus.i2c()
  return {
    title: "a register read, virtio-msg",
    once: (at) => i2c.readBlock(CHIP, at % 19, 2),
    close: () => bus.close(),
  }
}

/** What we use of firmata-io, which has no declarations. */
interface FirmataClient {
  i2cConfig(): void
  i2cReadOnce(address: number, register: number, count: number, done: (data: number[]) => void): void
}

async function makeFirmata(path: string): Promise<Contestant> {
  const port = await openSerialPort(path, ECHO_BAUD)
  const { Firmata } = createRequire(import.meta.url)("firmata-io") as {
    Firmata: new (port: object, options: object, ready: (error?: Error) => void) => FirmataClient
  }
  const client = await new Promise<FirmataClient>((resolve, reject) => {
    const made = new Firmata(port, { skipCapabilities: true, reportVersionTimeout: 1 }, (error) =>
      error ? reject(error) : resolve(made),
    )
  })
  client.i2cConfig()
  return {
    title: "a register read, Firmata's client",
    once: (at) => new Promise((resolve) => client.i2cReadOnce(CHIP, at % 19, 2, resolve)),
    close: () => new Promise((resolve) => port.close(() => resolve())),
  }
}

/** The process behind a pseudo-terminal. */
export class FarEnd {
  readonly path: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, path: string) {
    this.#child = child
    this.path = path
  }

  static start(kind: string): Promise<FarEnd> {
    // beside this file when it is compiled; from its source it is the compiled one, too
    const program = ["./serial-far-end.js", "../../dist/test/bench/serial-far-end.js"]
      .map((file) => fileURLToPath(new URL(file, import.meta.url)))
      .find((file) => existsSync(file))
    if (!program) throw new Error("dist/test/bench is missing: npm run bench compiles it")
    const child = spawn(process.execPath, [program, kind], { stdio: ["pipe", "pipe", "inherit"] })
    return new Promise((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`The far end "${kind}" ended with code ${code}.`)))
      child.stdout?.once("data", (line: Buffer) => resolve(new FarEnd(child, line.toString().trim())))
    })
  }

  stop(): void {
    this.#child.kill()
  }
}
