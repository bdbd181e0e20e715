// The suite as driver on the plain profile: frames behind their length on a socket, memory in a file
// (docs/conform-your-own.md).

import { putU16 } from "../../../shared-protocol/src/bytes.js"
import { type Clock, systemClock } from "../clock.js"
import { Emitter } from "../emitter.js"
import { PlainConnection, type PlainEvents, type PlainPeer } from "../node/plain-connection.js"
import type { BusParameters, DevicePort, SharedMemory } from "./device-port.js"

/** The first bytes of the window stay unused, so that no ring is at address 0. */
const UNUSED_BYTES = 64

type OpenPeer = (events: PlainEvents) => Promise<PlainPeer>

export class PlainPort implements DevicePort {
  readonly name: string
  readonly busName = "plain profile"
  readonly clock: Clock
  readonly isSimulated = false
  readonly isOwnFirmware = false
  readonly request = undefined
  readonly onFrame = new Emitter<[frame: Uint8Array]>()
  readonly onSent = new Emitter<[frame: Uint8Array]>()
  readonly memory: SharedMemory
  readonly #open: OpenPeer
  #connection: PlainPeer

  private constructor(name: string, clock: Clock, open: OpenPeer, connection: PlainPeer) {
    this.name = name
    this.clock = clock
    this.#open = open
    this.#connection = connection
    this.memory = fileMemory(() => this.#connection)
  }

  /** Connects, to what `open` makes where it is given. Rejects with CONNECT_FAILED, PROTOCOL or VERSION_MISMATCH. */
  static async open(
    name: string,
    clock: Clock = systemClock,
    open: OpenPeer = (events) => PlainConnection.open(name, events),
  ): Promise<PlainPort> {
    let port: PlainPort | undefined
    const early: Uint8Array[] = []
    const connection = await open({
      onFrame: (frame) => (port ? port.onFrame.emit(frame) : early.push(frame)),
      onClose: () => {},
    })
    port = new PlainPort(name, clock, open, connection)
    for (const frame of early) port.onFrame.emit(frame)
    return port
  }

  get parameters(): BusParameters {
    return this.#connection.greeting
  }

  send(frame: Uint8Array): void {
    this.onSent.emit(frame)
    this.#connection.send(frame)
  }

  flush(): void {}

  await(): void {}

  async reconnect(): Promise<void> {
    await this.#connection.close()
    this.#connection = await this.#open({
      onFrame: (frame) => this.onFrame.emit(frame),
      onClose: () => {},
    })
  }

  async askParameters(): Promise<undefined> {
    return undefined
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/** The file, its first half for the driver's bytes, the second for the device's. */
function fileMemory(connection: () => PlainPeer): SharedMemory {
  const { windowBytes } = connection().greeting
  const half = Math.floor(windowBytes / 2)
  return {
    driverRegion: { address: BigInt(UNUSED_BYTES), lengthBytes: half - UNUSED_BYTES },
    deviceRegion: { address: BigInt(half), lengthBytes: windowBytes - half },
    read: (address, lengthBytes) => connection().window.read(Number(address), lengthBytes),
    write: (address, bytes) => connection().window.write(Number(address), bytes),
    prefill: (address, bytes) => connection().window.write(Number(address), bytes),
    initialiseUsedRing: (address) => connection().window.write(Number(address), new Uint8Array(4)),
    writeIndex(address, value) {
      const bytes = new Uint8Array(2)
      putU16(bytes, 0, value)
      connection().window.write(Number(address), bytes)
    },
  }
}
