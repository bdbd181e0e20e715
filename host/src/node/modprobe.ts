// Has the kernel load its own modules.

import { spawn } from "node:child_process"
import { systemPath } from "./system-root.js"

/** An environment in which the programs of sbin are found. sudo and systemd have sbin in the PATH; a user may not. */
export function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: "C", PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` }
}

/** What modprobe complains about. Undefined when it succeeded. */
export function modprobe(args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const root = systemPath("/")
    const where = root === "/" ? [] : ["--dirname", root]
    const child = spawn("modprobe", [...where, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env: withSbin(),
    })
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
