// Our firmware onto a board behind a port: which board it is, its settings, the program over the wire, and HELLO.

import { BOARDS, type Board } from "../../../boards/src/index.js"
import type { ChannelParameters } from "../bus/channel.js"
import { BoardClient, type BoardIdentity } from "../deploy/board-client.js"
import {
  deployProgram,
  type HeldProgram,
  isSameProgram,
  otherProgram,
  readHeldProgram,
} from "../deploy/deploy-program.js"
import { checkWifi, joinWifi, type WifiNetwork } from "../deploy/join-wifi.js"
import { withSettings } from "../deploy/program-image.js"
import { deviceFailed, invalidArgument, VirtioMsgError } from "../errors.js"
import { isDialling } from "../link/program-manager.js"
import type { Trace } from "../trace/trace.js"
import { type ChipBuild, readFirmware } from "../vm/firmware-image.js"
import { awaitHeldProgram, openRestartedBoard } from "./await-board.js"
import {
  type BoardPins,
  checkPinChoice,
  choosePins,
  DEVICE_NAMES,
  type PinChoice,
  settingsOf,
} from "./board-settings.js"
import { findOneBoard, resolvePort } from "./choose-board.js"
import { checkDialled } from "./dialled-host.js"
import { makeFramePort } from "./open-link.js"
import { SerialLocation } from "./serial-location.js"
import { isSimPort } from "./sim-port.js"

/** The number by which the runtime's build for the VM identifies itself. */
const SIMULATOR_PRODUCT = 0x3fe5b46f
/**
 * The heap that our firmware takes under the heaviest load, on a board that is as slow as a chip
 * (test/firmware/heap.test.ts): with all its devices, and with I2C alone and the small window.
 */
export const HEAP_NEEDED_KIB = { all: 54, i2cAlone: 37 }

export interface DeployOptions extends PinChoice {
  /** `auto`, a serial port's path, `unix:PATH` or `tcp://HOST:PORT`. */
  readonly port: string
  readonly build: ChipBuild
  /** The board's id. When absent, the board itself says it. */
  readonly boardId?: string
  /** HOST:PORT, where the board finds its host over WiFi. When absent, it waits behind its serial port. */
  readonly dial?: string
  /** The network that the board has to join. When absent, the one that it knows. */
  readonly wifi?: WifiNetwork
  readonly onChoice?: (choice: string) => void
  readonly onProgress?: (sentBytes: number, totalBytes: number) => void
  /** Told of the packets with HELLO. The program itself is sent without packets. */
  readonly trace?: Trace
}

export interface Deployment {
  readonly port: string
  readonly identity: BoardIdentity
  /** undefined for the simulator. */
  readonly board: Board | undefined
  readonly sizeBytes: number
  /** undefined where the chips are simulated. */
  readonly pins: BoardPins | undefined
  /** Whether the board held the very same program already. */
  readonly wasThere: boolean
  /** undefined for a board that dials: it says HELLO there. */
  readonly hello: ChannelParameters | undefined
}

/**
 * Rejects with INVALID_ARGUMENT (wrong board, pins, speed), NOT_FOUND or CONNECT_FAILED (no board), LINK_CLOSED or
 * TIMEOUT (gone meanwhile: the board holds no program then), DEVICE_FAILED (it holds or runs something else, or has no WiFi).
 */
export async function deployFirmware(options: DeployOptions): Promise<Deployment> {
  if (isSimPort(options.port))
    throw invalidArgument(`--port ${options.port} is a board that is gone when the command ends.`, {
      hint: "One that stays: virtio-msg sim --blank --listen unix:/tmp/board.sock",
    })
  checkWithoutBoard(options)
  const port =
    options.port === "auto" ? await findOneBoard(options.onChoice) : await resolvePort(options.port)
  const location = new SerialLocation(port)
  await location.find() // to recognise the board when its port has another name afterwards
  const client = await BoardClient.open(makeFramePort(port))
  let written: Omit<Deployment, "hello">
  let program: Uint8Array
  let isVerified: boolean
  try {
    const identity = await client.identify()
    const board = whichBoard(identity, port, options)
    if (board) checkHeap(board, options.devices)
    if (options.dial !== undefined) checkDialled(options.dial, board)
    if (options.wifi) await joinWifi(client, options.wifi)
    const pins = board && options.build === "hardware" ? choosePins(board, options) : undefined
    const build = options.dial === undefined ? options.build : (`${options.build}-dial` as const)
    program = withSettings(readFirmware(build), settingsOf(pins, options, board?.chip))
    const held = await readIfSane(client)
    const wasThere = held !== undefined && isSameProgram(held, program)
    if (held && isDialling(held.name) && options.dial === undefined)
      options.onChoice?.(
        "Until now the board dialled its host; now it waits on its serial port. --dial keeps it dialling.",
      )
    isVerified = wasThere || (await write(client, program, options))
    written = { port, identity, board, sizeBytes: program.length, pins, wasThere }
  } finally {
    await client.close()
  }
  // a board that dials says no HELLO here. One that has started again meanwhile may have begun before all was in flash
  if (options.dial !== undefined || !isVerified) await awaitHeldProgram(location, program)
  if (options.dial !== undefined) return { ...written, hello: undefined }
  const opened = await openRestartedBoard(location, options.trace)
  try {
    if (opened.board.hasSimulatedChips !== (options.build === "simulated"))
      throw deviceFailed(`The board on ${port} runs another program than it was given.`, {
        hint: "Unplug it, plug it in, deploy again.",
      })
    return { ...written, port: opened.bus.name, hello: opened.board }
  } finally {
    await opened.close()
  }
}

/** Checks what can be checked without a board, before anything is opened. */
function checkWithoutBoard(options: DeployOptions): void {
  const { boardId, devices, dial, wifi } = options
  const board = BOARDS.find(({ id }) => id === boardId)
  if (boardId !== undefined && !board) throw unknownBoard(boardId)
  checkPinChoice(options)
  if (options.gpio && options.build === "simulated")
    throw invalidArgument("--gpio names pins of a board; the simulated chips have lines of their own.", {
      hint: "Leave --gpio or --simulated out.",
    })
  if (board) checkHeap(board, devices)
  if (wifi) checkWifi(wifi)
  if (dial !== undefined) checkDialled(dial, board)
}

function checkHeap({ name, chip }: Board, devices: readonly string[] = DEVICE_NAMES): void {
  const isI2cAlone = devices.every((device) => device === "i2c")
  const neededKib = isI2cAlone ? HEAP_NEEDED_KIB.i2cAlone : HEAP_NEEDED_KIB.all
  if (chip.heapKib >= neededKib) return
  const hint =
    chip.heapKib >= HEAP_NEEDED_KIB.i2cAlone
      ? `With its I2C bus alone it needs ${HEAP_NEEDED_KIB.i2cAlone} kB: --devices i2c`
      : "The boards with more: virtio-msg boards"
  throw invalidArgument(
    `Our firmware with these devices does not fit on an ${name}: it needs ${neededKib} kB of heap, ` +
      `the runtime there has ${chip.heapKib} kB.`,
    { hint },
  )
}

export function unknownBoard(boardId: string): VirtioMsgError {
  return invalidArgument(`There is no board "${boardId}" in our list.`, {
    hint: `The boards are ${BOARDS.map(({ id }) => id).join(", ")}.`,
  })
}

function whichBoard(identity: BoardIdentity, port: string, options: DeployOptions): Board | undefined {
  const told = BOARDS.find(({ productId }) => productId === identity.productId)
  const asked = BOARDS.find(({ id }) => id === options.boardId)
  if (told && asked && told !== asked)
    throw invalidArgument(`The board on ${port} is ${told.id} (${told.name}), not ${asked.id}.`, {
      hint: `Leave --board out, or give it that board's runtime: virtio-msg flash --board ${asked.id}`,
    })
  const board = told ?? asked
  if (board || options.build === "simulated") return board
  if (identity.productId === SIMULATOR_PRODUCT)
    throw invalidArgument(`The board on ${port} is a simulated one: it has no pins.`, {
      hint: "Give it the simulated chips: --simulated",
    })
  throw invalidArgument(`The board on ${port} ("${identity.description}") is not in our list.`, {
    hint: "Say which board it is most like: --board BOARD (virtio-msg boards lists them)",
  })
}

/** Undefined for a board whose manager answers nonsense, as if it held another program: writing repairs it. */
async function readIfSane(client: BoardClient): Promise<HeldProgram | undefined> {
  try {
    return await readHeldProgram(client)
  } catch (error) {
    if ((error as VirtioMsgError).code !== "DEVICE_FAILED") throw error
    return undefined
  }
}

/** Resolves with whether the board has said that it holds the program. With new settings it starts again at once. */
async function write(client: BoardClient, program: Uint8Array, options: DeployOptions): Promise<boolean> {
  let hasBegun = false
  try {
    await deployProgram(client, program, (sentBytes, totalBytes) => {
      hasBegun = true
      options.onProgress?.(sentBytes, totalBytes)
    })
  } catch (error) {
    if (!(error instanceof VirtioMsgError)) throw error
    const state = hasBegun
      ? "It holds no program now: writing was not finished."
      : "It may hold no program now."
    const { hint: next = "" } = error
    const hint = error.code === "DEVICE_FAILED" ? next : `${next} Then deploy again.`
    throw new VirtioMsgError(error.code, `${error.message} ${state}`, { hint, cause: error })
  }
  let held: HeldProgram
  try {
    held = await readHeldProgram(client)
  } catch (error) {
    if (error instanceof VirtioMsgError && ["LINK_CLOSED", "TIMEOUT"].includes(error.code)) return false
    throw error
  }
  if (isSameProgram(held, program)) return true
  throw otherProgram(client, held)
}
