// What has to be installed before a module can be built for the kernel that runs, by the names that its distribution
// has for it.

import { readFile } from "node:fs/promises"
import { release } from "node:os"
import path from "node:path"
import { isInstalled } from "../linux-guest/run-command.js"
import { isThere, systemPath } from "../system-root.js"

interface Distribution {
  /** The ID that /etc/os-release has. */
  readonly id: RegExp
  readonly install: string
  /** The package of the headers of the kernel that runs. */
  readonly headers: (running: string) => string
  /** The package of Linux's source; absent where kernels have all drivers that we want. */
  readonly source?: (running: string) => string
}

const DISTRIBUTIONS: readonly Distribution[] = [
  {
    id: /debian|ubuntu/,
    install: "sudo apt-get install",
    headers: (running) => `linux-headers-${running}`,
    source: (running) => `linux-source-${kernelSeries(running)}`,
  },
  { id: /fedora|rhel/, install: "sudo dnf install", headers: (running) => `kernel-devel-${running}` },
  { id: /suse/, install: "sudo zypper install", headers: () => "kernel-default-devel" },
  { id: /arch/, install: "sudo pacman -S", headers: () => "linux-headers" },
  { id: /alpine/, install: "sudo apk add", headers: () => "linux-lts-dev" },
]

/** `6.1` of `6.1.0-50-amd64`. */
export function kernelSeries(running: string): string {
  return /^\d+\.\d+/.exec(running)?.[0] ?? running
}

/** Where make finds the headers of the kernel that runs. */
export function headersFolder(): string {
  return systemPath(`/lib/modules/${release()}/build`)
}

export interface Need {
  /** As in a sentence: `the headers of Linux 6.1.0-50-amd64`. */
  readonly what: string
  readonly packageName: string
}

export async function missingToBuild(): Promise<Need[]> {
  const running = release()
  const needs: Need[] = []
  if (!(await isThere(path.join(headersFolder(), "Makefile"))))
    needs.push({
      what: `the headers of Linux ${running}`,
      packageName: (await distribution())?.headers(running) ?? `the headers of Linux ${running}`,
    })
  if (!isInstalled("make")) needs.push({ what: "make", packageName: "make" })
  if (![...(await kernelsCompiler()), "gcc"].some(isInstalled))
    needs.push({ what: "a C compiler", packageName: "gcc" })
  return needs
}

/** The package that has the source of Linux's own drivers; undefined where we know of none. */
export async function sourcePackage(): Promise<string | undefined> {
  return (await distribution())?.source?.(release())
}

/** The command that installs packages; for a distribution that we do not know, their names in words. */
export async function installCommand(packageNames: readonly string[]): Promise<string> {
  const install = (await distribution())?.install
  return install === undefined
    ? `Install ${packageNames.join(", ")}.`
    : `Install what is missing: ${install} ${packageNames.join(" ")}`
}

/** `the headers of Linux 6.1.0-50-amd64, make and a C compiler`. */
export function inWords(needs: readonly Need[]): string {
  const words = needs.map(({ what }) => what)
  const last = words.pop() ?? ""
  return words.length === 0 ? last : `${words.join(", ")} and ${last}`
}

/** What the kernel was compiled with, such as `gcc-12`: Debian's headers bring that, and no `gcc`. */
async function kernelsCompiler(): Promise<string[]> {
  const version = await readFile(systemPath("/proc/version"), "utf8").catch(() => "")
  return /\bgcc-\d+\b/.exec(version) ?? []
}

async function distribution(): Promise<Distribution | undefined> {
  const system = await readFile(systemPath("/etc/os-release"), "utf8").catch(() => "")
  const ids = system
    .split("\n")
    .filter((line) => /^ID(_LIKE)?=/.test(line))
    .join(" ")
  return DISTRIBUTIONS.find(({ id }) => id.test(ids))
}
