// Puts the DeviceScript runtime on a board, whatever its chip: the right file for the right board, written, and
// running.

import { readFile } from "node:fs/promises"
import { BOARDS, type Board, type EspChip, type Uf2Chip } from "../../../boards/src/index.js"
import { delay, systemClock } from "../clock.js"
import { BoardClient, type BoardIdentity } from "../deploy/board-client.js"
import { invalidArgument, notFound } from "../errors.js"
import { type BootDrive, countBootloaders, findBootDrives } from "../node/boot-drives.js"
import { portsOf, resolvePort, SeveralBoardsError } from "../node/choose-board.js"
import { makeFramePort } from "../node/open-link.js"
import { listSerialPorts, type SerialPortInfo } from "../node/serial-ports.js"
import { openSerialPort } from "../node/serial-stream.js"
import { whyNoEspImage } from "./esp-image.js"
import { flashThroughRom } from "./esp-rom.js"
import { downloadFirmware } from "./firmware-download.js"
import { boardOfImage } from "./image-board.js"
import { whyNoUf2 } from "./uf2.js"
import { copyToDrive } from "./uf2-drive.js"

const LOOK_AGAIN_MS = 250
/** From the reset to the drive of the boot loader, mounted by the desktop. */
const TOUCH_MS = 6000
/** From the last byte to a board that answers: it starts, is enumerated, and announces itself. */
const START_MS = 15_000
/** Opening a port at this speed and closing it asks many boards for their boot loader; DeviceScript's is not among them. */
const TOUCH_BAUD = 1200
const RASPBERRY_PI = 0x2e8a

export interface FlashOptions {
  readonly board: Board
  /** `auto`, or a serial port's path. */
  readonly port: string
  /** The firmware's file; downloaded when absent. */
  readonly file?: string
  readonly refresh?: boolean
  /** How long to wait for a person to press a button. */
  readonly waitMs: number
  /** What happens, as sentences. */
  onStep(sentence: string): void
  onProgress(title: string, done: number, total: number): void
}

export interface Flashed {
  /** Where the board is now; undefined when its port did not appear in time. */
  readonly port: string | undefined
  readonly runtimeVersion: string
  readonly sizeBytes: number
  readonly source: string
  readonly sha256: string | undefined
}

/** Rejects with INVALID_ARGUMENT (wrong file, wrong chip, two boards), NOT_FOUND, and as what it calls. */
export async function flashBoard(options: FlashOptions): Promise<Flashed> {
  const { board } = options
  const firmware = await readFirmwareFile(options)
  const reason =
    (board.chip.flashBy === "uf2-drive"
      ? whyNoUf2(firmware.contents, board.chip.uf2Family)
      : whyNoEspImage(firmware.contents, board.chip.imageChipId, board.chip.flashOffset)) ||
    whyNotFor(firmware.contents, board)
  if (reason)
    throw invalidArgument(`${firmware.source} is no firmware for ${board.name}. ${reason}`, {
      hint: `Microsoft's for this board: ${board.firmware.url}`,
    })
  let port: string | undefined
  let others: string[] = []
  if (board.chip.flashBy === "uf2-drive") others = await flashByDrive(options, board.chip, firmware.contents)
  else port = await flashByRom(options, board.chip, firmware.contents)
  options.onStep("Waiting for the board to start ...")
  let started = await findStarted(board, port, others, START_MS)
  if (!started && options.waitMs > 0) {
    options.onStep(`It has not started yet. ${board.reset} Waiting ${options.waitMs / 1000} s for it ...`)
    started = await findStarted(board, port, others, options.waitMs)
  }
  const other = BOARDS.find(({ productId }) => productId === started?.productId)
  if (other && other !== board)
    options.onStep(`It says that it is a ${other.name} (${other.id}): was the file that board's?`)
  return {
    port: started?.port ?? port,
    runtimeVersion: started?.runtimeVersion ?? "",
    sizeBytes: firmware.contents.length,
    source: firmware.source,
    sha256: firmware.sha256,
  }
}

/** Why a sound image is not for this board, as a sentence; "" if it is, or says nothing of it. */
function whyNotFor(image: Uint8Array, board: Board): string {
  const made = boardOfImage(image)
  if (!made || made.productId === board.productId) return ""
  const other = BOARDS.find(({ productId }) => productId === made.productId)
  return `It is for the board "${made.name}"${other ? `: --board ${other.id}` : ", which is not in our list"}.`
}

async function readFirmwareFile({ board, file, refresh, onStep, onProgress }: FlashOptions) {
  if (file !== undefined) {
    const contents = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      throw invalidArgument(`Cannot read ${file}: ${error.message}`, {
        hint: "Is the path right?",
        cause: error,
      })
    })
    return { contents: contents as Uint8Array, source: file, sha256: undefined }
  }
  const { url } = board.firmware
  const downloaded = await downloadFirmware(board.firmware, {
    ...(refresh ? { refresh } : {}),
    onProgress: (done, total) => onProgress("Download", done, total),
  })
  onStep(`${downloaded.fromCache ? "From the cache" : "Downloaded"}: ${url}`)
  onStep(
    downloaded.trust === "pinned"
      ? `Its SHA-256 is the one that we know: ${downloaded.sha256}`
      : `Its SHA-256 is ${downloaded.sha256}. We know of none to compare it with, only that of the first download.`,
  )
  return { contents: downloaded.contents, source: url, sha256: downloaded.sha256 }
}

// --- RP2040 ---

/** Returns the ports that are not this board's: it has none while it is in its boot loader. */
async function flashByDrive(options: FlashOptions, chip: Uf2Chip, firmware: Uint8Array): Promise<string[]> {
  const drive = await findDrive(options, chip)
  const others = (await listSerialPorts()).map(({ path }) => path)
  options.onStep(`Writing to the drive ${drive.folder} ...`)
  await copyToDrive(drive, firmware, (done, total) => options.onProgress("Writing", done, total))
  return others
}

async function findDrive(options: FlashOptions, chip: Uf2Chip): Promise<BootDrive> {
  const there = await oneDrive(chip)
  if (there) return there
  if ((await countBootloaders(chip.driveUsb)) === 0) {
    const touched = await touchOne()
    if (touched) {
      options.onStep(`Asked the board on ${touched} for its boot loader ...`)
      const appeared = await waitFor(() => oneDrive(chip), TOUCH_MS)
      if (appeared) return appeared
    }
  }
  const hint = await noDriveHint(options.board, chip)
  if (options.waitMs > 0) {
    options.onStep(`${hint} Waiting ${options.waitMs / 1000} s for it ...`)
    const appeared = await waitFor(() => oneDrive(chip), options.waitMs)
    if (appeared) return appeared
  }
  throw notFound(`No drive ${chip.drive} is mounted.`, { hint })
}

async function noDriveHint(board: Board, chip: Uf2Chip): Promise<string> {
  return (await countBootloaders(chip.driveUsb)) > 0
    ? `The boot loader is there; mount its drive: udisksctl mount -b /dev/disk/by-label/${chip.drive}`
    : board.bootloader
}

async function oneDrive(chip: Uf2Chip): Promise<BootDrive | undefined> {
  const drives = await findBootDrives()
  const fitting = drives.filter(({ boardId }) => boardId === chip.drive)
  const [drive, another] = fitting
  if (another)
    throw invalidArgument(
      `More than one board is in its boot loader: ${fitting.map(({ folder }) => folder).join(", ")}.`,
      { hint: "Unplug all but one. Nothing was written." },
    )
  const [other] = drives
  if (!drive && other)
    throw invalidArgument(
      `The boot loader on ${other.folder} is that of an ${other.boardId}, not of an ${chip.name}.`,
      { hint: "DeviceScript has no firmware for that chip. Nothing was written." },
    )
  return drive
}

/** Asks the one board of Raspberry Pi's that is connected for its boot loader; returns its port. */
async function touchOne(): Promise<string | undefined> {
  const [port, another] = (await listSerialPorts()).filter(({ usb }) => usb?.vendor === RASPBERRY_PI)
  if (!port || another) return undefined
  try {
    const opened = await openSerialPort(port.path, TOUCH_BAUD)
    await new Promise<void>((resolve) => opened.close(() => resolve()))
    return port.path
  } catch {
    return undefined // a person presses the button, then
  }
}

// --- ESP32 ---

async function flashByRom(options: FlashOptions, chip: EspChip, image: Uint8Array): Promise<string> {
  const { path, usb } = await onePort(options)
  options.onStep(`Looking for the boot loader on ${path} ...`)
  await flashThroughRom({
    path,
    usb,
    chip,
    image,
    onChip: (name) => options.onStep(`It is an ${name}. Writing ...`),
    onProgress: (done, total) => options.onProgress("Writing", done, total),
  })
  return path
}

async function onePort({ port, board }: FlashOptions): Promise<Pick<SerialPortInfo, "path" | "usb">> {
  const ports = await listSerialPorts()
  if (port !== "auto") {
    const named = await resolvePort(port)
    return ports.find(({ path }) => path === named) ?? { path: named, usb: undefined }
  }
  // in its boot loader the chip has other ids than while it runs, so the maker's is all that can be asked for
  const vendors = new Set(
    BOARDS.filter(({ chip }) => chip === board.chip).flatMap(({ usb }) => usb.map((id) => id.vendor)),
  )
  const fitting = ports.filter(
    ({ usb, boards }) =>
      usb &&
      vendors.has(usb.vendor) &&
      (boards.length === 0 || boards.some(({ chip }) => chip === board.chip)),
  )
  const [found, another] = fitting
  if (!found)
    throw notFound(`No port is there that could be ${board.name}.`, {
      hint: `${board.bootloader} virtio-msg ports shows what is there.`,
    })
  if (another)
    throw new SeveralBoardsError(
      `More than one port could be ${board.name}: ${fitting.map(({ path }) => path).join(", ")}.`,
      portsOf(fitting.map(({ path, usb }) => ({ path, serialNumber: usb?.serialNumber }))),
    )
  return found
}

// --- after it ---

/** The board that runs now: on `port`, or on a port that is none of the others. Undefined if none answers in time. */
async function findStarted(
  board: Board,
  port: string | undefined,
  others: readonly string[],
  limitMs: number,
) {
  return waitFor(async () => {
    const candidates = (await listSerialPorts()).filter(
      (info) => info.boards.includes(board) && (port === undefined ? !others.includes(info.path) : true),
    )
    const paths = port === undefined ? candidates.map(({ path }) => path) : [port]
    for (const path of paths) {
      const identity = await identify(path)
      if (identity) return { port: path, ...identity }
    }
    return undefined
  }, limitMs)
}

async function identify(path: string): Promise<BoardIdentity | undefined> {
  try {
    const client = await BoardClient.open(makeFramePort(path))
    try {
      return await client.identify()
    } finally {
      await client.close()
    }
  } catch {
    return undefined // not up yet
  }
}

async function waitFor<T>(look: () => Promise<T | undefined>, limitMs: number): Promise<T | undefined> {
  const endMs = systemClock.now() + limitMs
  for (;;) {
    const found = await look()
    if (found !== undefined || systemClock.now() >= endMs) return found
    await delay(systemClock, LOOK_AGAIN_MS)
  }
}
