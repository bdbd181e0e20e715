// Puts a program on a board by the runtime's own protocol: the DeviceScript manager service opens a Jacdac pipe,
// takes the bytecode through it, and writes it to flash when the pipe is closed. It then runs, now and after every
// power-up.
//
// A pipe's packets are commands at service index 0x3e: counter bits 4..0, closing bit 5, port bits 15..7.

import { createHash } from "node:crypto"
import { getU16, getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import { counted } from "../counted.js"
import { deviceFailed, type VirtioMsgError } from "../errors.js"
import { PIPE_SERVICE_INDEX } from "../link/jacdac-frame.js"
import { decodeProgramName, NAME_REGISTER } from "../link/program-manager.js"
import type { BoardClient } from "./board-client.js"
import { fnv1a } from "./device-config.js"
import { align, IMAGE_ALIGNMENT } from "./program-image.js"

const DEPLOY_COMMAND = 0x80
/** Registers of the manager. */
const SIZE_REGISTER = 0x180
const HASH_REGISTER = 0x181
const SHA256_REGISTER = 0x182
const SHA256_SIZE = 32

/** Before the pipe opens the board erases the old program: a flash sector takes 0.4 s at the most. */
const OPEN_PIPE_MS = 5000
/** What one packet of a pipe carries: as much as fits, and a multiple of 32. */
const CHUNK_SIZE = 224
const PIPE_PORT_SHIFT = 7
const MAX_PIPE_PORT = 0x1ff
const PIPE_CLOSING = 0x20
const PIPE_COUNTER_MASK = 0x1f
/** An RP2040's flash is written in pages of so many bytes; erased flash reads as ff. */
const FLASH_PAGE_SIZE = 256
const ERASED = 0xff

/** The program that a board holds. */
export interface HeldProgram {
  /** Bytes, 0 if there is none. */
  readonly size: number
  /** Of its bytes, as they are in flash now; undefined without a program, or where the runtime cannot say. */
  readonly sha256: Uint8Array | undefined
  /** FNV-1a of its bytes, as the board computed it when it wrote them: see `isSameProgram`. */
  readonly hash: number
  /** `@virtio-msg/firmware ...`, or another's; "" if it does not say. */
  readonly name: string
}

/**
 * Reads what program the board holds. Rejects with TIMEOUT or LINK_CLOSED, or with DEVICE_FAILED when the board answers
 * what no manager answers.
 */
export async function readHeldProgram(board: BoardClient): Promise<HeldProgram> {
  const read = (register: number) => board.readRegister(board.managerIndex, register)
  const size = getU32(checked(board, "size", 4, await read(SIZE_REGISTER)), 0)
  const sha256 = size > 0 ? await read(SHA256_REGISTER) : undefined
  const hash = getU32(checked(board, "hash", 4, await read(HASH_REGISTER)), 0)
  return {
    size,
    sha256: sha256 && checked(board, "SHA-256", SHA256_SIZE, sha256),
    hash,
    name: decodeProgramName((await read(NAME_REGISTER)) ?? new Uint8Array(0)),
  }
}

/**
 * Whether the board holds exactly this program. The SHA-256 is computed from flash at every reading. A runtime without
 * it has a hash. A Pico computes that before the last page of the program is in flash, so for the hash what is behind
 * some point in the last page counts as erased.
 */
export function isSameProgram(held: HeldProgram, program: Uint8Array): boolean {
  const padded = pad(program)
  if (held.size !== padded.length) return false
  if (held.sha256) return Buffer.compare(held.sha256, createHash("sha256").update(padded).digest()) === 0
  if (held.hash === fnv1a(padded)) return true
  const early = padded.slice()
  for (let sizeBytes = IMAGE_ALIGNMENT; sizeBytes <= FLASH_PAGE_SIZE; sizeBytes += IMAGE_ALIGNMENT) {
    early.fill(ERASED, Math.max(0, padded.length - sizeBytes))
    if (held.hash === fnv1a(early)) return true
  }
  return false
}

/** The error for a board that was given a program and holds this one instead. */
export function otherProgram(board: BoardClient, held: HeldProgram): VirtioMsgError {
  return held.size === 0
    ? deviceFailed(`The board on ${board.name} holds no program, though it took one.`, {
        hint: "It may have started again meanwhile, and lost what it had not written yet. Deploy again.",
      })
    : deviceFailed(`The board on ${board.name} holds something else than was sent.`, {
        hint: "Deploy again; if it happens again, its flash is worn out.",
      })
}

/**
 * Writes `program` to the board's flash; what it holds then is the next question. Rejects with TIMEOUT or LINK_CLOSED,
 * or with DEVICE_FAILED when the board takes none. Once `onProgress` was called the board holds no program until it has
 * all of this one.
 */
export async function deployProgram(
  board: BoardClient,
  program: Uint8Array,
  onProgress: (sentBytes: number, totalBytes: number) => void = () => {},
): Promise<void> {
  const padded = pad(program)
  const pipePort = await openPipe(board, padded.length)
  let counter = 0
  const send = (flags: number, payload: Uint8Array) =>
    board.sendAcknowledged(
      PIPE_SERVICE_INDEX,
      (pipePort << PIPE_PORT_SHIFT) | flags | (counter++ & PIPE_COUNTER_MASK),
      payload,
    )
  for (let at = 0; at < padded.length; at += CHUNK_SIZE) {
    onProgress(at, padded.length)
    await send(0, padded.subarray(at, at + CHUNK_SIZE))
  }
  await send(PIPE_CLOSING, new Uint8Array(0))
  onProgress(padded.length, padded.length)
}

/** A manager whose flash has no room for a program says nothing at all, and goes on with whatever else it is asked. */
async function openPipe(board: BoardClient, sizeBytes: number): Promise<number> {
  const size = new Uint8Array(4)
  putU32(size, 0, sizeBytes)
  let opened: Uint8Array
  try {
    opened = await board.request(board.managerIndex, DEPLOY_COMMAND, size, OPEN_PIPE_MS)
  } catch (error) {
    if ((error as VirtioMsgError).code !== "TIMEOUT") throw error
    await board.readRegister(board.managerIndex, SIZE_REGISTER)
    throw deviceFailed(
      `The board on ${board.name} did not begin to take a program of ${counted(sizeBytes, "byte")}.`,
      {
        hint: "Deploy again. If it happens again, its flash has no room: give it the runtime, virtio-msg flash --board BOARD",
      },
    )
  }
  const pipePort = opened.length >= 2 ? getU16(opened, 0) : 0
  if (pipePort > 0 && pipePort <= MAX_PIPE_PORT) return pipePort
  throw deviceFailed(`The board on ${board.name} takes no program.`, {
    hint: "Unplug it, plug it in, try again.",
  })
}

function checked(
  board: BoardClient,
  what: string,
  sizeBytes: number,
  value: Uint8Array | undefined,
): Uint8Array {
  if (value?.length === sizeBytes) return value
  const answer = value ? `answers ${counted(value.length, "byte")}, not ${sizeBytes}` : "knows no answer"
  throw deviceFailed(`Asked for the ${what} of its program, the board on ${board.name} ${answer}.`, {
    hint: "Unplug it, plug it in, deploy again. If that is no help, give it the runtime: virtio-msg flash --board BOARD",
  })
}

/** The runtime takes multiples of 32 bytes. */
function pad(program: Uint8Array): Uint8Array {
  const padded = new Uint8Array(align(program.length))
  padded.set(program)
  return padded
}
