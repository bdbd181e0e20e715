// The beginning of an epoch on a link: HELLO is sent until it is answered. If it is not, another epoch is tried. Also
// checks the answer (docs/bus.md "HELLO").

import { MAX_AREA_SIZE, MAX_MESSAGE_SIZE } from "../../../shared-protocol/src/mailbox/packet.js"
import { PROTOCOL_HASH } from "../../../shared-protocol/src/mailbox/protocol-hash.js"
import { MIN_MAX_MESSAGE_SIZE } from "../../../shared-protocol/src/messages/header.js"
import {
  BUS_VERSION,
  decodeHelloResponse,
  encodeHelloRequest,
  HELLO_REQUEST_SIZE,
  HELLO_RESPONSE_SIZE,
  type HelloResponse,
} from "../../../shared-protocol/src/messages/hello.js"
import { allocateBytes } from "../bytes.js"
import type { Clock, Timer } from "../clock.js"
import { counted } from "../counted.js"
import { VirtioMsgError } from "../errors.js"
import { hexDigits } from "../hex.js"
import { notAsSpecified } from "./failures.js"

/**
 * If HELLO is not answered within this time, another epoch is tried, since the device may be in that epoch already, by
 * chance. Each next attempt has twice the time. So a round trip of more than a second (a busy computer) ends in a
 * connection, too.
 */
const NEXT_EPOCH_MS = 1000
/** The longest time for HELLO, even if the device acknowledges it. Longer than all attempts to send it again. */
const HELLO_TIMEOUT_MS = 3000

export interface HandshakeEnds {
  /** Begins another epoch, and sends a message in it. */
  greet(request: Uint8Array): void
  /** Nothing answered in time. */
  onSilence(): void
}

/** One attempt to begin. */
export class Handshake {
  readonly #clock: Clock
  readonly #ends: HandshakeEnds
  #resolve: (hello: HelloResponse) => void = () => {}
  #reject: (error: VirtioMsgError) => void = () => {}
  #failedBy: VirtioMsgError | undefined
  #limit: Timer | undefined
  #another: Timer | undefined

  constructor(clock: Clock, ends: HandshakeEnds) {
    this.#clock = clock
    this.#ends = ends
  }

  /** Settles with what the device says of itself, or with what `fail` is called with: within 3 s. */
  async run(): Promise<HelloResponse> {
    try {
      const hello = await new Promise<HelloResponse>((resolve, reject) => {
        this.#resolve = resolve
        this.#reject = reject
        this.#limit = this.#clock.schedule(HELLO_TIMEOUT_MS, () => this.#ends.onSilence())
        this.#greet(NEXT_EPOCH_MS)
      })
      if (this.#failedBy) throw this.#failedBy // the packet with HELLO ended the epoch, too
      return hello
    } finally {
      this.#limit?.cancel()
      this.#another?.cancel()
    }
  }

  /** Takes a message that came meanwhile. False for one that is too short to be the answer. */
  take(frame: Uint8Array): boolean {
    if (frame.length < HELLO_RESPONSE_SIZE) return false
    const hello = decodeHelloResponse(frame)
    if (hello.ok) this.#resolve(hello.value)
    return true
  }

  fail(error: VirtioMsgError): void {
    this.#failedBy = error
    this.#reject(error)
  }

  #greet(patienceMs: number): void {
    const request = allocateBytes(HELLO_REQUEST_SIZE)
    encodeHelloRequest(request, { protocolHash: PROTOCOL_HASH, busVersion: BUS_VERSION })
    this.#ends.greet(request)
    this.#another = this.#clock.schedule(patienceMs, () => this.#greet(2 * patienceMs))
  }
}

/** What the device on `name` said, checked. Throws VERSION_MISMATCH or PROTOCOL. */
export function checkedHello(hello: HelloResponse, name: string): HelloResponse {
  if (hello.busVersion !== BUS_VERSION || hello.protocolHash !== PROTOCOL_HASH)
    throw new VirtioMsgError(
      "VERSION_MISMATCH",
      `The firmware on ${name} speaks bus version ${hello.busVersion} (protocol ${hexDigits(hello.protocolHash)}), ` +
        `this host ${BUS_VERSION} (${hexDigits(PROTOCOL_HASH)}).`,
      { hint: "Install the firmware that belongs to this version of virtio-msg." },
    )
  const wrong = (what: string) => notAsSpecified(`The firmware on ${name} ${what}.`)
  if (hello.maxMessageSize < MIN_MAX_MESSAGE_SIZE)
    throw wrong(
      `allows messages of ${counted(hello.maxMessageSize, "byte")}, the specification wants ${MIN_MAX_MESSAGE_SIZE}`,
    )
  if (hello.receiveCredit === 0) throw wrong("has no room for packets")
  for (const size of [hello.driverAreaSize, hello.deviceAreaSize])
    if (size === 0 || size > MAX_AREA_SIZE) throw wrong(`offers a window area of ${counted(size, "byte")}`)
  // a larger message would fit no packet, so it would never arrive
  return { ...hello, maxMessageSize: Math.min(MAX_MESSAGE_SIZE, hello.maxMessageSize) }
}
