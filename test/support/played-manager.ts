// A board whose program manager answers differently from the runtime in the VM: as on a stock Pico, as in an older
// runtime, or with nonsense. Programs still go to the real runtime.

import { fnv1a } from "../../host/src/deploy/device-config.js"
import { Emitter } from "../../host/src/emitter.js"
import { decodeFrame, encodeReport, type JacdacPacket } from "../../host/src/link/jacdac-frame.js"
import { VirtualMachine, type VirtualMachineOptions } from "../../host/src/vm/virtual-machine.js"
import { getU32, putU16, putU32 } from "../../shared-protocol/src/bytes.js"

export const SIZE_REGISTER = 0x180
export const HASH_REGISTER = 0x181
export const SHA256_REGISTER = 0x182
/** Not a register, but the answer to the command that opens the pipe for a program. */
export const PIPE_OPENED = 0x80
const GET_REGISTER = 0x1000
const NOT_IMPLEMENTED_REPORT = 0x03
const PAGE_SIZE = 256
/** Where a program begins in a page of the Pico's flash. */
const BEGIN_IN_PAGE = 128

/** The answer in place of `real`. "unknown" says that there is no such register; "twice" sends `real` two times. */
export type Answer = (real: Uint8Array) => Uint8Array | "unknown" | "silence" | "twice"

/** FNV-1a of `program` as the stock Pico computes it: the last page is still in RAM, so its flash reads as erased. */
export function picoHash(program: Uint8Array): number {
  const inFlash = Math.floor((BEGIN_IN_PAGE + program.length) / PAGE_SIZE) * PAGE_SIZE - BEGIN_IN_PAGE
  return fnv1a(program.slice().fill(0xff, inFlash))
}

export class PlayedManager extends VirtualMachine {
  /** The answers, by register of the manager. */
  readonly answers = new Map<number, Answer>()
  override readonly onFrame = new RewrittenFrames((packet) => this.#rewrite(packet))
  #sizeBytes = 0

  constructor(options: VirtualMachineOptions & { readonly flash: { load(): Uint8Array | undefined } }) {
    super(options)
    this.#load = () => options.flash.load()
  }

  readonly #load: () => Uint8Array | undefined

  /** From now on, the hash is that of the stock Pico. */
  hashAsPico(): void {
    this.answers.set(HASH_REGISTER, () => {
      const flash = this.#load() ?? new Uint8Array(0)
      const begin = Buffer.from(flash).indexOf("DevS")
      const hash = new Uint8Array(4)
      putU32(hash, 0, picoHash(flash.subarray(begin, begin + this.#sizeBytes)))
      return hash
    })
  }

  #rewrite(packet: JacdacPacket): JacdacPacket[] {
    if (packet.isCommand || packet.serviceIndex === 0) return [packet]
    const register = packet.command >= GET_REGISTER ? packet.command - GET_REGISTER : packet.command
    if (register === SIZE_REGISTER) this.#sizeBytes = getU32(packet.payload, 0)
    const answer = this.answers.get(register)?.(packet.payload) ?? packet.payload
    if (answer === "silence") return []
    if (answer === "twice") return [packet, packet]
    if (answer !== "unknown") return [{ ...packet, payload: answer }]
    const asked = new Uint8Array(4)
    putU16(asked, 0, packet.command)
    return [{ ...packet, command: NOT_IMPLEMENTED_REPORT, payload: asked }]
  }
}

class RewrittenFrames extends Emitter<[frame: Uint8Array]> {
  readonly #rewrite: (packet: JacdacPacket) => JacdacPacket[]

  constructor(rewrite: (packet: JacdacPacket) => JacdacPacket[]) {
    super()
    this.#rewrite = rewrite
  }

  override emit(frame: Uint8Array): void {
    const packets = decodeFrame(frame)
    const rewritten = packets.flatMap(this.#rewrite)
    const isSame = rewritten.length === packets.length
    if (isSame && rewritten.every((packet, at) => packet.payload === packets[at]?.payload)) super.emit(frame)
    else
      for (const packet of rewritten)
        super.emit(encodeReport(packet.deviceId, packet.serviceIndex, packet.command, packet.payload))
  }
}
