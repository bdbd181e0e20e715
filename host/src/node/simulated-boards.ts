// The simulated boards that run on this computer (`virtio-msg sim`). Each has a small file in the user's runtime
// folder while its process lives. Files of killed processes are removed when somebody looks.

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import path from "node:path"
import { visibleText } from "../visible-text.js"
import { cannotOffer, filesIn, isAlive, prepareRuntimeFolder, runtimeFolder } from "./runtime-folder.js"

export interface RunningBoard {
  /** What to write behind --port. */
  readonly port: string
  /** The process that simulates it. */
  readonly pid: number
  /** "a simulated board", or what else it is. */
  readonly what: string
}

/** A port is at most as long as a path. */
const MOST_BYTES = 8192
const MOST_FILES = 1000
const FILE = /^board-(\d{1,10})\.json$/
/** The forms of a port that `sim` serves. */
const PORT = /^(plain:)?unix:.|^tcp:\/\/.|^\/dev\/./

/**
 * Lists this process's board until the returned function is called. Throws SYSTEM_FAILED where no file can be written.
 */
export function listBoard(port: string, what: string, folder: string = runtimeFolder()): () => void {
  const cannot = "The simulated board cannot be listed for others"
  const file = path.join(prepareRuntimeFolder(folder, cannot), `board-${process.pid}.json`)
  try {
    rmSync(file, { force: true }) // an earlier process with the same number has left it
    const text = JSON.stringify({ port, what, startedAt: startOf(process.pid) })
    writeFileSync(file, text, { mode: 0o600, flag: "wx" })
  } catch (error) {
    throw cannotOffer(cannot, file, error)
  }
  return () => rmSync(file, { force: true })
}

/** The boards that run now, by port. None when others may write to the folder. Never throws. */
export function runningBoards(folder: string = runtimeFolder()): RunningBoard[] {
  const boards: RunningBoard[] = []
  for (const name of filesIn(folder, FILE).slice(0, MOST_FILES)) {
    const pid = Number(FILE.exec(name)?.[1])
    const file = path.join(folder, name)
    const board = readBoard(file, pid)
    if (board) boards.push(board)
    else remove(file)
  }
  return boards.sort((a, b) => a.port.localeCompare(b.port, "en", { numeric: true }))
}

/** Undefined if the file describes no process that lives. */
function readBoard(file: string, pid: number): RunningBoard | undefined {
  try {
    const { port, what, startedAt } = JSON.parse(readOwn(file)) as Record<string, unknown>
    if (typeof port !== "string" || !PORT.test(port) || visibleText(port) !== port) return undefined
    if (typeof what !== "string" || !isAlive(pid) || startOf(pid) !== startedAt) return undefined
    return { port, pid, what: visibleText(what) }
  } catch {
    return undefined
  }
}

/**
 * The text of one of our files. Throws for anything else: a link, a pipe, somebody else's file, one that is too long.
 */
function readOwn(file: string): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const found = fstatSync(descriptor)
    if (!found.isFile() || found.size > MOST_BYTES) throw new Error("no file that we write")
    if (process.getuid && found.uid !== process.getuid()) throw new Error("somebody else's")
    const bytes = Buffer.alloc(MOST_BYTES)
    return bytes.toString("utf8", 0, readSync(descriptor, bytes))
  } finally {
    closeSync(descriptor)
  }
}

function remove(file: string): void {
  try {
    rmSync(file)
  } catch {
    // it is a folder, or another process removed it first
  }
}

/**
 * When a process began, in the kernel's ticks. A later process with the same number has another value. null where the
 * system does not say.
 */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // counted behind the name, which may have spaces and parentheses in it; this is field 22
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null
  } catch {
    return null
  }
}
