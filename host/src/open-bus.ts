// The library's front door: a bus by the name of its port, and the adapters on it.

import { VIRTIO_ID_I2C } from "../../shared-protocol/src/device/i2c.js"
import type { DeviceEvent } from "../../shared-protocol/src/messages/bus.js"
import type { HelloResponse } from "../../shared-protocol/src/messages/hello.js"
import { Bus, type BusOptions } from "./bus/bus.js"
import { I2cAdapter, type I2cAdapterOptions } from "./driver/i2c-adapter.js"
import { VirtioDevice } from "./driver/virtio-device.js"
import { VirtioMsgError } from "./errors.js"

export interface OpenBusOptions extends BusOptions {
  /** `sim`, `auto`, a serial port's path, `unix:PATH` or `tcp://HOST:PORT`; `auto` when absent. */
  readonly port?: string
  /** Told what `auto` chose. */
  readonly onChoice?: (choice: string) => void
}

/**
 * Connects to a board, or to a simulated one.
 *
 * @example
 * const bus = await openBus({ port: "sim" })
 * const i2c = await bus.i2c()
 * const [data] = await i2c.transfer(0x54, [{ write: [14] }, { read: 1 }])
 * await bus.close()
 */
export async function openBus(options: OpenBusOptions = {}): Promise<OpenedBus> {
  const { port = "auto", onChoice, ...busOptions } = options
  const { makeLink } = await import("./node/open-link.js") // only Node has ports; the rest runs in a browser, too
  const link = await makeLink(port, {
    ...(busOptions.clock ? { clock: busOptions.clock } : {}),
    ...(onChoice ? { onChoice } : {}),
  })
  return new OpenedBus(await Bus.open(link, busOptions))
}

/** A connected bus. */
export class OpenedBus {
  /** The bus itself, for those who speak virtio-msg. */
  readonly bus: Bus
  /** The devices found in this epoch of the bus, by number. */
  readonly #devices = new Map<number, VirtioDevice>()
  readonly #adapters = new Map<number, I2cAdapter>()
  #foundIn = 0

  constructor(bus: Bus) {
    this.bus = bus
  }

  /** What the board said of itself. */
  get board(): HelloResponse {
    return this.bus.hello
  }

  /** The devices on the bus, by number, each with what GET_DEVICE_INFO says of it. Asks the board anew. */
  async devices(): Promise<VirtioDevice[]> {
    const numbers = await this.bus.devices()
    for (const devNum of numbers) {
      let device = this.#devices.get(devNum)
      if (!device) {
        device = new VirtioDevice(this.bus, devNum)
        this.#devices.set(devNum, device)
      }
      await device.getInfo()
    }
    this.#foundIn = this.bus.generation
    return numbers.flatMap((devNum) => this.#devices.get(devNum) ?? [])
  }

  /**
   * The I2C adapter: that of device `devNum`, or the first on the bus. Initialises it. Rejects with NOT_FOUND,
   * or as `VirtioDevice.initialise`.
   */
  async i2c(devNum?: number, options: I2cAdapterOptions = {}): Promise<I2cAdapter> {
    await this.bus.whenUp()
    if (this.#foundIn !== this.bus.generation) await this.devices()
    const device = [...this.#devices.values()].find(
      (candidate) =>
        candidate.info?.deviceId === VIRTIO_ID_I2C && (devNum === undefined || candidate.devNum === devNum),
    )
    if (!device)
      throw new VirtioMsgError(
        "NOT_FOUND",
        devNum === undefined ? "The board has no I2C adapter." : `Device ${devNum} is no I2C adapter.`,
        { hint: "See what the board has: virtio-msg info" },
      )
    let adapter = this.#adapters.get(device.devNum)
    if (!adapter) {
      adapter = new I2cAdapter(device, options)
      this.#adapters.set(device.devNum, adapter)
    }
    await adapter.start()
    return adapter
  }

  /** Milliseconds that a PING takes. */
  ping(): Promise<number> {
    return this.bus.ping()
  }

  /** Calls back when a device comes or goes. Returns the function that stops that. */
  onDevice(listener: (event: DeviceEvent) => void): () => void {
    return this.bus.onDevice.on(listener)
  }

  /** Ends everything: calls in flight reject with LINK_CLOSED; no timer or handle is left. */
  async close(): Promise<void> {
    for (const adapter of this.#adapters.values()) adapter.close()
    for (const device of this.#devices.values()) device.detach()
    this.#adapters.clear()
    this.#devices.clear()
    await this.bus.close()
  }
}
