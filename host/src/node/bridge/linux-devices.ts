// What the Linux behind the bridge made of a board's devices: its drivers, and the nodes of these.

import { readdir, readFile, realpath } from "node:fs/promises"
import path from "node:path"
import { VIRTIO_ID_CONSOLE } from "../../../../shared-protocol/src/device-types/console.js"
import { VIRTIO_ID_GPIO } from "../../../../shared-protocol/src/device-types/gpio.js"
import { VIRTIO_ID_I2C } from "../../../../shared-protocol/src/device-types/i2c.js"
import { VIRTIO_ID_RNG } from "../../../../shared-protocol/src/device-types/rng.js"
import { modprobe } from "../modprobe.js"
import { isThere, systemPath } from "../system-root.js"
import type { EndpointAddress } from "./node.js"

/** For each device type: the module of its driver, and the name of the node that this driver makes. */
export interface LinuxDriver {
  readonly deviceId: number
  readonly module: string
  readonly option: string
  readonly node: RegExp
}

export const LINUX_DRIVERS: readonly LinuxDriver[] = [
  { deviceId: VIRTIO_ID_I2C, module: "i2c-virtio", option: "CONFIG_I2C_VIRTIO", node: /^i2c-\d+$/ },
  { deviceId: VIRTIO_ID_GPIO, module: "gpio-virtio", option: "CONFIG_GPIO_VIRTIO", node: /^gpiochip\d+$/ },
  { deviceId: VIRTIO_ID_RNG, module: "virtio-rng", option: "CONFIG_HW_RANDOM_VIRTIO", node: /^$/ },
  {
    deviceId: VIRTIO_ID_CONSOLE,
    module: "virtio_console",
    option: "CONFIG_VIRTIO_CONSOLE",
    node: /^vport\d+p\d+$/,
  },
]
/** Its bit: several ports, each of which may be another thing than a terminal. */
const VIRTIO_CONSOLE_F_MULTIPORT = 1
/** A node is at most so many folders below its device. */
const MOST_LEVELS = 4
const DEVICES = "/sys/bus/virtio/devices"

/** Loads the drivers of these types. Returns those that the kernel does not have. */
export async function loadLinuxDrivers(deviceIds: readonly number[]): Promise<LinuxDriver[]> {
  const missing: LinuxDriver[] = []
  for (const driver of LINUX_DRIVERS) {
    if (!deviceIds.includes(driver.deviceId)) continue
    // one that attach built and loaded before is unknown to modprobe
    const isLoaded = await isThere(systemPath(`/sys/module/${driver.module.replaceAll("-", "_")}`))
    if (!isLoaded && (await modprobe([driver.module])) !== undefined) missing.push(driver)
  }
  if (deviceIds.includes(VIRTIO_ID_I2C)) await modprobe(["i2c-dev"])
  return missing
}

/** The virtio devices of this Linux, by name. */
export async function virtioDevices(): Promise<string[]> {
  return readdir(systemPath(DEVICES)).catch(() => [])
}

/** A bus of the kernel's and one of its endpoints, in one word: `loopback`, `loopback:second`. */
export function endpointName({ busName, busId }: EndpointAddress): string {
  return busId === "" ? busName : `${busName}:${busId}`
}

/**
 * The nodes below /dev that the drivers made for an endpoint's devices. With our module, the device's place shows
 * which they are. With the bridge of another kernel, they are those that are not in `before`, an earlier result of
 * `virtioDevices`.
 */
export async function nodesOfBridge(address: EndpointAddress, before: readonly string[]): Promise<string[]> {
  const place = `/virtio-msg-bridge/${endpointName(address)}.`
  const found: string[] = []
  for (const name of await virtioDevices()) {
    const folder = await realpath(systemPath(path.join(DEVICES, name))).catch(() => "")
    const isOurs = folder.includes("/virtio-msg-bridge/") ? folder.includes(place) : !before.includes(name)
    if (isOurs) found.push(...(await withConsole(await nodesBelow(folder), folder)))
  }
  // the kernel gives each GPIO chip a second number, which only sysfs shows
  const areThere = await Promise.all(found.map((node) => isThere(systemPath(node))))
  return [...new Set(found.filter((_, at) => areThere[at]))].sort()
}

/**
 * The port of a console that has one is no file to open: it is a terminal, of which the kernel does not say which.
 * The only one is the first; where there are several, none is named.
 */
async function withConsole(nodes: readonly string[], folder: string): Promise<string[]> {
  const features = await readFile(path.join(folder, "features"), "utf8").catch(() => "")
  const ports = await readdir(systemPath("/sys/class/virtio-ports")).catch(() => [])
  if (features[VIRTIO_CONSOLE_F_MULTIPORT] === "1") return [...nodes]
  return nodes.flatMap((node) =>
    !node.startsWith("/dev/vport") ? node : ports.length === 1 ? "/dev/hvc0" : [],
  )
}

async function nodesBelow(folder: string, level = 0): Promise<string[]> {
  if (level > MOST_LEVELS || folder === "") return []
  const found: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory()) continue
    if (LINUX_DRIVERS.some(({ node }) => node.test(entry.name))) found.push(`/dev/${entry.name}`)
    found.push(...(await nodesBelow(path.join(folder, entry.name), level + 1)))
  }
  return found
}

/** Whether the kernel's entropy comes from a virtio device. */
export async function hasVirtioEntropy(): Promise<boolean> {
  const available = await readFile(systemPath("/sys/class/misc/hw_random/rng_available"), "utf8").catch(
    () => "",
  )
  return available.includes("virtio_rng")
}
