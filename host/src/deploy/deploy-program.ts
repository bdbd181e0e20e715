// Puts a program on a board by the runtime's own protocol: the DeviceScript manager service opens a Jacdac pipe,
// takes the bytecode through it, and writes it to flash when the pipe is closed. It then runs, now and after every
// power-up.
//
// A pipe's packets are commands at service index 0x3e: counter bits 4..0, closing bit 5, port bits 15..7.

import { getU16, getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import { VirtioMsgError } from "../errors.js"
import { PIPE_SERVICE_INDEX } from "../link/jacdac-frame.js"
import { visibleText } from "../visible-text.js"
import type { BoardClient } from "./board-client.js"
import { fnv1a } from "./device-config.js"
import { align } from "./program-image.js"

const DEPLOY_COMMAND = 0x80
/** Registers of the manager. */
const SIZE_REGISTER = 0x180
const HASH_REGISTER = 0x181
const NAME_REGISTER = 0x184

/** Before the pipe opens the board erases the old program: a flash sector takes 0.4 s at the most. */
const OPEN_PIPE_MS = 5000
/** What one packet of a pipe carries: as much as fits, and a multiple of 32. */
const CHUNK_SIZE = 224
const PIPE_PORT_SHIFT = 7
const PIPE_CLOSING = 0x20
const PIPE_COUNTER_MASK = 0x1f

/** The program that a board holds. */
export interface HeldProgram {
  /** Bytes, 0 if there is none. */
  readonly size: number
  /** FNV-1a of its bytes, as the board computed it. */
  readonly hash: number
  /** `@virtio-msg/firmware ...`, or another's; "" if it does not say. */
  readonly name: string
}

/** Reads what program the board holds. Rejects with TIMEOUT or LINK_CLOSED. */
export async function readHeldProgram(board: BoardClient): Promise<HeldProgram> {
  const number = async (register: number) => {
    const value = await board.readRegister(board.managerIndex, register)
    return value.length >= 4 ? getU32(value, 0) : 0
  }
  const name = new TextDecoder().decode(await board.readRegister(board.managerIndex, NAME_REGISTER))
  return {
    size: await number(SIZE_REGISTER),
    hash: await number(HASH_REGISTER),
    name: visibleText(name.replace(/\0+$/, "")),
  }
}

/** Whether the board holds exactly this program. */
export function isSameProgram(held: HeldProgram, program: Uint8Array): boolean {
  const padded = pad(program)
  return held.size === padded.length && held.hash === fnv1a(padded)
}

/**
 * Writes `program` to the board's flash and checks what the board has written. Rejects with TIMEOUT or LINK_CLOSED,
 * after which the board holds no program, or with DEVICE_FAILED when the board wrote something else.
 */
export async function deployProgram(
  board: BoardClient,
  program: Uint8Array,
  onProgress: (sentBytes: number, totalBytes: number) => void = () => {},
): Promise<void> {
  const padded = pad(program)
  const size = new Uint8Array(4)
  putU32(size, 0, padded.length)
  const opened = await board.request(board.managerIndex, DEPLOY_COMMAND, size, OPEN_PIPE_MS)
  const pipePort = opened.length >= 2 ? getU16(opened, 0) : 0
  if (pipePort === 0)
    throw new VirtioMsgError("DEVICE_FAILED", `The board on ${board.name} takes no program.`, {
      hint: "Unplug it, plug it in, try again.",
    })
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

/** The runtime takes multiples of 32 bytes. */
function pad(program: Uint8Array): Uint8Array {
  const padded = new Uint8Array(align(program.length))
  padded.set(program)
  return padded
}
