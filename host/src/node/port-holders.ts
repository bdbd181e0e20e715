// Which other programs have a serial port open, as far as Linux shows it to this user: /proc has the open files of
// each process.

import { readdir, readFile, readlink, realpath } from "node:fs/promises"
import path from "node:path"
import { systemPath } from "./system-root.js"

export interface PortHolder {
  readonly pid: number
  /** Its program's name, at most 15 characters. */
  readonly name: string
}

const PTY_MASTER = /^\/dev\/(pts\/)?ptmx$/

/**
 * The processes that have one of these ports open, by the port's path. Root sees all of them, other users only their
 * own.
 */
export async function findPortHolders(ports: readonly string[]): Promise<ReadonlyMap<string, PortHolder[]>> {
  const holders = new Map<string, PortHolder[]>(ports.map((port) => [port, []]))
  const portOf = new Map<string, string>()
  for (const port of ports) portOf.set(await realpath(port).catch(() => port), port)
  const folder = systemPath("/proc")
  const names = ports.length > 0 ? await readdir(folder).catch(() => []) : []
  for (const name of names) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const files = await openFiles(path.join(folder, name, "fd"))
    const held = new Set(files.flatMap((file) => portOf.get(file) ?? []))
    // the program that made a pseudo-terminal has both ends open: it is the board, and not a user of it
    if (held.size === 0 || files.some((file) => PTY_MASTER.test(file))) continue
    const program = await readFile(path.join(folder, name, "comm"), "utf8").catch(() => "a program")
    for (const port of held) holders.get(port)?.push({ pid, name: program.trim() })
  }
  return holders
}

/** "picocom (process 1234) uses it: end that first."; "" when nobody does. */
export function holdersHint(holders: readonly PortHolder[]): string {
  if (holders.length === 0) return ""
  const names = holders.map(({ pid, name }) => `${name} (process ${pid})`).join(" and ")
  return `${names} ${holders.length === 1 ? "uses" : "use"} it: end that first.`
}

/** Where the descriptors of a process lead. None for a process that has ended, or that belongs to somebody else. */
async function openFiles(folder: string): Promise<string[]> {
  const descriptors = await readdir(folder).catch(() => [])
  return Promise.all(descriptors.map((name) => readlink(path.join(folder, name)).catch(() => "")))
}
