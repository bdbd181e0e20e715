// The Linux guest, booted: runs commands in it, gives a person its shell, and ends it.

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFile, writeFile } from "node:fs/promises"
import { createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import type { GuestDeviceType } from "../../../../shared-protocol/src/device-types/catalogue.js"
import { deviceFailed, invalidArgument, VirtioMsgError } from "../../errors.js"
import { atProcessEnd, TemporaryFolder } from "../process-end.js"
import { GuestConsole } from "./guest-console.js"
import { GUEST_READY, MAX_LINE_LENGTH } from "./guest-init.js"
import { type GuestFile, packInitramfs } from "./initramfs.js"
import type { GuestImage } from "./prepare.js"
import { type BootPaths, type DeviceBus, qemuArguments } from "./qemu.js"
import { requireToolsToBoot } from "./required-tools.js"

const MEMORY_MIB = 256
/** A guest is up after 5 s, and after a minute on a computer that is busy with other things. */
const BOOT_LIMIT_MS = 180_000
const COMMAND_LIMIT_MS = 300_000
const SHUTDOWN_LIMIT_MS = 5000

/** Another machine than the Cortex-A7 with the board's devices. */
export interface GuestMachine {
  /** Of QEMU. */
  readonly program: string
  arguments(paths: BootPaths): string[]
}

export interface LinuxGuestOptions {
  /** The Cortex-A7 with the board's devices when absent. */
  readonly machine?: GuestMachine
  readonly image: GuestImage
  /** `mmio` when absent. */
  readonly bus?: DeviceBus
  /** Devices of the board beside I2C; each is served on `socketOf` it, as I2C is on `socketPath`. */
  readonly moreDevices?: readonly GuestDeviceType[]
  /** Files to add to the guest's, or to put in their place. */
  readonly extraFiles?: readonly GuestFile[]
}

/** How a command in the guest ended. */
export interface GuestCommandResult {
  /** Its exit code. */
  readonly code: number
  /** What it wrote to standard output and standard error, without the last line's end. */
  readonly output: string
}

/** Where a person types: `process.stdin`, or a stream in its place. */
export interface GuestInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean
  setRawMode?(isRaw: boolean): unknown
}

export class LinuxGuest {
  /**
   * The Unix socket on which QEMU offers the virtio-i2c device. Whoever serves the device connects to it, before or
   * after `boot` is called. The guest boots as soon as that has happened.
   */
  readonly socketPath: string

  readonly #options: LinuxGuestOptions
  /** Only the user may enter it. */
  readonly #folder = new TemporaryFolder("virtio-msg-")
  readonly #callOff = atProcessEnd(() => this.#kill())
  #process: ChildProcess | undefined
  #server: Server | undefined
  #console: GuestConsole | undefined
  #exit: Promise<void> | undefined
  #last: Promise<unknown> = Promise.resolve()
  #nextId = 1
  #qemuLog = ""

  constructor(options: LinuxGuestOptions) {
    this.#options = options
    this.socketPath = join(this.#folder.path, "i2c.sock")
  }

  /** The Unix socket on which QEMU offers a further device. */
  socketOf(device: GuestDeviceType): string {
    return join(this.#folder.path, `${device}.sock`)
  }

  /**
   * Starts QEMU and resolves when the guest takes commands. Rejects with MISSING_DEPENDENCY without QEMU, with
   * TIMEOUT when the guest is not there after three minutes, with DEVICE_FAILED when QEMU ends.
   */
  async boot(): Promise<void> {
    const { image, machine = this.#boardMachine() } = this.#options
    const consolePath = join(this.#folder.path, "tty.sock")
    const connected = this.#acceptConsole(consolePath)
    const initrdPath = await this.#initrd()
    const args = machine.arguments({ kernelPath: image.kernelPath, initrdPath, consolePath })
    const child = spawn(machine.program, args, { stdio: ["ignore", "pipe", "pipe"] })
    this.#process = child
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#qemuLog = (this.#qemuLog + text).slice(-4000)
      })
    this.#exit = new Promise((resolve) => {
      child.once("error", (error) => this.#ended(`QEMU did not start: ${error.message}`, resolve))
      child.once("close", (code, signal) => this.#ended(`QEMU ended (${signal ?? code})`, resolve))
    })
    const failed = this.#exit.then(() => {
      throw this.#failure("QEMU ended before the guest was up")
    })
    failed.catch(() => {})
    const up = async () => {
      this.#console = new GuestConsole(await connected)
      await this.#console.waitFor(new RegExp(`${GUEST_READY} .*\n`))
    }
    await this.#within(BOOT_LIMIT_MS, "The guest does not boot", Promise.race([up(), failed]))
  }

  /**
   * Runs a shell command in the guest. Commands run one after another. Each has a shell of its own, and no input.
   * Rejects with INVALID_ARGUMENT for a line above 4000 characters, with TIMEOUT, after which the guest is unusable,
   * and with DEVICE_FAILED when the guest ends.
   */
  sh(command: string, options: { readonly timeoutMs?: number } = {}): Promise<GuestCommandResult> {
    const lines = command.split("\n")
    if (lines.some((line) => line.length > MAX_LINE_LENGTH || line.startsWith("@@")))
      return Promise.reject(
        invalidArgument(`A line of a guest's command has at most ${MAX_LINE_LENGTH} characters.`),
      )
    return this.#inTurn(async (console) => {
      const id = this.#nextId++
      console.send(`${command}\n@@run ${id}\n`)
      const limitMs = options.timeoutMs ?? COMMAND_LIMIT_MS
      const ended = console.waitFor(new RegExp(`@@end ${id} (\\d+)\r?\n`))
      const { before, groups } = await this.#within(limitMs, `The command does not end: ${command}`, ended)
      return { code: Number(groups[0]), output: before.replace(/\n$/, "") }
    })
  }

  /**
   * Gives the guest's shell to whoever sits at `input` and `output`, until that shell ends; resolves with its
   * exit code. A terminal is switched to raw mode meanwhile. Rejects with DEVICE_FAILED when the guest ends.
   */
  interactive(input: GuestInput, output: NodeJS.WritableStream): Promise<number> {
    return this.#inTurn(async (console) => {
      const id = this.#nextId++
      const send = (bytes: Uint8Array) => console.send(bytes)
      if (input.isTTY) input.setRawMode?.(true)
      try {
        console.send(`@@shell ${id}\n`)
        input.on("data", send)
        input.resume()
        const ended = new RegExp(`@@end ${id} (\\d+)\r?\n`)
        const { groups } = await console.tapUntil(ended, (text) => output.write(text))
        return Number(groups[0])
      } finally {
        input.off("data", send)
        input.pause()
        if (input.isTTY) input.setRawMode?.(false)
      }
    })
  }

  /** Switches the guest off, or ends it when that takes more than 5 s. Then removes what it had on disk. */
  async shutdown(): Promise<void> {
    if (this.#exit) {
      if (this.#console?.isOpen) this.#console.send("@@off\n")
      else this.#process?.kill("SIGKILL")
      const timer = setTimeout(() => this.#process?.kill("SIGKILL"), SHUTDOWN_LIMIT_MS)
      await this.#exit
      clearTimeout(timer)
    }
    this.#kill()
  }

  #boardMachine(): GuestMachine {
    requireToolsToBoot()
    const { bus, moreDevices = [] } = this.#options
    return {
      program: "qemu-system-arm",
      arguments: (paths) =>
        qemuArguments({
          ...paths,
          socketPath: this.socketPath,
          memoryMib: MEMORY_MIB,
          moreDevices: new Map(moreDevices.map((device) => [device, this.socketOf(device)])),
          ...(bus === undefined ? {} : { bus }),
        }),
    }
  }

  /** The users of the console get it one after another. */
  #inTurn<T>(use: (console: GuestConsole) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      if (!this.#console) throw invalidArgument("The guest has not booted.")
      return use(this.#console)
    })
    this.#last = turn.catch(() => {})
    return turn
  }

  #acceptConsole(path: string): Promise<Socket> {
    this.#server = createServer().listen(path)
    return once(this.#server, "connection").then(([socket]) => socket as Socket)
  }

  /** The path of the initial file system, with the extra files behind it. */
  async #initrd(): Promise<string> {
    const { image, extraFiles = [] } = this.#options
    if (extraFiles.length === 0) return image.initrdPath
    const path = join(this.#folder.path, "initrd.gz")
    await writeFile(path, Buffer.concat([await readFile(image.initrdPath), packInitramfs(extraFiles)]))
    return path
  }

  async #within<T>(limitMs: number, problem: string, promise: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const tail = this.#console?.tail.trim()
        const error = new VirtioMsgError(
          "TIMEOUT",
          `${problem} (after ${limitMs / 1000} s).${tail ? ` Its last words:\n${tail}` : ""}`,
          { hint: "Does a backend serve the guest's socket, and does every request get its answer?" },
        )
        reject(error)
        this.#console?.end(error)
      }, limitMs)
    })
    try {
      return await Promise.race([promise, late])
    } finally {
      clearTimeout(timer)
    }
  }

  #ended(how: string, resolve: () => void): void {
    this.#console?.end(this.#failure(how))
    this.#server?.close()
    resolve()
  }

  #failure(how: string): VirtioMsgError {
    const words = [this.#qemuLog, this.#console?.tail ?? ""].map((text) => text.trim()).filter(Boolean)
    return deviceFailed(`${how}.${words.length ? `\n${words.join("\n")}` : ""}`)
  }

  #kill(): void {
    this.#callOff()
    this.#process?.kill("SIGKILL")
    this.#server?.close()
    this.#folder.remove()
  }
}
