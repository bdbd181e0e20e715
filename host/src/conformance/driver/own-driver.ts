// What the suite asks of a driver, done by our own: read a register of an I2C chip, and, where there is a console, its
// size and its configuration. The same work runs as a process (own-driver-main.ts) and in the tests.

import { VIRTIO_ID_CONSOLE } from "../../../../shared-protocol/src/device-types/console.js"
import { VirtioMsgError } from "../../errors.js"
import type { OpenedBus } from "../../open-bus.js"
import { CHIP_ADDRESS, CHIP_REGISTER, CHIP_VALUE } from "./device-types.js"

/** A device that asks for a reset gets one, and a bus that ends is opened again. Then the work is tried again. */
const TRIES = 3
const WORTH_ANOTHER_TRY = ["DEVICE_FAILED", "DEVICE_RESTARTED", "LINK_CLOSED"]
/** Of the console's configuration: the word that an emergency write goes to. */
const EMERGENCY_WRITE_OFFSET = 8

/** Rejects when anything does not work out. */
export async function driveOwn(bus: OpenedBus): Promise<void> {
  const devices = await bus.devices()
  await readChip(bus)
  const console = devices.find(({ info }) => info?.deviceId === VIRTIO_ID_CONSOLE)
  if (console) await useConsole(bus, console.devNum)
}

async function readChip(bus: OpenedBus): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const i2c = await bus.i2c()
      const value = await i2c.readByte(CHIP_ADDRESS, CHIP_REGISTER)
      if (value !== CHIP_VALUE) throw new Error(`register ${CHIP_REGISTER} is ${value}, not ${CHIP_VALUE}`)
      return
    } catch (error) {
      const isWorthIt = error instanceof VirtioMsgError && WORTH_ANOTHER_TRY.includes(error.code)
      if (!isWorthIt || tries === TRIES) throw error
    }
  }
}

async function useConsole(bus: OpenedBus, devNum: number): Promise<void> {
  const console = await bus.console(devNum)
  await console.size()
  const { device } = console
  const { configSize } = await device.getInfo()
  await device.readConfig(0, configSize)
  await device.writeConfig(EMERGENCY_WRITE_OFFSET, Uint8Array.of(0x41, 0, 0, 0))
  await console.size()
}
