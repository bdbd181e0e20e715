// What of a board a guest gets beside I2C: for each device that is there, its back end on its socket.

import { DEVICE_KINDS, DEVICE_TYPES } from "../../../shared-protocol/src/device-types/catalogue.js"
import type { VirtioMsgError } from "../errors.js"
import type { OpenedBus } from "../opened-bus.js"
import { ConsoleBridge } from "./console-bridge.js"
import { VhostUserBackend } from "./vhost-user/backend.js"
import { VirtioGpioDevice } from "./vhost-user/gpio-device.js"
import { VirtioRngDevice } from "./vhost-user/rng-device.js"

/** A device that a guest can have beside I2C. The console's back end is QEMU's own, bridged; the others are vhost-user. */
export type GuestDevice = "gpio" | "rng" | "console"

/** All that a guest can have. */
export const GUEST_DEVICES = DEVICE_KINDS.filter((kind) => DEVICE_TYPES[kind].isForGuests) as GuestDevice[]

export class GuestDevices {
  readonly #parts: { close(): void }[] = []

  /** Which of them the board has. */
  static async on(bus: OpenedBus): Promise<GuestDevice[]> {
    const ids = (await bus.devices()).map(({ info }) => info?.deviceId)
    return GUEST_DEVICES.filter((device) => ids.includes(DEVICE_TYPES[device].id))
  }

  /** Starts a back end for each of `devices`, which connects to the socket that `pathOf` names. */
  async start(
    bus: OpenedBus,
    devices: readonly GuestDevice[],
    pathOf: (device: GuestDevice) => string,
    onError: (error: VirtioMsgError) => void,
  ): Promise<void> {
    for (const device of devices) {
      const socketPath = pathOf(device)
      if (device === "console") {
        const bridge = new ConsoleBridge(await bus.console(), socketPath)
        bridge.start()
        this.#parts.push(bridge)
        continue
      }
      const served = device === "gpio" ? await this.#gpio(bus) : new VirtioRngDevice(await bus.rng())
      const backend = new VhostUserBackend({ socketPath, device: served })
      backend.onError.on(onError)
      await backend.start()
      this.#parts.push(backend)
    }
  }

  close(): void {
    for (const part of this.#parts.splice(0)) part.close()
  }

  async #gpio(bus: OpenedBus): Promise<VirtioGpioDevice> {
    const chip = await bus.gpio()
    const device = await VirtioGpioDevice.of(chip)
    const restore = () => {
      device.restore().catch(() => {}) // gone again: the next time
    }
    bus.bus.onUp.on(restore)
    chip.device.onBroken.on((error) => {
      if (error.code === "DEVICE_FAILED" || error.code === "TIMEOUT") restore()
    })
    return device
  }
}
