// The device types that this firmware can plug in, by name, and those of them that others look at.

import type { Allocator, ByteBuf } from "../../../shared-protocol/src/bytes.js"
import { ConsoleDevice } from "../../../shared-protocol/src/device/console.js"
import type { DeviceType } from "../../../shared-protocol/src/device/device-type.js"
import { GpioDevice } from "../../../shared-protocol/src/device/gpio.js"
import type { GpioLines } from "../../../shared-protocol/src/device/gpio-lines.js"
import { I2cDevice } from "../../../shared-protocol/src/device/i2c.js"
import type { I2cController } from "../../../shared-protocol/src/device/i2c-controller.js"
import { type EntropySource, RngDevice } from "../../../shared-protocol/src/device/rng.js"
import { VIRTIO_ID_CONSOLE } from "../../../shared-protocol/src/device-types/console.js"
import { VIRTIO_ID_GPIO } from "../../../shared-protocol/src/device-types/gpio.js"
import { VIRTIO_ID_I2C } from "../../../shared-protocol/src/device-types/i2c.js"
import { VIRTIO_ID_RNG } from "../../../shared-protocol/src/device-types/rng.js"
import { VIRTIO_ID_RTC } from "../../../shared-protocol/src/device-types/rtc.js"
import type { Shell } from "./shell.js"

const COLS = 80
const ROWS = 24

/** What the devices drive. Without lines, there is no GPIO device. */
export interface DeviceParts {
  readonly controller: I2cController
  readonly lines: GpioLines | undefined
  readonly entropy: EntropySource
  /** Makes devices that only this build has, by name. */
  readonly makeOther: ((name: string) => DeviceType | undefined) | undefined
  readonly alloc: Allocator
  readonly noBytes: ByteBuf
  /** Lets others run. */
  readonly pause: () => Promise<void>
}

export class DeviceSet {
  /** The last of each that was made. */
  gpio: GpioDevice | undefined
  rng: RngDevice | undefined
  console: ConsoleDevice | undefined
  /** -1 without a console. */
  consoleNumber = -1
  private readonly parts: DeviceParts

  constructor(parts: DeviceParts) {
    this.parts = parts
  }

  /** A new device: i2c, gpio, rng, or another of this build; undefined for one that this firmware has not got. */
  make(name: string): DeviceType | undefined {
    const parts = this.parts
    if (name === "i2c") return new I2cDevice(parts.controller, parts.noBytes, parts.pause, parts.alloc)
    if (name === "gpio" && parts.lines !== undefined) {
      this.gpio = new GpioDevice(parts.lines, parts.alloc)
      return this.gpio
    }
    if (name === "rng") {
      this.rng = new RngDevice(parts.entropy, parts.noBytes)
      return this.rng
    }
    return parts.makeOther === undefined ? undefined : parts.makeOther(name)
  }

  /** The console device for this shell, which will have number `devNum`. */
  makeConsole(shell: Shell, devNum: number): ConsoleDevice {
    const console = new ConsoleDevice(shell, this.parts.alloc, COLS, ROWS)
    shell.onOutput = () => console.wakeOutput()
    shell.onRoom = () => console.wakeInput()
    this.console = console
    this.consoleNumber = devNum
    return console
  }

  /** The name of a virtio device id, as `make` takes it. */
  nameOf(deviceId: number): string {
    if (deviceId === VIRTIO_ID_I2C) return "i2c"
    if (deviceId === VIRTIO_ID_GPIO) return "gpio"
    if (deviceId === VIRTIO_ID_RNG) return "rng"
    if (deviceId === VIRTIO_ID_CONSOLE) return "console"
    if (deviceId === VIRTIO_ID_RTC) return "rtc"
    return `${deviceId}`
  }
}
