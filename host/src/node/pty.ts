// A pseudo-terminal of our own: what is written to one end is read at the other, unchanged.
// Node has no call for it, so libc's is made through koffi (prebuilt, optional). Linux only.

import { closeSync, constants, openSync, write } from "node:fs"
import { Duplex } from "node:stream"
import tty from "node:tty"
import { missingDependency, systemFailed } from "../errors.js"

export interface Pty {
  /** /dev/pts/N, which the other program opens. */
  readonly path: string
  readonly stream: Duplex
  close(): void
}

/** sizeof(struct termios) is 60 with glibc; room to spare. */
const TERMIOS_SIZE = 128

/**
 * A full pseudo-terminal is tried again so often, and so many times. Any program that reads at all has read by then.
 */
const ASK_AGAIN_MS = 5
const ASK_TIMES = 200

/** Waits for a program that reads slowly. If nobody reads, what is written is lost, as on a board's serial port. */
function patientWriter(fd: number) {
  /** How many attempts are left until somebody has read something. */
  let triesLeft = ASK_TIMES
  return function writeAll(bytes: Buffer, done: (error: Error | null) => void): void {
    write(fd, bytes, (error, count) => {
      if (error?.code === "EAGAIN") {
        if (triesLeft-- > 0) setTimeout(() => writeAll(bytes, done), ASK_AGAIN_MS)
        else done(null)
        return
      }
      triesLeft = ASK_TIMES
      if (!error && count < bytes.length) writeAll(bytes.subarray(count), done)
      else done(error)
    })
  }
}

/** Linux's number: processes that we start do not get it. Node has no name for it. */
const O_CLOEXEC = 0o2000000

/** Opens a pseudo-terminal in raw mode. Throws MISSING_DEPENDENCY or SYSTEM_FAILED. */
export async function openPty(): Promise<Pty> {
  const libc = await loadLibc()
  const master = libc.posixOpenpt(constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK | O_CLOEXEC)
  if (master < 0 || libc.grantpt(master) !== 0 || libc.unlockpt(master) !== 0)
    throw systemFailed("The system gives no pseudo-terminal.", {
      hint: "Is /dev/pts mounted? A socket works without: --listen unix:PATH",
    })
  const termios = Buffer.alloc(TERMIOS_SIZE)
  libc.tcgetattr(master, termios)
  libc.cfmakeraw(termios) // no echo, no translation of line ends
  libc.tcsetattr(master, 0, termios)
  const path = libc.ptsname(master)
  // kept open, so that the master gets no error while no program has the other end
  const held = openSync(path, constants.O_RDWR | constants.O_NOCTTY)
  const reader = new tty.ReadStream(master)
  const writeAll = patientWriter(master)
  const stream = new Duplex({
    read() {
      reader.resume()
    },
    write: (chunk: Buffer, _encoding, done) => writeAll(chunk, done),
  })
  reader.on("data", (chunk) => {
    if (!stream.push(chunk)) reader.pause()
  })
  reader.on("error", () => stream.push(null))
  let isOpen = true
  return {
    path,
    stream,
    close() {
      if (!isOpen) return
      isOpen = false
      reader.destroy()
      stream.destroy()
      closeSync(held)
    },
  }
}

async function loadLibc() {
  try {
    const { default: koffi } = await import("koffi")
    const libc = koffi.load("libc.so.6")
    return {
      posixOpenpt: libc.func("int posix_openpt(int)") as (flags: number) => number,
      grantpt: libc.func("int grantpt(int)") as (fd: number) => number,
      unlockpt: libc.func("int unlockpt(int)") as (fd: number) => number,
      ptsname: libc.func("const char *ptsname(int)") as (fd: number) => string,
      tcgetattr: libc.func("int tcgetattr(int, void *)") as (fd: number, termios: Buffer) => number,
      tcsetattr: libc.func("int tcsetattr(int, int, void *)") as (
        fd: number,
        actions: number,
        termios: Buffer,
      ) => number,
      cfmakeraw: libc.func("void cfmakeraw(void *)") as (termios: Buffer) => void,
    }
  } catch (cause) {
    throw missingDependency("A pseudo-terminal needs Linux and the package koffi.", {
      hint: "npm install koffi@3, or use a socket: --listen unix:PATH",
      cause,
    })
  }
}
