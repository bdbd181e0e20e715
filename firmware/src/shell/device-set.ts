// Makes the devices that this firmware can plug in, by name, and keeps those that others look at.

import type { Allocator, ByteBuf } from "../../../shared-protocol/src/bytes.js"
import { ConsoleDevice } from "../../../shared-protocol/src/device/console.js"
import type { DeviceModel } from "../../../shared-protocol/src/device/device-model.js"
import { GpioDevice } from "../../../shared-protocol/src/device/gpio.js"
import type { GpioLines } from "../../../shared-protocol/src/device/gpio-lines.js"
import { I2cDevice } from "../../../shared-protocol/src/device/i2c.js"
import type { I2cController } from "../../../shared-protocol/src/device/i2c-controller.js"
import { type EntropySource, RngDevice } from "../../../shared-protocol/src/device/rng.js"
import type { DeviceType } from "../../../shared-protocol/src/device-types/entries.js"
import type { Shell } from "./shell.js"

const COLS = 80
const ROWS = 24

/** What `plug` can add. There is one console: the shell is on it. */
export type PluggableType = Exclude<DeviceType, "console">
/** The device types that not every build has. A build that has such types decides what to do with each of them. */
export type OtherDeviceType = Exclude<PluggableType, "i2c" | "gpio" | "rng">

/** What the devices drive. Without lines, there is no GPIO device. */
export interface DeviceParts {
  readonly controller: I2cController
  readonly lines: GpioLines | undefined
  readonly entropy: EntropySource
  /** Makes devices that only this build has, by name. */
  readonly makeOther: ((kind: OtherDeviceType) => DeviceModel | undefined) | undefined
  readonly alloc: Allocator
  readonly noBytes: ByteBuf
  /** Lets other fibers run. */
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

  /** A new device. Undefined for a type that this firmware does not have. */
  make(kind: PluggableType): DeviceModel | undefined {
    const parts = this.parts
    if (kind === "i2c") return new I2cDevice(parts.controller, parts.noBytes, parts.pause, parts.alloc)
    if (kind === "gpio") {
      if (parts.lines === undefined) return undefined
      this.gpio = new GpioDevice(parts.lines, parts.alloc)
      return this.gpio
    }
    if (kind === "rng") {
      this.rng = new RngDevice(parts.entropy, parts.noBytes)
      return this.rng
    }
    // `kind` has to be an OtherDeviceType by now. A type that nobody makes is a type error, here or in the build.
    return parts.makeOther === undefined ? undefined : parts.makeOther(kind)
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
}
