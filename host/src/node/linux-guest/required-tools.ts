// The programs that the guest needs on this machine, and the packages that have them.

import { VirtioMsgError } from "../../errors.js"
import { isInstalled } from "./run-command.js"

/** Programs by Debian package. */
type ToolTable = Readonly<Record<string, readonly string[]>>

const TO_PREPARE: ToolTable = {
  "gcc-arm-linux-gnueabihf": ["arm-linux-gnueabihf-gcc"],
  "binutils-arm-linux-gnueabihf": ["arm-linux-gnueabihf-strip"],
  make: ["make"],
  "xz-utils": ["xz"],
}
const TO_BOOT: ToolTable = { "qemu-system-arm": ["qemu-system-arm"] }

/**
 * The command that installs what this machine lacks; empty if nothing. With `isPrepared`, a prepared guest only
 * has to be booted.
 */
export function missingToolsCommand(isPrepared: boolean): string {
  return installCommand([...(isPrepared ? [] : missingPackages(TO_PREPARE)), ...missingPackages(TO_BOOT)])
}

/** Throws MISSING_DEPENDENCY, with the command to install it, when `prepareGuest` lacks something. */
export function requireToolsToPrepare(): void {
  if (!isInstalled("apt-get") || !isInstalled("dpkg-deb"))
    throw new VirtioMsgError(
      "MISSING_DEPENDENCY",
      "The Linux guest is made of Debian's packages, and this machine has no apt-get.",
      {
        hint: "Run it on Debian, or in a Debian container, or copy a prepared cache folder from such a machine.",
      },
    )
  requirePackages(missingPackages(TO_PREPARE), "To prepare the Linux guest")
}

/** Throws MISSING_DEPENDENCY, with the command to install it, when QEMU is not there. */
export function requireToolsToBoot(): void {
  requirePackages(missingPackages(TO_BOOT), "To boot the Linux guest")
}

function requirePackages(packages: readonly string[], purpose: string): void {
  if (packages.length === 0) return
  throw new VirtioMsgError("MISSING_DEPENDENCY", `${purpose}, this machine lacks ${packages.join(", ")}.`, {
    hint: `As root: ${installCommand(packages)}`,
  })
}

function missingPackages(table: ToolTable): string[] {
  return Object.entries(table).flatMap(([name, programs]) => (programs.every(isInstalled) ? [] : [name]))
}

function installCommand(packages: readonly string[]): string {
  return packages.length === 0 ? "" : `apt-get install -y --no-install-recommends ${packages.join(" ")}`
}
