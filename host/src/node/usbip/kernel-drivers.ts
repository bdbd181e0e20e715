// Which of the kernel's drivers are there for the devices that we play. Loads them.

import { missingDependency } from "../../errors.js"
import { modprobe } from "../modprobe.js"
import { isThere, systemPath } from "../system-root.js"
import { isVhciThere } from "./vhci.js"

/** A driver of the kernel: its module, and its name among the USB drivers. */
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
  const reason = await modprobe(["vhci-hcd"])
  if (await isVhciThere()) return
  throw missingDependency(`This kernel has no virtual USB host controller (module vhci-hcd): ${reason}`, {
    hint: `It is built with CONFIG_USBIP_VHCI_HCD=m. ${WHERE_MODULES_ARE}`,
  })
}

/** The first adapter that the kernel has a driver for; that driver is loaded. Rejects with MISSING_DEPENDENCY. */
export async function chooseAdapter(wanted?: AdapterKind): Promise<AdapterKind> {
  const kinds = wanted ? [wanted] : (Object.keys(ADAPTERS) as AdapterKind[])
  for (const kind of kinds) if ((await loadDriver(ADAPTERS[kind])) === undefined) return kind
  const modules = kinds.map((kind) => ADAPTERS[kind].module).join(" nor ")
  const options = kinds.map((kind) => `${ADAPTERS[kind].option}=m`).join(" or ")
  throw missingDependency(`This kernel has no driver of a USB I2C adapter that we can be: no ${modules}.`, {
    hint: `It is built with ${options}. ${WHERE_MODULES_ARE}`,
  })
}

/** Loads the driver of a further device. Rejects with MISSING_DEPENDENCY. */
export async function requireDriver(driver: KernelDriver): Promise<void> {
  const reason = await loadDriver(driver)
  if (reason === undefined) return
  throw missingDependency(`This kernel has no driver ${driver.module}: ${reason}`, {
    hint: `It is built with ${driver.option}=m. Leave the device out of --devices, or take another kernel.`,
  })
}

/** Loads i2c-dev, so that there is a /dev/i2c-N. Without it, the adapter still works for the kernel's own drivers. */
export async function loadI2cDev(): Promise<boolean> {
  if (await isThere(systemPath("/sys/class/i2c-dev"))) return true
  await modprobe(["i2c-dev"])
  return isThere(systemPath("/sys/class/i2c-dev"))
}

/**
 * What `attach` would find on this computer: whether vhci-hcd is there or can be loaded, and the adapter that it would
 * use, undefined where there is no driver for any. Loads nothing.
 */
export async function findAttachSupport() {
  let adapter: AdapterKind | undefined
  for (const kind of Object.keys(ADAPTERS) as AdapterKind[]) {
    const driver = ADAPTERS[kind]
    if ((await isLoaded(driver)) || (await isLoadable(driver.module))) adapter ??= kind
  }
  return { hasVhci: (await isVhciThere()) || (await isLoadable("vhci-hcd")), adapter }
}

async function isLoadable(module: string): Promise<boolean> {
  return (await modprobe(["--dry-run", module])) === undefined
}

/** Why the driver cannot be loaded. Undefined when it is there. */
async function loadDriver(driver: KernelDriver): Promise<string | undefined> {
  if (await isLoaded(driver)) return undefined
  const reason = await modprobe([driver.module])
  return (await isLoaded(driver)) ? undefined : (reason ?? "it does not register")
}

function isLoaded({ usbName }: KernelDriver): Promise<boolean> {
  return isThere(systemPath(`/sys/bus/usb/drivers/${usbName}`))
}
