// What one I2C transfer of a Linux costs our device side by each of the two ways, the bridge and vhost-user: the same native
// device code in this process behind both, and before each a process in C that plays the kernel or QEMU with the driver
// (test/linux/latency), as small as it can be. What a kernel adds is in neither.

import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { closeSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { createInterface, type Interface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Bus } from "../../host/src/bus/bus.js"
import { BoardForwarder } from "../../host/src/node/board-forwarder.js"
import { BridgeBus } from "../../host/src/node/bridge/bridge-bus.js"
import { BridgeSession } from "../../host/src/node/bridge/bridge-session.js"
import { DeviceNode, type NodeSystem } from "../../host/src/node/bridge/device-node.js"
import * as layouts from "../../host/src/node/bridge/layouts.js"
import { bindBridgeCalls, makeMemory } from "../../host/src/node/bridge/node-system.js"
import { makeNativeChannel } from "../../host/src/node/plain-board.js"
import { VhostUserBackend } from "../../host/src/node/vhost-user/backend.js"
import { VirtioI2cDevice } from "../../host/src/node/vhost-user/i2c-device.js"
import { loadLibc } from "../../host/src/node/vhost-user/libc.js"
import { openBus } from "../../host/src/open-bus.js"

export interface DeviceSideRun {
  /** Of both in turn, so that what else this computer does hits both alike; the middle one counts. */
  readonly rounds: number
  /** Transfers of each in a round, and before the first. */
  readonly times: number
  readonly warmTimes: number
}

export interface DeviceSideCost {
  readonly title: string
  /** The middle of the round trips, as the other process sees it. */
  readonly p50Us: number
  /** Of this process, user and system. */
  readonly cpuUs: number
  /** As multiples of vhost-user's. */
  readonly p50Ratio: number
  readonly cpuRatio: number
}

interface Contestant {
  readonly title: string
  readonly front: Front
  close(): Promise<void>
}

interface Sample {
  readonly p50Us: number
  readonly cpuUs: number
}

const COMPILER = process.env.CC || "cc"
const ENTRY_SIZE = layouts.entrySizeFor(264)
/** Of driver-ring.h. */
const WINDOW_BYTES = 65536
const EPOCH = 1n

/** vhost-user first. Empty where this is not Linux, or there is no C compiler. */
export async function measureDeviceSides(
  { rounds: roundCount, times, warmTimes }: DeviceSideRun = { rounds: 9, times: 2000, warmTimes: 5000 },
): Promise<DeviceSideCost[]> {
  if (process.platform !== "linux" || !hasCompiler()) return []
  const folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-device-side-"))
  const contestants: Contestant[] = []
  try {
    contestants.push(await byVhostUser(folder), await byBridge(folder))
    for (const contestant of contestants) await sample(contestant, warmTimes)
    const rounds: [Sample, Sample][] = []
    for (let round = 0; round < roundCount; round++) {
      const [vhostUser, bridge] = contestants as [Contestant, Contestant]
      rounds.push([await sample(vhostUser, times), await sample(bridge, times)])
    }
    return contestants.map(({ title }, at) => {
      const middleOf = (value: (one: Sample, vhostUser: Sample) => number) =>
        middle(rounds.map((samples) => value(samples[at] as Sample, samples[0])))
      return {
        title,
        p50Us: middleOf(({ p50Us }) => p50Us),
        cpuUs: middleOf(({ cpuUs }) => cpuUs),
        p50Ratio: middleOf((one, vhostUser) => one.p50Us / vhostUser.p50Us),
        cpuRatio: middleOf((one, vhostUser) => one.cpuUs / vhostUser.cpuUs),
      }
    })
  } finally {
    for (const contestant of contestants) await contestant.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function sample({ front }: Contestant, times: number): Promise<Sample> {
  const before = process.cpuUsage()
  const p50Us = await front.transfer(times)
  const { user, system } = process.cpuUsage(before)
  return { p50Us, cpuUs: (user + system) / times }
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number
}

async function byVhostUser(folder: string): Promise<Contestant> {
  const forwarder = new BoardForwarder(() => openBus({ port: "sim-native" }))
  await forwarder.start()
  const socketPath = path.join(folder, "vhost-user.sock")
  const front = new Front(compile(folder, "vhost-front"), [socketPath])
  const backend = new VhostUserBackend({ socketPath, device: new VirtioI2cDevice(forwarder) })
  await backend.start()
  return {
    title: "vhost-user",
    front,
    async close() {
      await front.stop()
      backend.close()
      await forwarder.close()
    },
  }
}

async function byBridge(folder: string): Promise<Contestant> {
  const libc = await loadLibc()
  const calls = await bindBridgeCalls()
  const program = compile(folder, "bridge-front")
  const windowFile = makeMemory(calls, WINDOW_BYTES)
  let front: Front | undefined
  const system: NodeSystem = {
    ioctl(request, argument) {
      if (request !== layouts.IOCTL_ATTACH || !argument) return 0
      const { ringFd, kickFd, callFd, txOffset, rxOffset, maxMessageSize } = layouts.ATTACH.get(argument)
      front = new Front(
        program,
        [`${ENTRY_SIZE}`, `${txOffset}`, `${rxOffset}`],
        [ringFd, kickFd, callFd, windowFile],
      )
      layouts.CAPS.put(argument, layouts.ATTACH.offsetOf("caps"), {
        version: layouts.BRIDGE_VERSION,
        revision: 1,
        maxMessageSize,
        flags: layouts.CAP_ONLINE,
        transportFeatures: 0n,
        bridgeFeatures: 0n,
        epoch: EPOCH,
      })
      return 0
    },
    mmap: (offset, lengthBytes) => libc.map(windowFile, offset, lengthBytes),
    isOver: () => false,
    makeMemory: (lengthBytes) => makeMemory(calls, lengthBytes),
    close: () => closeSync(windowFile),
  }
  const board = await Bus.open(makeNativeChannel())
  const address = { busName: "loopback", busId: "" }
  const session = new BridgeSession(new DeviceNode(libc, system), { address, maxMessageSize: 264 })
  const model = new BridgeBus(board, session)
  if (!front) throw new Error("the session did not attach")
  const started = front
  return {
    title: "the bridge",
    front: started,
    async close() {
      await started.stop()
      await model.close()
      await board.close()
    },
  }
}

/** A process that plays the other side, and transfers when it is told. */
class Front {
  readonly #child: ChildProcess
  readonly #lines: Interface
  readonly #ended: Promise<unknown>
  readonly #name: string

  constructor(program: string, args: readonly string[], descriptors: readonly number[] = []) {
    this.#name = path.basename(program)
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit", ...descriptors] })
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve))
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })
  }

  /** Makes so many transfers; resolves with the middle of what they took, in microseconds. */
  async transfer(times: number): Promise<number> {
    const line = new Promise<string>((resolve, reject) => {
      this.#lines.once("line", resolve)
      this.#ended.then((code) => reject(new Error(`${this.#name} ended with code ${code}.`)))
    })
    this.#child.stdin?.write(`${times}\n`)
    return Number((await line).split(" ")[1])
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end()
    await this.#ended
  }
}

export function hasCompiler(): boolean {
  try {
    execFileSync(COMPILER, ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

function compile(folder: string, name: string): string {
  // from test/bench, or from dist/test/bench
  const source = ["../linux/latency", "../../../test/linux/latency"]
    .map((place) => fileURLToPath(new URL(`${place}/${name}.c`, import.meta.url)))
    .find((file) => existsSync(file))
  if (!source) throw new Error(`test/linux/latency/${name}.c is missing`)
  const program = path.join(folder, name)
  execFileSync(COMPILER, ["-O2", "-o", program, source], { stdio: "inherit" })
  return program
}
