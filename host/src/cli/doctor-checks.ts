// What `virtio-msg doctor` checks, one thing after another. Each check finds that something is right, doubtful or
// wrong, and says what to do next. After a failure the examination ends, if nothing after it could work.

import { BOARDS } from "../../../boards/src/index.js"
import { PACKET_DATA, PACKET_HEADER_SIZE } from "../../../shared-protocol/src/mailbox/packet.js"
import { PROTOCOL_HASH } from "../../../shared-protocol/src/mailbox/protocol-hash.js"
import { counted } from "../counted.js"
import { BoardClient } from "../deploy/board-client.js"
import { readHeldProgram } from "../deploy/deploy-program.js"
import type { I2cAdapter } from "../driver/i2c-adapter.js"
import { notFound, VirtioMsgError } from "../errors.js"
import { loadEspTool } from "../flash/esptool.js"
import { hex, hexDigits } from "../hex.js"
import { resolvePort } from "../node/choose-board.js"
import { namesOf } from "../node/find-boards.js"
import { makeFramePort } from "../node/open-link.js"
import { listSerialPorts } from "../node/serial-ports.js"
import { isSimPort, mcuOfPort } from "../node/sim-port.js"
import { findAttachSupport } from "../node/usbip/kernel-drivers.js"
import { type OpenedBus, openBus } from "../open-bus.js"
import type { Trace } from "../trace/trace.js"
import { MCUS } from "../vm/chip-model.js"
import { detect } from "./i2c-detect.js"
import { processTrace } from "./process-trace.js"
import { packageVersion } from "./version.js"

export const PING_COUNT = 200
const FIRST_ADDRESS = 0x08
const LAST_ADDRESS = 0x77
/** Linux's own drivers need no more; a slower answer is felt. */
const SLOW_PING_MS = 100

export interface Finding {
  readonly check: string
  readonly state: "ok" | "warning" | "failed"
  readonly text: string
  /** What to do; absent when nothing. */
  readonly next?: string
  /** The error behind a failure, for the exit code. */
  readonly error?: VirtioMsgError
}

function ok(check: string, text: string): Finding {
  return { check, state: "ok", text }
}

function warning(check: string, text: string, next: string): Finding {
  return { check, state: "warning", text, next }
}

type Report = (finding: Finding) => void
type OnProgress = (done: number, total: number) => void

/** Examines everything on the way to the board on `port`, and reports each finding. Long steps show their progress. */
export async function examine(port: string, report: Report, onProgress: OnProgress): Promise<void> {
  report(checkNode())
  report(await checkPackages())
  if (process.platform === "linux") report(await checkAttach())
  const found = await guard("Port", report, () => checkPort(port, report))
  if (found === undefined) return
  if (!isSimPort(found) && !(await guard("Runtime", report, () => checkRuntime(found, report)))) return
  const repeats = countRepeats(processTrace)
  const bus = await guard("Firmware", report, () => checkFirmware(found, report))
  if (!bus) return
  try {
    await guard("Round trip", report, async () => report(await checkRoundTrip(bus, repeats, onProgress)))
    await guard("I2C bus", report, async () => report(await checkI2c(bus)))
  } finally {
    await bus.close()
  }
}

/** Runs a check. If it throws, the error is its finding. */
async function guard<T>(check: string, report: Report, run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof VirtioMsgError)) throw error
    const { message: text, hint: next } = error
    report({ check, state: "failed", text, ...(next ? { next } : {}), error })
    return undefined
  }
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  const isNew = major > 20 || (major === 20 && minor >= 19)
  return isNew
    ? ok("Node.js", process.versions.node)
    : warning(
        "Node.js",
        `${process.versions.node} is older than 20.19, with which this was tested`,
        "Install a newer one: https://nodejs.org",
      )
}

async function checkPackages(): Promise<Finding> {
  const optional: [string, string, () => Promise<unknown>][] = [
    [
      "serial ports",
      "@serialport/stream@13 @serialport/bindings-cpp@13",
      () => import("@serialport/bindings-cpp"),
    ],
    ["flashing an ESP32", "esptool-js@0.7.0", loadEspTool],
    ["pseudo-terminals and Linux guests", "koffi@3", () => import("koffi")],
  ]
  const missing: string[] = []
  const packages: string[] = []
  for (const [what, name, load] of optional)
    try {
      await load()
    } catch {
      missing.push(what)
      packages.push(name)
    }
  if (missing.length === 0) return ok("Packages", "all optional ones are installed")
  const text = `not installed: what is needed for ${missing.join(", ")}`
  return warning("Packages", text, `npm install ${packages.join(" ")}`)
}

/** Whether this kernel has what `attach` needs. Many people do without `attach`, so this is never a failure. */
async function checkAttach(): Promise<Finding> {
  const { hasVhci, adapter } = await findAttachSupport()
  if (hasVhci && adapter) return ok("Own Linux", `vhci-hcd and ${adapter}: virtio-msg attach works here`)
  const missing = [...(hasVhci ? [] : ["vhci-hcd"]), ...(adapter ? [] : ["i2c-tiny-usb"])].join(" and no ")
  return warning(
    "Own Linux",
    `this kernel has no ${missing}, which only virtio-msg attach needs`,
    "Everything else works. For attach: docs/linux.md says which kernels have them.",
  )
}

/** The port, which may have been `auto`. */
async function checkPort(port: string, report: Report): Promise<string> {
  if (isSimPort(port)) {
    const mcu = mcuOfPort(port)
    const pace = mcu ? `, as slow as an ${MCUS[mcu].name}` : ""
    report(ok("Port", `the simulated board in this process${pace}`))
    return port
  }
  const found = await resolvePort(port)
  const info = (await listSerialPorts()).find(({ path }) => path === found)
  const what = info && info.boards.length > 0 ? `: ${namesOf(info.boards)}, by its USB id` : ""
  report(ok("Port", `${found}${what}`))
  return found
}

async function checkRuntime(port: string, report: Report): Promise<boolean> {
  const client = await BoardClient.open(makeFramePort(port))
  try {
    const identity = await client.identify()
    const board = BOARDS.find(({ productId }) => productId === identity.productId)
    const held = await readHeldProgram(client)
    const name = board?.name ?? identity.description
    report(ok("Runtime", `DeviceScript ${identity.runtimeVersion} on ${name}, ${identity.deviceId}`))
    if (held.size > 0) return true
    report({
      check: "Firmware",
      state: "failed",
      text: "The board holds no program.",
      next: `Give it ours: virtio-msg --port ${port} deploy`,
      error: notFound("The board holds no program."),
    })
    return false
  } finally {
    await client.close()
  }
}

async function checkFirmware(port: string, report: Report): Promise<OpenedBus> {
  const bus = await openBus({ port, trace: processTrace })
  const version = bus.board.firmwareVersion.slice(0, 3).join(".")
  const chips = bus.board.hasSimulatedChips ? ", simulated chips" : ""
  const text = `${version} on ${bus.board.board}${chips}; protocol ${hexDigits(PROTOCOL_HASH, 8)}, as here`
  report(
    version === packageVersion()
      ? ok("Firmware", text)
      : warning(
          "Firmware",
          `${text}; this package is ${packageVersion()}`,
          "It works. For the newer one: virtio-msg deploy, with the options that this one was given",
        ),
  )
  return bus
}

/**
 * Counts the packets that were sent again, in both directions. The mailbox repairs such losses, and nothing else shows
 * them.
 */
function countRepeats(trace: Trace): () => number {
  const seen = { out: new Set<string>(), in: new Set<string>() }
  let count = 0
  trace.onPacket.on((direction, packet) => {
    if (packet.length <= PACKET_HEADER_SIZE || ((packet[0] as number) & PACKET_DATA) === 0) return
    // a sequence is used again after 256 packets, and never so many are on their way
    const sequence = packet[3] as number
    const key = `${packet[1]},${packet[2]},${sequence}`
    if (seen[direction].has(key)) count++
    seen[direction].add(key)
    seen[direction].delete(`${packet[1]},${packet[2]},${(sequence + 128) & 0xff}`)
  })
  return () => count
}

async function checkRoundTrip(
  bus: OpenedBus,
  repeats: () => number,
  onProgress: OnProgress,
): Promise<Finding> {
  const timesMs: number[] = []
  let lost = 0
  const before = repeats()
  for (let i = 0; i < PING_COUNT; i++) {
    onProgress(i, PING_COUNT)
    try {
      timesMs.push(await bus.ping())
    } catch (error) {
      if (!(error instanceof VirtioMsgError) || error.code !== "TIMEOUT") throw error
      lost++
    }
  }
  timesMs.sort((a, b) => a - b)
  const middleMs = timesMs[timesMs.length >> 1] ?? Number.POSITIVE_INFINITY
  const repeated = repeats() - before
  const text =
    `${PING_COUNT} pings: ${middleMs.toFixed(1)} ms in the middle, ${(timesMs.at(-1) ?? 0).toFixed(1)} ms at most; ` +
    `${lost === 0 ? "none" : lost} lost, ${repeated === 0 ? "no packet" : counted(repeated, "packet")} sent again`
  const isLossy = lost > 0 || repeated > 0
  const next = isLossy
    ? "Try another cable, and no hub. What is lost is repaired, but takes time."
    : "Is this computer busy? A board answers in about 20 ms."
  return !isLossy && middleMs < SLOW_PING_MS ? ok("Round trip", text) : warning("Round trip", text, next)
}

async function checkI2c(bus: OpenedBus): Promise<Finding> {
  const devices = await bus.devices()
  let adapter: I2cAdapter
  try {
    adapter = await bus.i2c()
  } catch (error) {
    if ((error as VirtioMsgError).code !== "NOT_FOUND") throw error
    const text = `the firmware has none (devices: ${devices.length})`
    return warning("I2C bus", text, "With it: virtio-msg deploy, and i2c in --devices")
  }
  const found = [...(await detect(adapter, FIRST_ADDRESS, LAST_ADDRESS, "read"))]
  const total = LAST_ADDRESS - FIRST_ADDRESS + 1
  if (found.length === 0)
    return warning(
      "I2C bus",
      "no chip answers",
      "If one is wired: has it power, are SDA and SCL on the pins that deploy was given, and does each have a pull-up " +
        "resistor (4.7 kOhm to 3.3 V)?",
    )
  if (found.length === total)
    return warning(
      "I2C bus",
      "every address answers: something holds SDA low",
      "Look for a short to ground, or SDA and SCL mixed up; take the chips off one by one.",
    )
  const addresses = found.map((address) => hex(address, 2))
  const text = bus.board.hasSimulatedChips
    ? `${counted(found.length, "simulated chip")}: ${addresses.join(", ")}`
    : `${counted(found.length, "chip")}: ${addresses.join(", ")}; so the lines are pulled up`
  return ok("I2C bus", text)
}
