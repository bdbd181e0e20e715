// A bus by the name of its port.

import { Bus, type BusOptions } from "../bus/bus.js"
import { backgroundClock, systemClock } from "../clock.js"
import { OpenedBus } from "../opened-bus.js"
import { Trace } from "../trace/trace.js"
import { makeChannel } from "./open-channel.js"
import { defaultPort } from "./port-forms.js"
import type { McuChoice } from "./sim-port.js"

export interface OpenBusOptions extends BusOptions {
  /**
   * `sim`, `sim:mcu=rp2040` (as slow as that chip), `auto` (the one board that is connected), a serial port's path, `serial:NUMBER`, `unix:PATH`, `tcp://HOST:PORT`,
   * `tcp-listen://[ADDRESS]:PORT`, or a device of another implementation: `plain:unix:PATH`, `qemu-msg:FOLDER/NAME`
   * (docs/conform-your-own.md). When absent, what the environment variable VIRTIO_MSG_PORT says, else `auto`.
   */
  readonly port?: string | undefined
  /**
   * A board that was unplugged is looked for, by its serial number: at every call, and every 0.5 s without a call,
   * until `close`. True when absent.
   */
  readonly reopen?: boolean
  /** Told what `auto` chose, and what a port that listens waits for. */
  readonly onChoice?: (choice: string) => void
  /**
   * The connection does not keep the process running, not even during a call: the caller has to wait for its call in
   * some other way. A serial port keeps it running all the same, until it is closed.
   */
  readonly isBackground?: boolean
  /** The microcontroller whose speed the simulated board has. When absent, computing takes no time. */
  readonly mcu?: McuChoice
}

/**
 * Connects to a board. The simulated board has to be asked for. Rejects with NOT_FOUND or CONNECT_FAILED when there is
 * no board, with INVALID_ARGUMENT when `port` is no port, or when several boards are connected.
 *
 * @example
 * ```ts
 * import { openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const i2c = await bus.i2c()
 * const [data] = await i2c.transfer(0x54, [{ write: [14] }, { read: 1 }])
 * console.log(data?.[0]?.toString(16)) // 66
 * await bus.close()
 * ```
 */
export async function openBus(options: OpenBusOptions = {}): Promise<OpenedBus> {
  const { port = defaultPort(), onChoice, isBackground = false, mcu, ...busOptions } = options
  const clock = busOptions.clock ?? (isBackground ? backgroundClock : systemClock)
  const { random, trace = new Trace(clock) } = busOptions
  const channel = await makeChannel(port, trace, { clock, isBackground, onChoice, mcu, random })
  return new OpenedBus(await Bus.open(channel, { reopen: true, ...busOptions, clock, trace }))
}
