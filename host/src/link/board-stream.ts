// The board's end of the serial framing: what its USB port does between its own frames and the host's bytes.

import { getU32 } from "../../../shared-protocol/src/bytes.js"
import { decodeFrame } from "./jacdac-frame.js"
import {
  ENABLE_PACKETS_COMMAND,
  encodeSerialFrame,
  SerialDecoder,
  USB_BRIDGE_CLASS,
} from "./jacdac-serial.js"

export interface BoardStreamEnds {
  /** Hands a frame from the host to the board. */
  sendFrame(frame: Uint8Array): void
  /** Hands bytes from the board to the host. */
  write(bytes: Uint8Array): void
}

export class BoardStream {
  readonly #ends: BoardStreamEnds
  readonly #decoder: SerialDecoder
  /** Frames reach the host only after it asked for them; log text always does. */
  #isForwarding = false

  constructor(ends: BoardStreamEnds) {
    this.#ends = ends
    this.#decoder = new SerialDecoder({
      onFrame: (frame) => this.#takeFrame(frame),
      onLog: () => {}, // to a board, what is no frame is noise
      onGap: () => {},
    })
  }

  /** Bytes from the host. */
  receive(chunk: Uint8Array): void {
    this.#decoder.push(chunk)
  }

  frame(frame: Uint8Array): void {
    if (this.#isForwarding) this.#ends.write(encodeSerialFrame(frame))
  }

  log(line: string): void {
    const printable = line.replace(/[^\x20-\x7e]/g, "?")
    this.#ends.write(Uint8Array.from(`${printable}\r\n`, (character) => character.charCodeAt(0)))
  }

  #takeFrame(frame: Uint8Array): void {
    const packets = decodeFrame(frame)
    if (packets.length === 0) return // damaged: the board's checksum would find that, too
    if (getU32(frame, 4) === USB_BRIDGE_CLASS && packets[0]?.command === ENABLE_PACKETS_COMMAND)
      this.#isForwarding = true
    else this.#ends.sendFrame(frame)
  }
}
