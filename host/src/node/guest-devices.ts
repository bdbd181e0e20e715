// The devices of a board that a guest gets beside I2C: each has a back end on a socket.

import {
  DEVICE_TYPES,
  GUEST_DEVICE_TYPES,
  type GuestDeviceType,
} from "../../../shared-protocol/src/device-types/catalogue.js"
import type { VirtioMsgError } from "../errors.js"
import type { OpenedBus } from "../opened-bus.js"
import { ConsoleBridge } from "./console-bridge.js"
import { VhostUserBackend } from "./vhost-user/backend.js"
import type { VhostUserDevice } from "./vhost-user/device.js"
import { VirtioGpioDevice } from "./vhost-user/gpio-device.js"
import { VirtioRngDevice } from "./vhost-user/rng-device.js"

interface BackEnd {
  start(): void | Promise<void>
  close(): void
}

type MakeBackEnd = (
  bus: OpenedBus,
  socketPath: string,
  onError: (error: VirtioMsgError) => void,
) => Promise<BackEnd>

/** The console's back end is QEMU's own, bridged; the others are vhost-user. */
const BACK_ENDS: { readonly [kind in GuestDeviceType]: MakeBackEnd } = {
  gpio: async (bus, socketPath, onError) => vhostUser(await gpioOf(bus), socketPath, onError),
  rng: async (bus, socketPath, onError) =>
    vhostUser(new VirtioRngDevice(await bus.rng()), socketPath, onError),
  console: async (bus, socketPath) => new ConsoleBridge(await bus.console(), socketPath),
}

export class GuestDevices {
  readonly #parts: BackEnd[] = []

  /** Which of them the board has. */
  static async on(bus: OpenedBus): Promise<GuestDeviceType[]> {
    const ids = (await bus.devices()).map(({ info }) => info?.deviceId)
    return GUEST_DEVICE_TYPES.filter((kind) => ids.includes(DEVICE_TYPES[kind].id))
  }

  /** Starts a back end for each of `kinds`. It connects to the socket that `pathOf` names. */
  async start(
    bus: OpenedBus,
    kinds: readonly GuestDeviceType[],
    pathOf: (kind: GuestDeviceType) => string,
    onError: (error: VirtioMsgError) => void,
  ): Promise<void> {
    for (const kind of kinds) {
      const backEnd = await BACK_ENDS[kind](bus, pathOf(kind), onError)
      await backEnd.start()
      this.#parts.push(backEnd)
    }
  }

  close(): void {
    for (const part of this.#parts.splice(0)) part.close()
  }
}

function vhostUser(device: VhostUserDevice, socketPath: string, onError: (error: VirtioMsgError) => void) {
  const backend = new VhostUserBackend({ socketPath, device })
  backend.onError.on(onError)
  return backend
}

async function gpioOf(opened: OpenedBus): Promise<VirtioGpioDevice> {
  const chip = await opened.gpio()
  const device = await VirtioGpioDevice.of(chip)
  const restore = () => {
    device.restore().catch(() => {}) // the device has gone again: the next attempt tells
  }
  opened.bus.onUp.on(restore)
  chip.device.onBroken.on((error) => {
    if (error.code === "DEVICE_FAILED" || error.code === "TIMEOUT") restore()
  })
  return device
}
