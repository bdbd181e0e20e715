// A connected bus and the drivers of its devices, on any link. Uses nothing of Node.

import {
  DEVICE_TYPES,
  type DeviceType,
  deviceTypeOf,
  type PerDeviceType,
} from "../../shared-protocol/src/device-types/catalogue.js"
import { DEVICE_REMOVED, type DeviceEvent } from "../../shared-protocol/src/messages/bus.js"
import type { Bus } from "./bus/bus.js"
import type { ChannelParameters } from "./bus/channel.js"
import { ConsolePort, type ConsoleSize } from "./driver/console-port.js"
import { ConsoleShell } from "./driver/console-shell.js"
import type { Driver } from "./driver/driver.js"
import { GpioChip, type GpioDirection, type GpioLineInfo } from "./driver/gpio-chip.js"
import {
  I2cAdapter,
  type I2cAdapterOptions,
  type I2cMessage,
  type I2cOutcome,
  type I2cRequest,
} from "./driver/i2c-adapter.js"
import { Rng } from "./driver/rng.js"
import { Rtc, type RtcClock } from "./driver/rtc.js"
import { VirtioDevice } from "./driver/virtio-device.js"
import { notFound } from "./errors.js"

export {
  ConsolePort,
  type ConsoleSize,
  GpioChip,
  type GpioDirection,
  type GpioLineInfo,
  I2cAdapter,
  type I2cAdapterOptions,
  type I2cMessage,
  type I2cOutcome,
  type I2cRequest,
  Rng,
  Rtc,
  type RtcClock,
}

/** The driver of each device type. */
const DRIVERS: PerDeviceType<(device: VirtioDevice) => Driver> = {
  i2c: (device) => new I2cAdapter(device),
  gpio: (device) => new GpioChip(device),
  rng: (device) => new Rng(device),
  console: (device) => new ConsolePort(device),
  rtc: (device) => new Rtc(device),
}

/** What to do when the board has no device of a type. Without an entry: look what the board has. */
const HINTS: { readonly [type in DeviceType]?: string } = {
  gpio: "A board's lines are named when it is deployed to, beside its other options: deploy --gpio LED=15,BUTTON=14:up",
  rtc: "Plug one in, where the firmware has one: virtio-msg rtc --plug",
}

/**
 * A connected bus.
 *
 * @example
 * ```ts
 * import { openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * for (const { devNum, info } of await bus.devices()) console.log(devNum, info?.deviceId)
 * console.log(await bus.ping(), "ms")
 * await bus.close()
 * ```
 */
export class OpenedBus {
  /** The bus itself, for those who speak virtio-msg. */
  readonly bus: Bus
  /** The devices found in this epoch of the bus, by number. */
  readonly #devices = new Map<number, VirtioDevice>()
  /** By number: each is of the class for its device's type. */
  readonly #drivers = new Map<number, Driver>()
  /** The device type that a driver is for. */
  readonly #types = new WeakMap<Driver, number>()
  /** The devices' numbers, of epoch `#foundIn`. */
  #numbers: number[] = []
  #foundIn = 0

  constructor(bus: Bus) {
    this.bus = bus
    bus.onDevice.on(({ deviceNumber, busState }) => {
      this.#foundIn = 0 // the next question looks again
      if (busState !== DEVICE_REMOVED) return
      this.#drivers.delete(deviceNumber) // the driver learns of it from its device
      this.#devices.delete(deviceNumber)
    })
  }

  /** What the board said of itself. */
  get board(): ChannelParameters {
    return this.bus.hello
  }

  /** The devices on the bus, by number, each with what GET_DEVICE_INFO says of it. Asks the board anew. */
  async devices(): Promise<VirtioDevice[]> {
    const numbers = await this.bus.devices()
    const { epochCount } = this.bus
    const devices = numbers.map((devNum) => this.#device(devNum))
    await Promise.all(devices.map((device) => device.getInfo()))
    this.#numbers = numbers
    this.#foundIn = epochCount
    return devices
  }

  /**
   * The I2C adapter: that of device `devNum`, or the first on the bus. Initialises it. All who ask get the same
   * adapter, and `options` hold for all of them from now on. Rejects with NOT_FOUND, INVALID_ARGUMENT, or as
   * `VirtioDevice.initialise`.
   */
  async i2c(devNum?: number, options: I2cAdapterOptions = {}): Promise<I2cAdapter> {
    const adapter = await this.#use<I2cAdapter>("i2c", devNum)
    adapter.configure(options)
    return adapter
  }

  /** The GPIO chip, as `i2c`. */
  gpio(devNum?: number): Promise<GpioChip> {
    return this.#use("gpio", devNum)
  }

  /** The source of random bytes, as `i2c`. */
  rng(devNum?: number): Promise<Rng> {
    return this.#use("rng", devNum)
  }

  /** The console, as `i2c`. */
  console(devNum?: number): Promise<ConsolePort> {
    return this.#use("console", devNum)
  }

  /** The clocks, as `i2c`. */
  rtc(devNum?: number): Promise<Rtc> {
    return this.#use("rtc", devNum)
  }

  /** The shell that our firmware has on its console. */
  async shell(devNum?: number): Promise<ConsoleShell> {
    return new ConsoleShell(await this.console(devNum))
  }

  /** The driver of device `devNum`, whichever type it has; undefined when the library has none for it. */
  async driverOf(devNum: number): Promise<Driver | undefined> {
    const [number] = await this.#candidates(devNum)
    const deviceId = number === undefined ? undefined : (await this.#withInfo(number)).info?.deviceId
    const type = deviceId === undefined ? undefined : deviceTypeOf(deviceId)
    return type && this.#use(type, devNum)
  }

  /**
   * The numbers of the devices on the bus, with as few questions as possible: all numbers are asked for once in an
   * epoch.
   */
  async #candidates(devNum: number | undefined): Promise<number[]> {
    await this.bus.whenUp()
    if (this.#foundIn !== this.bus.epochCount) {
      const { epochCount } = this.bus
      this.#numbers = await this.bus.devices()
      this.#foundIn = epochCount
    }
    return devNum === undefined ? this.#numbers : this.#numbers.filter((number) => number === devNum)
  }

  /** The device of that number, made when it is asked for first. */
  #device(devNum: number): VirtioDevice {
    const device = this.#devices.get(devNum) ?? new VirtioDevice(this.bus, devNum)
    this.#devices.set(devNum, device)
    return device
  }

  /** The device of that number, with an `info` of this epoch. */
  async #withInfo(devNum: number): Promise<VirtioDevice> {
    const device = this.#device(devNum)
    if (!device.hasInfo) await device.getInfo()
    return device
  }

  /** The first device of a type, or that of number `devNum` if it is of it. */
  async #find(deviceId: number, devNum: number | undefined): Promise<VirtioDevice | undefined> {
    for (const number of await this.#candidates(devNum)) {
      const device = await this.#withInfo(number)
      if (device.info?.deviceId !== deviceId) continue
      const driver = this.#drivers.get(number)
      if (!driver || this.#types.get(driver) === deviceId) return device
      driver.close() // the device said earlier that it was of another type
      this.#drivers.delete(number)
      this.#devices.delete(number)
      return this.#withInfo(number)
    }
    return undefined
  }

  async #use<D extends Driver>(type: DeviceType, devNum: number | undefined): Promise<D> {
    const { id, noun } = DEVICE_TYPES[type]
    let device = await this.#find(id, devNum)
    if (!device) {
      await this.devices() // what a device said of itself earlier in this epoch may have been wrong
      device = await this.#find(id, devNum)
    }
    if (device) {
      let driver = this.#drivers.get(device.devNum)
      if (!driver) {
        driver = DRIVERS[type](device)
        this.#drivers.set(device.devNum, driver)
        this.#types.set(driver, id)
      }
      await driver.start()
      return driver as D // DRIVERS makes the driver that belongs to the type
    }
    throw notFound(devNum === undefined ? `The board has no ${noun}.` : `Device ${devNum} is no ${noun}.`, {
      hint: (devNum === undefined ? HINTS[type] : undefined) ?? "See what the board has: virtio-msg info",
    })
  }

  /** Milliseconds that a PING takes. */
  ping(): Promise<number> {
    return this.bus.ping()
  }

  /** Calls back when a device comes or goes. Returns the function that stops that. */
  onDevice(listener: (event: DeviceEvent) => void): () => void {
    return this.bus.onDevice.on(listener)
  }

  /** Ends everything: calls in flight reject with LINK_CLOSED, and no timer or handle is left. */
  async close(): Promise<void> {
    for (const driver of this.#drivers.values()) driver.close()
    for (const device of this.#devices.values()) device.detach()
    this.#drivers.clear()
    this.#devices.clear()
    await this.bus.close()
  }
}
