// A bus by the name of its port.

import { Bus, type BusOptions } from "../bus/bus.js"
import { backgroundClock, systemClock } from "../clock.js"
import { OpenedBus } from "../opened-bus.js"
import { makeLink } from "./open-link.js"
import { defaultPort } from "./port-forms.js"

export interface OpenBusOptions extends BusOptions {
  /**
   * `sim`, `auto` (the one board that is connected), a serial port's path, `unix:PATH`, `tcp://HOST:PORT` or
   * `tcp-listen://[ADDRESS]:PORT`. When absent, what the environment variable VIRTIO_MSG_PORT says, else `auto`.
   */
  readonly port?: string | undefined
  /**
   * A board that was unplugged is looked for, by its serial number: at every call, and by itself every 0.5 s until
   * `close`. True when absent.
   */
  readonly reopen?: boolean
  /** Told what `auto` chose, and what a port that listens waits for. */
  readonly onChoice?: (choice: string) => void
  /**
   * The connection does not keep the process running, not even while a call is in flight: whoever waits for one
   * has to. A serial port does all the same; close it.
   */
  readonly isBackground?: boolean
}

/**
 * Connects to a board, or to the simulated one, which has to be asked for. Rejects with NOT_FOUND or CONNECT_FAILED
 * when no board is there, INVALID_ARGUMENT when `port` is no port or several boards are connected.
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
  const { port = defaultPort(), onChoice, isBackground = false, ...busOptions } = options
  const clock = busOptions.clock ?? (isBackground ? backgroundClock : systemClock)
  const link = await makeLink(port, { clock, isBackground, ...(onChoice ? { onChoice } : {}) })
  return new OpenedBus(await Bus.open(link, { reopen: true, ...busOptions, clock }))
}
