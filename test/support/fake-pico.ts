// A Pico in its boot loader, in a fake root: a drive that takes a UF2 file and disappears after the last block. Then a
// serial port appears, on which the runtime answers.

import { type FSWatcher, rmSync, statSync, watch, writeFileSync } from "node:fs"
import path from "node:path"
import { Simulator } from "../cli/command.js"
import { BOOTSEL_USB, type FakeRoot, PICO_USB } from "./fake-root.js"

export class FakePico {
  /** Bytes of the file that were written so far. */
  written = 0
  readonly folder: string
  readonly #root: FakeRoot
  readonly #watcher: FSWatcher
  #board: Promise<Simulator> | undefined

  private constructor(root: FakeRoot, folder: string, sizeBytes: number) {
    this.#root = root
    this.folder = folder
    const file = path.join(folder, "firmware.uf2")
    this.#watcher = watch(folder, () => {
      try {
        this.written = statSync(file).size
      } catch {
        return // not there yet, or gone already
      }
      if (this.written >= sizeBytes) this.#start()
    })
  }

  /** Plugs in a Pico that waits for a file of so many bytes. */
  static async insert(root: FakeRoot, sizeBytes: number): Promise<FakePico> {
    await root.addUsbDevice(BOOTSEL_USB)
    return new FakePico(root, await root.addBootDrive("/media/me/RPI-RP2", "RPI-RP2"), sizeBytes)
  }

  /** Removes the drive, as when the cable is pulled. */
  unplug(): void {
    this.#watcher.close()
    rmSync(this.folder, { recursive: true })
    writeFileSync(path.join(this.#root.folder, "proc/mounts"), "")
  }

  async end(): Promise<void> {
    this.#watcher.close()
    await (await this.#board)?.stop()
  }

  #start(): void {
    if (this.#board) return
    this.unplug()
    this.#board = Simulator.start("pty", ["--blank"]).then(async (board) => {
      await this.#root.addUsbPort("ttyACM0", PICO_USB, board.port)
      return board
    })
  }
}
