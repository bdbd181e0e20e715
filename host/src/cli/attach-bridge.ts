// `virtio-msg attach --bus virtio-msg`: the board's devices become devices of this Linux, with virtio-msg all the way,
// through /dev/virtio-msg-bridge (docs/bridge.md).

import { backgroundClock, delay } from "../clock.js"
import { counted } from "../counted.js"
import { invalidArgument, systemFailed, VirtioMsgError } from "../errors.js"
import { BridgeBus } from "../node/bridge/bridge-bus.js"
import { BridgeSession } from "../node/bridge/bridge-session.js"
import { installCommand, missingToBuild } from "../node/bridge/build-needs.js"
import { loadBridgeModule } from "../node/bridge/kernel-module.js"
import { LEAST_MAX_MESSAGE_SIZE } from "../node/bridge/layouts.js"
import {
  endpointName,
  hasVirtioEntropy,
  type LinuxDriver,
  loadLinuxDrivers,
  nodesOfBridge,
  virtioDevices,
} from "../node/bridge/linux-devices.js"
import { buildLinuxDrivers, packagesForDrivers } from "../node/bridge/linux-drivers.js"
import type { BuildOptions } from "../node/bridge/module-build.js"
import type { BridgeNode, EndpointAddress } from "../node/bridge/node.js"
import { openBridgeNode } from "../node/bridge/node-system.js"
import { SystemError } from "../node/vhost-user/libc.js"
import { type OpenedBus, openBus } from "../open-bus.js"
import { note, print } from "./context.js"
import { EXIT_OK } from "./exit-codes.js"
import { offerProcessTrace } from "./offer-process-trace.js"
import { processTrace } from "./process-trace.js"
import { untilStopped, wasStopped } from "./until-stopped.js"

/** How long Linux's drivers may take to find the devices. */
const NODES_LIMIT_MS = 15_000
const LOOK_EVERY_MS = 200
/** When no new node has come for so long, all are there. */
const QUIET_MS = 1000

/** `loopback` or `loopback:NAME`: a bus of the kernel's, and which endpoint of it. Throws INVALID_ARGUMENT. */
export function parseEndpoint(text: string): EndpointAddress {
  const [, busName = "", busId = ""] = /^([a-z0-9-]{1,15})(?::([\x21-\x7e]{1,47}))?$/.exec(text) ?? []
  if (busName === "")
    throw invalidArgument(`"${text}" is no endpoint.`, {
      hint: "It is loopback, or loopback:NAME for one of several boards.",
    })
  return { busName, busId }
}

/** Runs until somebody or the kernel ends it. `ready` is the last line when all is attached. */
export async function runAttachBridge(port: string, endpoint: string, ready: string): Promise<number> {
  const address = parseEndpoint(endpoint)
  const stopped = untilStopped()
  process.stderr.on("error", () => {}) // in the background nobody reads it, once all is attached
  const opened = await openBus({ port, onChoice: note, trace: processTrace })
  const endOffer = await offerProcessTrace("attach")
  let model: BridgeBus | undefined
  const offs: (() => void)[] = []
  try {
    const node = await Promise.race([prepareLinux(opened, stopped), stopped])
    if (node === undefined) return EXIT_OK
    const before = await virtioDevices()
    const session = attach(node, address, opened.board.maxMessageSize)
    const ended = new Promise<VirtioMsgError>((resolve) => session.onEnd.on(resolve))
    model = new BridgeBus(opened.bus, session)
    offs.push(
      opened.bus.onLost.on(() => note("The board is gone; looking for it.")),
      opened.bus.onUp.on(() => note("The board is back.")),
    )
    session.onOffline.on(() => note("The kernel took the endpoint offline."))
    session.onOnline.on(() => note("The endpoint is online."))
    void tellNodes(address, before).then(() => note(ready))
    const error = await Promise.race([stopped, ended])
    if (error) throw error
    return EXIT_OK
  } catch (error) {
    // Ctrl-C ends what was being built, too
    if (wasStopped()) return EXIT_OK
    throw error
  } finally {
    for (const off of offs) off()
    await model?.close()
    await opened.close()
    await endOffer()
  }
}

/**
 * The kernel's node, and the drivers of what the board has: what the kernel lacks is built and loaded, as far as that
 * can be. Says which drivers are missing all the same.
 */
async function prepareLinux(opened: OpenedBus, stopped: Promise<void>): Promise<BridgeNode> {
  const abort = new AbortController()
  void stopped.then(() => abort.abort())
  const options = { onNote: note, signal: abort.signal }
  const devices = await opened.devices()
  const missing = await loadLinuxDrivers(devices.flatMap(({ info }) => (info ? [info.deviceId] : [])))
  const packages = await packagesForDrivers(missing)
  const node = await openNode(options, packages)
  const still = await buildLinuxDrivers(missing, options)
  if (still.length > 0) await warnOfDrivers(still, packages)
  return node
}

/** Our module is loaded for a kernel that has no node. */
async function openNode(options: BuildOptions, packages: readonly string[]): Promise<BridgeNode> {
  try {
    return await openBridgeNode()
  } catch (error) {
    if (!(error instanceof VirtioMsgError) || error.code !== "NOT_FOUND") throw error
  }
  await loadBridgeModule(options, packages)
  return openBridgeNode()
}

/** Messages are at most as long as the board can take. */
function attach(node: BridgeNode, address: EndpointAddress, boardsMost: number): BridgeSession {
  try {
    return new BridgeSession(node, {
      address,
      maxMessageSize: Math.max(boardsMost, LEAST_MAX_MESSAGE_SIZE),
    })
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    const name = endpointName(address)
    const [sentence, hint] = REFUSALS[error.errnoName] ?? [
      `The kernel does not attach a device model to ${name}: ${error.message}.`,
      "What does it say? sudo dmesg | tail",
    ]
    throw systemFailed(sentence.replace("{}", name), { hint, cause: error })
  }
}

const REFUSALS: Readonly<Record<string, readonly [sentence: string, hint: string]>> = {
  EBUSY: [
    "Another device model is attached to {}.",
    "End it, or take an endpoint of its own: --endpoint loopback:second",
  ],
  ENOENT: ["The kernel's bridge has no bus {}.", "Ours has loopback: --endpoint loopback"],
  ENODEV: ["There is no endpoint {}.", "Which there are: cat /sys/class/misc/virtio-msg-bridge/endpoints"],
  ENOSPC: [
    "There is no room for the endpoint {}: the kernel has 8 at most.",
    "End an attach that is not needed.",
  ],
}

async function warnOfDrivers(missing: readonly LinuxDriver[], packages: readonly string[]): Promise<void> {
  const names = missing.map(({ module, option }) => `${module} (${option})`).join(", ")
  const needs = await missingToBuild()
  const toInstall = [...packages, ...needs.map(({ packageName }) => packageName)]
  note(
    packages.length > 0
      ? `warning: This kernel has no driver ${names}. It can be built. ${await installCommand(toInstall)}`
      : `warning: This kernel has no driver ${names}: docs/linux.md says how to have it built.`,
  )
}

/** Prints the nodes that were made for the board's devices. */
async function tellNodes(address: EndpointAddress, before: readonly string[]): Promise<void> {
  const told = new Set<string>()
  let quietMs = 0
  for (
    let leftMs = NODES_LIMIT_MS;
    leftMs > 0 && (told.size === 0 || quietMs < QUIET_MS);
    leftMs -= LOOK_EVERY_MS
  ) {
    await delay(backgroundClock, LOOK_EVERY_MS)
    const nodes = await nodesOfBridge(address, before)
    if (await hasVirtioEntropy()) nodes.push("/dev/hwrng")
    quietMs += LOOK_EVERY_MS
    for (const node of nodes) {
      if (told.has(node)) continue
      told.add(node)
      quietMs = 0
      print(node)
    }
  }
  note(
    told.size === 0
      ? "warning: No driver of this Linux took a device."
      : `Linux has made ${counted(told.size, "node")} of the board's devices.`,
  )
}
