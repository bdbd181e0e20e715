// What the suite needs of a bus when it plays the driver: frames in both directions, a window of memory that both
// sides see, and time. channel-port.ts makes this from any channel. The checks need to know neither.

import type { BusParameters } from "../bus/channel.js"
import type { Clock } from "../clock.js"
import type { Emitter } from "../emitter.js"

/** A run of addresses in the window. */
export interface Region {
  readonly address: bigint
  readonly lengthBytes: number
}

/** The memory that driver and device share. Addresses are those that descriptors and SET_VQUEUE carry. */
export interface SharedMemory {
  /** Where this side may write, and where only the device may. They do not overlap. */
  readonly driverRegion: Region
  readonly deviceRegion: Region
  read(address: bigint, lengthBytes: number): Uint8Array
  /** Writes inside the driver's region; the peer sees it before the next message that is sent. */
  write(address: bigint, bytes: Uint8Array): void
  /** Writes inside the device's region, where the driver can: on memory that is really shared. */
  readonly prefill?: ((address: bigint, bytes: Uint8Array) => void) | undefined
  /** Sets flags and index of a used ring to 0, where the driver has to do that (2.7.10) and not the device. */
  initialiseUsedRing(address: bigint): void
  /** Writes a ring's 16-bit index. The peer sees everything else first. */
  writeIndex(address: bigint, value: number): void
}

export interface DevicePort {
  /** The user's name for it. */
  readonly name: string
  /** Which bus it is: "serial mailbox bus", "plain profile". */
  readonly busName: string
  readonly clock: Clock
  readonly parameters: BusParameters
  readonly memory: SharedMemory
  /** Whether writing to chips and pins behind the device can do no harm: they are simulated. */
  readonly isSimulated: boolean
  /** Whether this package's own firmware is there: its console has a shell. */
  readonly isOwnFirmware: boolean
  /** Each frame that arrives, as it came: it may be longer or shorter than its msg_size. */
  readonly onFrame: Emitter<[frame: Uint8Array]>
  /** Sends a frame unchanged, with its token. */
  send(frame: Uint8Array): void
  /** Shows the peer what was written, without a message. */
  flush(): void
  /** Tells the bus that an answer is awaited, until the returned function is called. Call it once. */
  hold(): () => void
  /** Begins anew, as a driver that has just started does: a new epoch, a new connection. */
  reconnect(): Promise<void>
  /** Asks the bus for its parameters again, without beginning anew. Undefined where that is impossible. */
  askParameters(): Promise<BusParameters | undefined>
  /**
   * A request through this package's own driver side of the bus: settles once, in bounded time, with the response
   * or an error. Undefined where the suite itself is the driver side of the bus.
   */
  readonly request: ((frame: Uint8Array) => Promise<Uint8Array>) | undefined
  /** Each message that is put on the bus, by `request` too. */
  readonly onSent: Emitter<[frame: Uint8Array]>
  close(): Promise<void>
}
