// Bytecode that was compiled already, by the content of all that went into it. Whoever needs a program takes it from
// here, and of several at once one compiles: tests ask for the same program in processes of their own.

import { createHash } from "node:crypto"
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import path from "node:path"

/** How often a process looks whether the one that compiles is done. */
const LOOK_MS = 100
/** No compiler takes so long: whoever had the lock is gone, and its number is another process's. */
const LOCK_MS = 10 * 60_000
/** What was compiled so long ago is thrown away when something else is. */
const KEEP_MS = 14 * 24 * 3600_000

/** A key for these files and folders: of their names below `root`, and of what is in them. */
export function keyOf(root, places, ...words) {
  const hash = createHash("sha256")
  for (const word of words) hash.update(`${word}\n`)
  for (const place of places)
    for (const file of filesIn(path.join(root, place))) {
      const bytes = readFileSync(file)
      hash.update(`${path.relative(root, file)} ${bytes.length}\n`).update(bytes)
    }
  return hash.digest("hex").slice(0, 32)
}

function filesIn(place) {
  if (!statSync(place).isDirectory()) return [place]
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
}

/** The bytes of that key: those that are there, or those that `make` returns, called by one process at a time. */
export function cached(folder, key, make) {
  const file = path.join(folder, `${key}.devs`)
  mkdirSync(folder, { recursive: true })
  const lock = path.join(folder, `${key}.lock`)
  while (!existsSync(file)) {
    if (!takeLock(lock)) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS)
      continue
    }
    try {
      if (!existsSync(file)) {
        const whole = `${file}.${process.pid}` // renamed when it is complete, so that nobody reads half a program
        writeFileSync(whole, make())
        renameSync(whole, file)
        throwAwayOld(folder)
      }
    } finally {
      rmSync(lock, { force: true })
    }
  }
  return readFileSync(file)
}

/** False while a process that runs has it. The lock of one that was killed is taken away. */
function takeLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" })
    return true
  } catch (error) {
    if (error.code !== "EEXIST") throw error
  }
  if (isOlder(lock, LOCK_MS) || isOfNobody(lock)) rmSync(lock, { force: true })
  return false
}

function isOfNobody(lock) {
  try {
    const owner = Number(readFileSync(lock, "utf8"))
    if (owner > 0) process.kill(owner, 0) // none yet while it is being written
    return false
  } catch (error) {
    return error.code === "ESRCH"
  }
}

function isOlder(file, ageMs) {
  return Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > ageMs
}

function throwAwayOld(folder) {
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name)
    if (isOlder(file, KEEP_MS)) rmSync(file, { force: true })
  }
}
