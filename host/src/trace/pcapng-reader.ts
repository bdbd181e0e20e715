// Reads pcapng captures of our links as they come in, in pieces of any size: ours, and those that Wireshark saved.

import { counted } from "../counted.js"
import { invalidArgument, type VirtioMsgError } from "../errors.js"
import type { Direction } from "../link/link.js"
import { DirectionFinder } from "./direction-finder.js"
import { type CapturedPacket, LINKTYPE_USER0 } from "./pcapng-writer.js"
import type { LinkState, PacketFlaws, StateEvent } from "./trace-event.js"

const BLOCK_SECTION = 0x0a0d0d0a
const BLOCK_INTERFACE = 1
const BLOCK_STATISTICS = 5
const BLOCK_PACKET = 6
const BYTE_ORDER_MAGIC = 0x1a2b3c4d
const OPTION_COMMENT = 1
const OPTION_IF_NAME = 2
const OPTION_PACKET_FLAGS = 2
const OPTION_TIME_RESOLUTION = 9
const OPTION_TIME_OFFSET = 14
/** Beside comments: the options that are read. */
const KNOWN_OPTIONS: ReadonlySet<number> = new Set([
  OPTION_IF_NAME,
  OPTION_PACKET_FLAGS,
  OPTION_TIME_RESOLUTION,
  OPTION_TIME_OFFSET,
])
const PCAP_MAGICS = [0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1]
/** No block of ours is nearly as large. A larger one is no block. */
const LARGEST_BLOCK = 16 * 1024 * 1024
const BLOCK_HEAD_BYTES = 12
/** No capture has more. */
const MOST_INTERFACES = 4096
/** So many comments of one packet are kept. Of the others only the number is told. */
const MOST_COMMENTS = 256
/** The most memory that is kept for blocks in pieces after a large one. */
const USUAL_BUFFER_BYTES = 65_536
const FLAG_DIRECTION = 3
const FLAG_INBOUND = 1
const FLAG_OUTBOUND = 2

interface Interface {
  readonly linkType: number
  readonly name: string
  readonly ticksPerMs: number
  /** What to add to its time stamps to get milliseconds since 1970. */
  readonly offsetMs: number
}

/** A packet of a capture. If the capture has no direction for it, this is the one that was found, or "out". */
export interface ReadPacket extends CapturedPacket, PacketFlaws {}

export class PcapngReader {
  readonly #directions: DirectionFinder<Omit<ReadPacket, "direction">>
  readonly #onState: (event: StateEvent) => void
  /** The beginning of a block that is not complete: the first `#filled` bytes. */
  #buffer = new Uint8Array(USUAL_BUFFER_BYTES)
  #filled = 0
  /** With fewer bytes no block can be complete. */
  #wanted = BLOCK_HEAD_BYTES
  #isLittleEndian = true
  #hasSection = false
  #interfaces: Interface[] = []

  /**
   * `onPacket` is called with every packet of link type USER0; those of other link types are skipped. `onState` is
   * called with what became of the link, where the capture is ours.
   */
  constructor(onPacket: (packet: ReadPacket) => void, onState: (event: StateEvent) => void = () => {}) {
    this.#directions = new DirectionFinder((packet, direction) =>
      onPacket({
        ...packet,
        ...(direction ? { direction } : { direction: "out", isDirectionUnknown: true }),
      }),
    )
    this.#onState = onState
  }

  /** Takes the next piece. Throws INVALID_ARGUMENT when the bytes are no pcapng. */
  push(chunk: Uint8Array): void {
    this.#keep(chunk)
    if (this.#filled < this.#wanted) return
    const bytes = this.#buffer.subarray(0, this.#filled)
    let at = 0
    this.#wanted = BLOCK_HEAD_BYTES
    for (;;) {
      const length = this.#blockLength(bytes, at)
      if (length !== undefined && at + length > bytes.length) this.#wanted = length
      if (length === undefined || at + length > bytes.length) break
      this.#takeBlock(bytes.subarray(at, at + length))
      at += length
    }
    const isLarge = this.#buffer.length > 2 * this.#wanted && this.#buffer.length > USUAL_BUFFER_BYTES
    if (isLarge) this.#buffer = new Uint8Array(Math.max(USUAL_BUFFER_BYTES, bytes.length - at))
    this.#buffer.set(bytes.subarray(at))
    this.#filled = bytes.length - at
  }

  /**
   * Appends to the buffer, which doubles its size when it is full. So a block in many pieces costs no more than one in
   * a single piece.
   */
  #keep(chunk: Uint8Array): void {
    const needed = this.#filled + chunk.length
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length))
      grown.set(this.#buffer.subarray(0, this.#filled))
      this.#buffer = grown
    }
    this.#buffer.set(chunk, this.#filled)
    this.#filled = needed
  }

  /** The capture has ended. Throws INVALID_ARGUMENT when it is empty, or ends within a block. */
  end(): void {
    this.#directions.end()
    if (!this.#hasSection) throw notPcapng("it is empty, or too short", undefined)
    if (this.#filled > 0)
      throw invalidArgument(
        `The capture is cut off: its last ${counted(this.#filled, "byte is", "bytes are")} no whole block.`,
        { hint: "Everything before them was read." },
      )
  }

  /** The length of the block at `at`. Undefined when that is not there to be read yet. */
  #blockLength(bytes: Uint8Array, at: number): number | undefined {
    if (at + BLOCK_HEAD_BYTES > bytes.length) return undefined
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, BLOCK_HEAD_BYTES)
    const isSection = view.getUint32(0, true) === BLOCK_SECTION
    if (isSection) {
      this.#isLittleEndian = view.getUint32(8, true) === BYTE_ORDER_MAGIC
      if (view.getUint32(8, this.#isLittleEndian) !== BYTE_ORDER_MAGIC)
        throw notPcapng("its byte order is unknown", undefined)
    } else if (!this.#hasSection)
      throw notPcapng("it does not begin with a section header", view.getUint32(0, true))
    const length = view.getUint32(4, this.#isLittleEndian)
    if (length < BLOCK_HEAD_BYTES || length % 4 !== 0 || length > LARGEST_BLOCK)
      throw notPcapng(`it has a block of ${counted(length, "byte")}`, undefined)
    return length
  }

  #takeBlock(block: Uint8Array): void {
    const view = new DataView(block.buffer, block.byteOffset, block.length)
    const type = view.getUint32(0, this.#isLittleEndian)
    if (type === BLOCK_SECTION) {
      this.#hasSection = true
      this.#interfaces = []
    } else if (type === BLOCK_INTERFACE && block.length >= 20) this.#takeInterface(view)
    else if (type === BLOCK_PACKET && block.length >= 32) this.#takePacket(view)
    else if (type === BLOCK_STATISTICS && block.length >= 24) this.#takeStatistics(view)
  }

  #takeInterface(view: DataView): void {
    if (this.#interfaces.length === MOST_INTERFACES)
      throw notPcapng(`it has more than ${MOST_INTERFACES} interfaces`, undefined)
    const options = this.#options(view, 16)
    const name = options.find(([code]) => code === OPTION_IF_NAME)?.[1]
    const resolution = options.find(([code]) => code === OPTION_TIME_RESOLUTION)?.[1][0] ?? 6
    // the highest bit says whether the others are an exponent of 2 or of 10
    const offset = options.find(([code, value]) => code === OPTION_TIME_OFFSET && value.length === 8)?.[1]
    const seconds = offset
      ? new DataView(offset.buffer, offset.byteOffset, 8).getBigInt64(0, this.#isLittleEndian)
      : 0n
    const ticksPerSecond = resolution & 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution
    this.#interfaces.push({
      linkType: view.getUint16(8, this.#isLittleEndian),
      name: name ? new TextDecoder().decode(name) : "",
      ticksPerMs: ticksPerSecond / 1000,
      offsetMs: Number(seconds) * 1000,
    })
  }

  #takePacket(view: DataView): void {
    const little = this.#isLittleEndian
    const source = this.#interfaces[view.getUint32(8, little)]
    const length = view.getUint32(20, little)
    if (!source || source.linkType !== LINKTYPE_USER0 || 28 + length > view.byteLength - 4) return
    const options = this.#options(view, 28 + ((length + 3) & ~3))
    const bytes = new Uint8Array(view.buffer, view.byteOffset + 28, length).slice()
    const cutBytes = view.getUint32(24, little) - length
    const packet = { timeMs: this.#timeMs(view, source), bytes, comments: commentsIn(options) }
    this.#directions.push(
      cutBytes > 0 ? { ...packet, cutBytes } : packet,
      this.#statedDirection(source, options),
    )
  }

  #takeStatistics(view: DataView): void {
    const source = this.#interfaces[view.getUint32(8, this.#isLittleEndian)]
    if (!source) return
    for (const comment of commentsIn(this.#options(view, 20))) {
      const [, state, text = ""] = /^link (up|lost|closed): (.*)$/s.exec(comment) ?? []
      if (state)
        this.#onState({ kind: "state", timeMs: this.#timeMs(view, source), state: state as LinkState, text })
    }
  }

  /** The time stamp of a packet's block, or of one of statistics: both have it in the same place. */
  #timeMs(view: DataView, { ticksPerMs, offsetMs }: Interface): number {
    const little = this.#isLittleEndian
    return (view.getUint32(12, little) * 0x100000000 + view.getUint32(16, little)) / ticksPerMs + offsetMs
  }

  /** The interface is the sender. A capture of another program may have the direction as a flag. */
  #statedDirection(source: Interface, options: readonly [number, Uint8Array][]): Direction | undefined {
    if (source.name === "A7") return "out"
    if (source.name === "M4") return "in"
    const flags = options.find(([code]) => code === OPTION_PACKET_FLAGS)?.[1]
    const lowest = flags?.[this.#isLittleEndian ? 0 : 3] ?? 0
    const flag = lowest & FLAG_DIRECTION
    return flag === FLAG_OUTBOUND ? "out" : flag === FLAG_INBOUND ? "in" : undefined
  }

  /** The options that are used: the first of each code, and a limited number of comments. */
  #options(view: DataView, start: number): [code: number, value: Uint8Array][] {
    const options: [number, Uint8Array][] = []
    const end = view.byteLength - 4
    let comments = 0
    const seen = new Set<number>()
    for (let at = start; at + 4 <= end; ) {
      const code = view.getUint16(at, this.#isLittleEndian)
      const length = view.getUint16(at + 2, this.#isLittleEndian)
      if (code === 0 || at + 4 + length > end) break
      if (code === OPTION_COMMENT) comments++
      const isWanted =
        code === OPTION_COMMENT ? comments <= MOST_COMMENTS : KNOWN_OPTIONS.has(code) && !seen.has(code)
      if (isWanted) options.push([code, new Uint8Array(view.buffer, view.byteOffset + at + 4, length)])
      if (isWanted) seen.add(code)
      at += 4 + ((length + 3) & ~3)
    }
    if (comments > MOST_COMMENTS)
      options.push([
        OPTION_COMMENT,
        new TextEncoder().encode(`and ${comments - MOST_COMMENTS} more comments`),
      ])
    return options
  }
}

function commentsIn(options: readonly [code: number, value: Uint8Array][]): string[] {
  return options
    .filter(([code]) => code === OPTION_COMMENT)
    .map(([, value]) => new TextDecoder().decode(value))
}

function notPcapng(why: string, magic: number | undefined): VirtioMsgError {
  const isPcap = magic !== undefined && PCAP_MAGICS.includes(magic)
  return invalidArgument(`This is no pcapng capture: ${why}.`, {
    hint: isPcap
      ? "It is an older pcap file: convert it with editcap -F pcapng OLD NEW."
      : "Captures are made with --trace FILE.pcapng, or saved by Wireshark.",
  })
}
