// The suite as driver on the serial mailbox bus (docs/bus.md), over any link: the VM in this process, a socket, a
// serial port.

import { PROTOCOL_HASH } from "../../../shared-protocol/src/mailbox/protocol-hash.js"
import {
  BUS_VERSION,
  decodeHelloResponse,
  encodeHelloRequest,
  HELLO_REQUEST_SIZE,
  type HelloResponse,
} from "../../../shared-protocol/src/messages/hello.js"
import { DEVICE_AREA, DRIVER_AREA } from "../../../shared-protocol/src/ring/layout.js"
import { Bus, type BusOptions } from "../bus/bus.js"
import { allocateBytes, type HostBytes } from "../bytes.js"
import type { Clock } from "../clock.js"
import { Emitter } from "../emitter.js"
import type { Link } from "../link/link.js"
import type { BusParameters, DevicePort, SharedMemory } from "./device-port.js"

/** An address is `area << 48 | offset`. */
const AREA_SHIFT = 48n
/** Nothing lies at the first bytes of an area: see docs/bus.md "The window". */
const UNUSED_BYTES = 16

export class MailboxPort implements DevicePort {
  readonly name: string
  readonly busName = "serial mailbox bus"
  readonly clock: Clock
  readonly isSimulated: boolean
  readonly isOwnFirmware = true
  readonly onFrame = new Emitter<[frame: Uint8Array]>()
  readonly onSent = new Emitter<[frame: Uint8Array]>()
  readonly memory: SharedMemory
  readonly request: (frame: Uint8Array) => Promise<Uint8Array>
  readonly #bus: Bus
  #hello: HelloResponse
  #isAwaiting = false

  private constructor(bus: Bus) {
    this.#bus = bus
    this.#hello = bus.hello
    this.name = bus.link.name
    this.clock = bus.clock
    this.isSimulated = bus.hello.hasSimulatedChips
    this.request = (frame) => bus.request(frame)
    this.memory = windowMemory(bus)
    bus.session.onMessage.on((frame) => this.onFrame.emit(frame))
    bus.trace.onMessage.on((direction, frame) => {
      if (direction === "out") this.onSent.emit(frame)
    })
  }

  /** Opens the link and says HELLO. Rejects as `Bus.open`. */
  static async open(link: Link, options: BusOptions = {}): Promise<MailboxPort> {
    return new MailboxPort(await Bus.open(link, options))
  }

  get parameters(): BusParameters {
    return parametersOf(this.#hello)
  }

  send(frame: Uint8Array): void {
    this.#bus.session.post(frame)
  }

  flush(): void {
    this.#bus.session.scheduleFlush()
  }

  await(isAwaiting: boolean): void {
    if (isAwaiting === this.#isAwaiting) return
    this.#isAwaiting = isAwaiting
    if (isAwaiting) this.#bus.session.await()
    else this.#bus.session.settle()
  }

  async reconnect(): Promise<void> {
    await this.#bus.whenUp()
    this.#hello = await this.#bus.session.connect()
  }

  async askParameters(): Promise<BusParameters | undefined> {
    const request = allocateBytes(HELLO_REQUEST_SIZE)
    encodeHelloRequest(request, { protocolHash: PROTOCOL_HASH, busVersion: BUS_VERSION })
    const hello = decodeHelloResponse(await this.#bus.request(request))
    return hello.ok ? parametersOf(hello.value) : undefined
  }

  close(): Promise<void> {
    return this.#bus.close()
  }
}

function parametersOf(hello: HelloResponse): BusParameters {
  return {
    revision: hello.revision,
    maxMessageSize: hello.maxMessageSize,
    transportFeatures: hello.transportFeatures,
  }
}

function windowMemory(bus: Bus): SharedMemory {
  const { driverAreaSize, deviceAreaSize } = bus.hello
  const { session } = bus
  const offsetOf = (address: bigint) => Number(address & ((1n << AREA_SHIFT) - 1n))
  const region = (area: number, size: number) => ({
    address: (BigInt(area) << AREA_SHIFT) + BigInt(UNUSED_BYTES),
    lengthBytes: size - UNUSED_BYTES,
  })
  return {
    driverRegion: region(DRIVER_AREA, driverAreaSize),
    deviceRegion: region(DEVICE_AREA, deviceAreaSize),
    read(address, lengthBytes) {
      const isDriver = Number(address >> AREA_SHIFT) === DRIVER_AREA
      const bytes = isDriver ? session.mailbox.outgoing.bytes : session.mailbox.incoming
      const offset = offsetOf(address)
      return (bytes as HostBytes).slice(offset, offset + lengthBytes)
    },
    write(address, bytes) {
      const offset = offsetOf(address)
      for (const [i, byte] of bytes.entries()) session.mailbox.outgoing.put8(offset + i, byte)
    },
    // the device does it: every byte has one writer
    initialiseUsedRing() {},
    writeIndex(address, value) {
      session.mailbox.outgoing.putIndex(offsetOf(address), value)
    },
  }
}
