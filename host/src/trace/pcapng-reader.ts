// Reads pcapng captures of our links as they come in, in pieces of any size: ours, and those that Wireshark saved.

import { VirtioMsgError } from "../errors.js"
import { type CapturedPacket, LINKTYPE_USER0 } from "./pcapng-writer.js"
import type { Direction } from "./trace.js"
import type { LinkState, StateEvent } from "./trace-event.js"

const BLOCK_SECTION = 0x0a0d0d0a
const BLOCK_INTERFACE = 1
const BLOCK_STATISTICS = 5
const BLOCK_PACKET = 6
const BYTE_ORDER_MAGIC = 0x1a2b3c4d
const OPTION_COMMENT = 1
const OPTION_IF_NAME = 2
const OPTION_PACKET_FLAGS = 2
const OPTION_TIME_RESOLUTION = 9
const PCAP_MAGICS = [0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1]
/** No block of ours comes near; a larger one is no block. */
const LARGEST_BLOCK = 16 * 1024 * 1024
const FLAG_DIRECTION = 3
const FLAG_OUTBOUND = 2

interface Interface {
  readonly linkType: number
  readonly name: string
  readonly ticksPerMs: number
}

export class PcapngReader {
  readonly #onPacket: (packet: CapturedPacket) => void
  readonly #onState: (event: StateEvent) => void
  #pending = new Uint8Array(0)
  #isLittleEndian = true
  #hasSection = false
  #interfaces: Interface[] = []

  /**
   * `onPacket` is called with every packet of link type USER0; those of other link types are skipped. `onState` is
   * called with what became of the link, where the capture is ours.
   */
  constructor(onPacket: (packet: CapturedPacket) => void, onState: (event: StateEvent) => void = () => {}) {
    this.#onPacket = onPacket
    this.#onState = onState
  }

  /** Takes the next piece. Throws INVALID_ARGUMENT when the bytes are no pcapng. */
  push(chunk: Uint8Array): void {
    const bytes = new Uint8Array(this.#pending.length + chunk.length)
    bytes.set(this.#pending)
    bytes.set(chunk, this.#pending.length)
    let at = 0
    for (;;) {
      const length = this.#blockLength(bytes, at)
      if (length === undefined || at + length > bytes.length) break
      this.#takeBlock(bytes.subarray(at, at + length))
      at += length
    }
    this.#pending = bytes.slice(at)
  }

  /** The capture ends. Throws INVALID_ARGUMENT when it holds nothing, or stops in the middle of a block. */
  end(): void {
    if (!this.#hasSection) throw notPcapng("it is empty, or too short", undefined)
    if (this.#pending.length > 0)
      throw new VirtioMsgError(
        "INVALID_ARGUMENT",
        `The capture is cut off: its last ${this.#pending.length} bytes are no whole block.`,
        { hint: "Everything before them was read." },
      )
  }

  /** The length of the block at `at`; undefined when it is not yet there to be read. */
  #blockLength(bytes: Uint8Array, at: number): number | undefined {
    if (at + 12 > bytes.length) return undefined
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, 12)
    const isSection = view.getUint32(0, true) === BLOCK_SECTION
    if (isSection) {
      this.#isLittleEndian = view.getUint32(8, true) === BYTE_ORDER_MAGIC
      if (view.getUint32(8, this.#isLittleEndian) !== BYTE_ORDER_MAGIC)
        throw notPcapng("its byte order is unknown", undefined)
    } else if (!this.#hasSection)
      throw notPcapng("it does not begin with a section header", view.getUint32(0, true))
    const length = view.getUint32(4, this.#isLittleEndian)
    if (length < 12 || length % 4 !== 0 || length > LARGEST_BLOCK)
      throw notPcapng(`it has a block of ${length} bytes`, undefined)
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
    const options = this.#options(view, 16)
    const name = options.find(([code]) => code === OPTION_IF_NAME)?.[1]
    const resolution = options.find(([code]) => code === OPTION_TIME_RESOLUTION)?.[1][0] ?? 6
    // the uppermost bit says whether the rest is an exponent of 2 or of 10
    const ticksPerSecond = resolution & 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution
    this.#interfaces.push({
      linkType: view.getUint16(8, this.#isLittleEndian),
      name: name ? new TextDecoder().decode(name) : "",
      ticksPerMs: ticksPerSecond / 1000,
    })
  }

  #takePacket(view: DataView): void {
    const little = this.#isLittleEndian
    const source = this.#interfaces[view.getUint32(8, little)]
    const length = view.getUint32(20, little)
    if (!source || source.linkType !== LINKTYPE_USER0 || 28 + length > view.byteLength - 4) return
    const options = this.#options(view, 28 + ((length + 3) & ~3))
    this.#onPacket({
      timeMs: this.#timeMs(view, source),
      direction: this.#directionOf(source, options),
      bytes: new Uint8Array(view.buffer, view.byteOffset + 28, length).slice(),
      comments: commentsIn(options),
    })
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
  #timeMs(view: DataView, { ticksPerMs }: Interface): number {
    const little = this.#isLittleEndian
    return (view.getUint32(12, little) * 0x100000000 + view.getUint32(16, little)) / ticksPerMs
  }

  /** The interface is the sender; a capture that was made otherwise has at least the direction. */
  #directionOf(source: Interface, options: readonly [number, Uint8Array][]): Direction {
    if (source.name === "A7") return "out"
    if (source.name === "M4") return "in"
    const flags = options.find(([code]) => code === OPTION_PACKET_FLAGS)?.[1]
    const lowest = flags?.[this.#isLittleEndian ? 0 : 3] ?? 0
    return (lowest & FLAG_DIRECTION) === FLAG_OUTBOUND ? "out" : "in"
  }

  #options(view: DataView, start: number): [code: number, value: Uint8Array][] {
    const options: [number, Uint8Array][] = []
    const end = view.byteLength - 4
    for (let at = start; at + 4 <= end; ) {
      const code = view.getUint16(at, this.#isLittleEndian)
      const length = view.getUint16(at + 2, this.#isLittleEndian)
      if (code === 0 || at + 4 + length > end) break
      options.push([code, new Uint8Array(view.buffer, view.byteOffset + at + 4, length)])
      at += 4 + ((length + 3) & ~3)
    }
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
  return new VirtioMsgError("INVALID_ARGUMENT", `This is no pcapng capture: ${why}.`, {
    hint: isPcap
      ? "It is an older pcap file: convert it with editcap -F pcapng OLD NEW."
      : "Captures are made with --trace FILE.pcapng, or saved by Wireshark.",
  })
}
