// The programs that the guest needs on this machine, and their Debian packages.

import { existsSync } from "node:fs"
import { isAbsolute } from "node:path"
import { missingDependency } from "../../errors.js"
import { isInstalled } from "./run-command.js"

/** Programs by Debian package, or files, by their path. */
type ToolTable = Readonly<Record<string, readonly string[]>>

const TO_PREPARE: ToolTable = {
  "gcc-arm-linux-gnueabihf": ["arm-linux-gnueabihf-gcc"],
  "binutils-arm-linux-gnueabihf": ["arm-linux-gnueabihf-strip"],
  make: ["make"],
  "xz-utils": ["xz"],
  "libc6-dev-armhf-cross": ["/usr/arm-linux-gnueabihf/lib/libc.a"],
}
const TO_BOOT: ToolTable = { "qemu-system-arm": ["qemu-system-arm"] }

/** Throws MISSING_DEPENDENCY, with the command to install it, when `prepareGuest` lacks something. */
export function requireToolsToPrepare(): void {
  requireDebian()
  requirePackages(missingPackages(TO_PREPARE), "To prepare the Linux guest")
}

function requireDebian(): void {
  if (!isInstalled("apt-get") || !isInstalled("dpkg-deb"))
    throw missingDependency(
      "The Linux guest is made of Debian's packages, and this machine has no apt-get.",
      {
        hint: "Run it on Debian, or in a Debian container, or copy a prepared cache folder from such a machine.",
      },
    )
}

/** Both of the others at once, so that one command installs everything. With `isPrepared` only QEMU is needed. */
export function requireTools(isPrepared: boolean): void {
  if (!isPrepared) requireDebian()
  requirePackages(
    [...(isPrepared ? [] : missingPackages(TO_PREPARE)), ...missingPackages(TO_BOOT)],
    isPrepared ? "To boot the Linux guest" : "To prepare and boot the Linux guest",
  )
}

/** Throws MISSING_DEPENDENCY, with the command to install it, when QEMU is not there. */
export function requireToolsToBoot(): void {
  requirePackages(missingPackages(TO_BOOT), "To boot the Linux guest")
}

function requirePackages(packages: readonly string[], purpose: string): void {
  if (packages.length === 0) return
  throw missingDependency(`${purpose}, this machine lacks ${packages.join(", ")}.`, {
    hint: `As root: apt-get install -y --no-install-recommends ${packages.join(" ")}`,
  })
}

function missingPackages(table: ToolTable): string[] {
  const isThere = (program: string) => (isAbsolute(program) ? existsSync(program) : isInstalled(program))
  return Object.entries(table).flatMap(([name, programs]) => (programs.every(isThere) ? [] : [name]))
}
