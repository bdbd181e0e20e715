// What the drivers of all device types share. The device is initialised at its first use, and again after it failed.
// All who wait share one initialisation.

import { deviceFailed, linkClosed, VirtioMsgError } from "../errors.js"
import type { DriverNeeds } from "./features.js"
import type { VirtioDevice } from "./virtio-device.js"

/** A device that starts again while it is being initialised is initialised again, this often in all. */
const INITIALISE_TRIES = 3

/**
 * What the drivers of all device types have in common.
 *
 * @example
 * ```ts
 * import { I2cAdapter, openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * const driver = await bus.driverOf(0)
 * console.log(driver instanceof I2cAdapter) // true
 * await bus.close()
 * ```
 */
export abstract class Driver {
  readonly device: VirtioDevice
  #starting: Promise<void> | undefined
  #isClosed = false

  /** Throws INVALID_ARGUMENT when the device has a driver. */
  constructor(device: VirtioDevice) {
    device.claim(new.target.name)
    this.device = device
  }

  /** Feature bits and queues. */
  protected abstract readonly needs: DriverNeeds

  /** The device is at DRIVER_OK, with new queues. */
  protected abstract onReady(): void | Promise<void>

  /** Initialises the device now instead of at its first use. Rejects as `VirtioDevice.initialise`, and with LINK_CLOSED after `close`. */
  async start(): Promise<void> {
    if (this.#isClosed)
      throw linkClosed(`The driver of device ${this.device.devNum} was closed.`, {
        hint: "Open the bus again.",
      })
    if (this.device.isLive && !this.#starting) return
    this.#starting ??= this.#initialise().finally(() => {
      this.#starting = undefined
    })
    await this.#starting
  }

  /** Ends the driver: calls in flight reject with LINK_CLOSED, and the device is not listened to any more. */
  close(): void {
    this.#isClosed = true
    this.device.detach()
  }

  /** A device may be live when its driver is not ready. Nobody would initialise it then. */
  async #getReady(): Promise<void> {
    try {
      await this.onReady()
    } catch (error) {
      this.device.fail(
        error instanceof VirtioMsgError
          ? error
          : deviceFailed(`The driver of device ${this.device.devNum} cannot use it.`, { cause: error }),
      )
      throw error
    }
  }

  async #initialise(): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.device.bus.whenUp()
      try {
        await this.device.initialise(this.needs)
        await this.#getReady()
        return
      } catch (error) {
        this.device.forgetInfo() // what the device said of itself may be wrong
        // the device started again without a sign, or does so now. No request has begun, so none is carried out twice
        const hasRestarted = error instanceof VirtioMsgError && error.code === "DEVICE_RESTARTED"
        if (!hasRestarted || tries === INITIALISE_TRIES) throw error
      }
    }
  }
}
