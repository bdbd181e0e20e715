// Has the kernel load its own modules.

import { type CommandError, isInstalled, runCommand } from "./linux-guest/run-command.js"
import { systemPath } from "./system-root.js"

/** An environment in which the programs of sbin are found. sudo and systemd have sbin in the PATH; a user may not. */
export function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: "C", PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` }
}

/** What modprobe complains about. Undefined when it succeeded. */
export async function modprobe(args: readonly string[]): Promise<string | undefined> {
  if (!isInstalled("modprobe")) return "modprobe is not installed (package kmod)"
  const root = systemPath("/")
  const where = root === "/" ? [] : ["--dirname", root]
  try {
    await runCommand("modprobe", [...where, ...args], { env: withSbin() })
    return undefined
  } catch (error) {
    const { output, message } = error as CommandError
    return output || message
  }
}
