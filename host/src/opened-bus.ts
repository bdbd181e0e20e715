// A connected bus and the drivers of its devices, whatever link it is on. Free of Node APIs.

import { VIRTIO_ID_CONSOLE } from "../../shared-protocol/src/device-types/console.js"
import { VIRTIO_ID_GPIO } from "../../shared-protocol/src/device-types/gpio.js"
import { VIRTIO_ID_I2C } from "../../shared-protocol/src/device-types/i2c.js"
import { VIRTIO_ID_RNG } from "../../shared-protocol/src/device-types/rng.js"
import { DEVICE_REMOVED, type DeviceEvent } from "../../shared-protocol/src/messages/bus.js"
import type { HelloResponse } from "../../shared-protocol/src/messages/hello.js"
import type { Bus } from "./bus/bus.js"
import { ConsolePort } from "./driver/console-port.js"
import { ConsoleShell } from "./driver/console-shell.js"
import type { Driver } from "./driver/driver.js"
import { GpioChip } from "./driver/gpio-chip.js"
import { I2cAdapter, type I2cAdapterOptions } from "./driver/i2c-adapter.js"
import { Rng } from "./driver/rng.js"
import { VirtioDevice } from "./driver/virtio-device.js"
import { VirtioMsgError } from "./errors.js"

const HINT = "See what the board has: virtio-msg info"
/** Device types, what people call a device of them, and what to do without one. */
const I2C = { deviceId: VIRTIO_ID_I2C, name: "I2C adapter", hint: HINT }
const GPIO = {
  deviceId: VIRTIO_ID_GPIO,
  name: "GPIO chip",
  hint: "A board's lines are named when it is deployed to, beside its other options: deploy --gpio LED=15,BUTTON=14:up",
}
const RNG = { deviceId: VIRTIO_ID_RNG, name: "source of random bytes", hint: HINT }
const CONSOLE = { deviceId: VIRTIO_ID_CONSOLE, name: "console", hint: HINT }

/** A connected bus. */
export class OpenedBus {
  /** The bus itself, for those who speak virtio-msg. */
  readonly bus: Bus
  /** The devices found in this epoch of the bus, by number. */
  readonly #devices = new Map<number, VirtioDevice>()
  /** Each of the class for its device's type. */
  readonly #drivers = new Map<number, Driver>()
  /** The device type that a driver is for. */
  readonly #types = new WeakMap<Driver, number>()
  /** The devices' numbers, of epoch `#foundIn`. */
  #numbers: number[] = []
  #foundIn = 0

  constructor(bus: Bus) {
    this.bus = bus
    bus.onDevice.on(({ deviceNumber, busState }) => {
      this.#foundIn = 0 // whoever asks next looks again
      if (busState !== DEVICE_REMOVED) return
      this.#drivers.delete(deviceNumber) // it hears of it from its device
      this.#devices.delete(deviceNumber)
    })
  }

  /** What the board said of itself. */
  get board(): HelloResponse {
    return this.bus.hello
  }

  /** The devices on the bus, by number, each with what GET_DEVICE_INFO says of it. Asks the board anew. */
  async devices(): Promise<VirtioDevice[]> {
    const numbers = await this.bus.devices()
    const { generation } = this.bus
    const devices = numbers.map((devNum) => {
      const device = this.#devices.get(devNum) ?? new VirtioDevice(this.bus, devNum)
      this.#devices.set(devNum, device)
      return device
    })
    await Promise.all(devices.map((device) => device.getInfo()))
    this.#numbers = numbers
    this.#foundIn = generation
    return devices
  }

  /**
   * The I2C adapter: that of device `devNum`, or the first on the bus. Initialises it. There is one, for all who ask:
   * what `options` name holds for it from now on. Rejects with NOT_FOUND, INVALID_ARGUMENT, or as
   * `VirtioDevice.initialise`.
   */
  async i2c(devNum?: number, options: I2cAdapterOptions = {}): Promise<I2cAdapter> {
    const adapter = await this.#use(I2C, devNum, (device) => new I2cAdapter(device))
    adapter.configure(options)
    return adapter
  }

  /** The GPIO chip, as `i2c`. */
  gpio(devNum?: number): Promise<GpioChip> {
    return this.#use(GPIO, devNum, (device) => new GpioChip(device))
  }

  /** The source of random bytes, as `i2c`. */
  rng(devNum?: number): Promise<Rng> {
    return this.#use(RNG, devNum, (device) => new Rng(device))
  }

  /** The console, as `i2c`. */
  console(devNum?: number): Promise<ConsolePort> {
    return this.#use(CONSOLE, devNum, (device) => new ConsolePort(device))
  }

  /** The shell that our firmware has on its console. */
  async shell(devNum?: number): Promise<ConsoleShell> {
    return new ConsoleShell(await this.console(devNum))
  }

  /** The driver of device `devNum`, whichever type it has; undefined when the library has none for it. */
  async driverOf(devNum: number): Promise<Driver | undefined> {
    const [number] = await this.#candidates(devNum)
    switch (number === undefined ? undefined : (await this.#withInfo(number)).info?.deviceId) {
      case VIRTIO_ID_I2C:
        return this.i2c(devNum)
      case VIRTIO_ID_GPIO:
        return this.gpio(devNum)
      case VIRTIO_ID_RNG:
        return this.rng(devNum)
      case VIRTIO_ID_CONSOLE:
        return this.console(devNum)
      default:
        return undefined
    }
  }

  /** What is on the bus, without a question that is not needed: numbers once an epoch, then one device at a time. */
  async #candidates(devNum: number | undefined): Promise<number[]> {
    await this.bus.whenUp()
    if (this.#foundIn !== this.bus.generation) {
      const { generation } = this.bus
      this.#numbers = await this.bus.devices()
      this.#foundIn = generation
    }
    return devNum === undefined ? this.#numbers : this.#numbers.filter((number) => number === devNum)
  }

  /** The device of that number, with its `info` of this epoch. */
  async #withInfo(devNum: number): Promise<VirtioDevice> {
    const device = this.#devices.get(devNum) ?? new VirtioDevice(this.bus, devNum)
    this.#devices.set(devNum, device)
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
      driver.close() // the device said that it was of another type
      this.#drivers.delete(number)
      this.#devices.delete(number)
      return this.#withInfo(number)
    }
    return undefined
  }

  async #use<D extends Driver>(
    type: { readonly deviceId: number; readonly name: string; readonly hint: string },
    devNum: number | undefined,
    make: (device: VirtioDevice) => D,
  ): Promise<D> {
    let device = await this.#find(type.deviceId, devNum)
    if (!device) {
      await this.devices() // what a device said of itself earlier in this epoch may have been wrong
      device = await this.#find(type.deviceId, devNum)
    }
    if (device) {
      let driver = this.#drivers.get(device.devNum) as D | undefined
      if (!driver) {
        driver = make(device)
        this.#drivers.set(device.devNum, driver)
        this.#types.set(driver, type.deviceId)
      }
      await driver.start()
      return driver
    }
    throw new VirtioMsgError(
      "NOT_FOUND",
      devNum === undefined ? `The board has no ${type.name}.` : `Device ${devNum} is no ${type.name}.`,
      { hint: devNum === undefined ? type.hint : HINT },
    )
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
    for (const driver of this.#drivers.values()) driver.close()
    for (const device of this.#devices.values()) device.detach()
    this.#drivers.clear()
    this.#devices.clear()
    await this.bus.close()
  }
}
