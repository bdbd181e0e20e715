// Which of the kernel's drivers are there for what we play, and loading them.

import { spawn } from "node:child_process"
import { access } from "node:fs/promises"
import { VirtioMsgError } from "../../errors.js"
import { systemPath } from "../system-root.js"
import { isVhciThere } from "./vhci.js"

/** A driver of the kernel, by its module and by what it is called among the drivers of the USB. */
export interface KernelDriver {
  readonly module: string
  readonly usbName: string
  /** The option of the kernel's configuration that builds it. */
  readonly option: string
}

export type AdapterKind = "i2c-tiny-usb" | "robotfuzz-osif"

/** The best first. */
export const ADAPTERS: Readonly<Record<AdapterKind, KernelDriver>> = {
  "i2c-tiny-usb": { module: "i2c-tiny-usb", usbName: "i2c-tiny-usb", option: "CONFIG_I2C_TINY_USB" },
  "robotfuzz-osif": {
    module: "i2c-robotfuzz-osif",
    usbName: "RobotFuzz Open Source InterFace, OSIF",
    option: "CONFIG_I2C_ROBOTFUZZ_OSIF",
  },
}
export const CHAOSKEY: KernelDriver = {
  module: "chaoskey",
  usbName: "chaoskey",
  option: "CONFIG_USB_CHAOSKEY",
}
export const CDC_ACM: KernelDriver = { module: "cdc-acm", usbName: "cdc_acm", option: "CONFIG_USB_ACM" }

const WHERE_MODULES_ARE =
  "Debian's kernels have them, but not its cloud kernels; after an update of the kernel, start the computer again."

/** Loads vhci-hcd unless it is there. Rejects with MISSING_DEPENDENCY. */
export async function requireVhci(): Promise<void> {
  if (await isVhciThere()) return
  const reason = await load("vhci-hcd")
  if (await isVhciThere()) return
  throw new VirtioMsgError(
    "MISSING_DEPENDENCY",
    `This kernel has no virtual USB host controller (module vhci-hcd): ${reason}`,
    { hint: `It is built with CONFIG_USBIP_VHCI_HCD=m. ${WHERE_MODULES_ARE}` },
  )
}

/** The first adapter that the kernel has a driver for; that driver is loaded. Rejects with MISSING_DEPENDENCY. */
export async function chooseAdapter(wanted?: AdapterKind): Promise<AdapterKind> {
  const kinds = wanted ? [wanted] : (Object.keys(ADAPTERS) as AdapterKind[])
  for (const kind of kinds) if ((await loadDriver(ADAPTERS[kind])) === undefined) return kind
  const modules = kinds.map((kind) => ADAPTERS[kind].module).join(" nor ")
  const options = kinds.map((kind) => `${ADAPTERS[kind].option}=m`).join(" or ")
  throw new VirtioMsgError(
    "MISSING_DEPENDENCY",
    `This kernel has no driver of a USB I2C adapter that we can be: no ${modules}.`,
    {
      hint: `It is built with ${options}. ${WHERE_MODULES_ARE}`,
    },
  )
}

/** Loads the driver of a further device. Rejects with MISSING_DEPENDENCY. */
export async function requireDriver(driver: KernelDriver): Promise<void> {
  const reason = await loadDriver(driver)
  if (reason === undefined) return
  throw new VirtioMsgError("MISSING_DEPENDENCY", `This kernel has no driver ${driver.module}: ${reason}`, {
    hint: `It is built with ${driver.option}=m. Leave the device out of --devices, or take another kernel.`,
  })
}

/** Loads i2c-dev, so that /dev/i2c-N is there; without it the adapter still works for the kernel's own drivers. */
export async function loadI2cDev(): Promise<boolean> {
  if (await isThere("/sys/class/i2c-dev")) return true
  await load("i2c-dev")
  return isThere("/sys/class/i2c-dev")
}

/** What `attach` would find here; loads nothing. */
export interface AttachSupport {
  /** Whether vhci-hcd is there, or can be loaded. */
  readonly hasVhci: boolean
  /** The adapter that it would be; undefined where there is no driver for one. */
  readonly adapter: AdapterKind | undefined
}

export async function findAttachSupport(): Promise<AttachSupport> {
  const hasVhci = (await isVhciThere()) || (await isLoadable("vhci-hcd"))
  for (const kind of Object.keys(ADAPTERS) as AdapterKind[]) {
    const driver = ADAPTERS[kind]
    if ((await isLoaded(driver)) || (await isLoadable(driver.module))) return { hasVhci, adapter: kind }
  }
  return { hasVhci, adapter: undefined }
}

async function isLoadable(module: string): Promise<boolean> {
  return (await modprobe(["--dry-run", module])) === undefined
}

/** Why the driver cannot be had; undefined when it is there. */
async function loadDriver(driver: KernelDriver): Promise<string | undefined> {
  if (await isLoaded(driver)) return undefined
  const reason = await load(driver.module)
  return (await isLoaded(driver)) ? undefined : (reason ?? "it does not register")
}

function isLoaded({ usbName }: KernelDriver): Promise<boolean> {
  return isThere(`/sys/bus/usb/drivers/${usbName}`)
}

function load(module: string): Promise<string | undefined> {
  return modprobe([module])
}

/** What it complains of; undefined when it did as asked. */
function modprobe(args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    // sudo's and systemd's PATH has sbin, a user's may not
    const env = { ...process.env, LC_ALL: "C", PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` }
    const root = systemPath("/")
    const where = root === "/" ? [] : ["--dirname", root]
    const child = spawn("modprobe", [...where, ...args], { stdio: ["ignore", "ignore", "pipe"], env })
    let said = ""
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(0, 1000)
    })
    child.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === "ENOENT" ? "modprobe is not installed (package kmod)" : error.message),
    )
    child.once("close", (code) =>
      resolve(code === 0 ? undefined : said.trim() || `modprobe ended with code ${code}`),
    )
  })
}

function isThere(path: string): Promise<boolean> {
  return access(systemPath(path)).then(
    () => true,
    () => false,
  )
}
