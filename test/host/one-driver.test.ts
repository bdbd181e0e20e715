// A device has one driver: a second one would take what the first one's queues bring, and both would wait for ever.

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { ConsolePort } from "../../host/src/driver/console-port.js"
import type { Driver } from "../../host/src/driver/driver.js"
import { GpioChip } from "../../host/src/driver/gpio-chip.js"
import { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { Rng } from "../../host/src/driver/rng.js"
import { VirtioDevice } from "../../host/src/driver/virtio-device.js"
import { MemoryLink } from "../support/memory-link.js"

const DRIVERS: readonly (new (device: VirtioDevice) => Driver)[] = [I2cAdapter, GpioChip, Rng, ConsolePort]

async function device() {
  const clock = new VirtualClock(1000)
  const bus = await clock.run(Bus.open(new MemoryLink(clock), { clock }))
  return { clock, bus, device: new VirtioDevice(bus, 0) }
}

describe.each(DRIVERS.map((driver) => [driver.name, driver] as const))(
  "a second driver, %s,",
  (name, Second) => {
    it("is refused at once, and the first goes on", async () => {
      const { clock, bus, device: shared } = await device()
      const first = new I2cAdapter(shared)
      expect(() => new Second(shared)).toThrow(
        expect.objectContaining({
          code: "INVALID_ARGUMENT",
          message: `Device 0 has a driver already (I2cAdapter); a second one (${name}) cannot use it.`,
          hint: expect.stringContaining("OpenedBus"),
        }),
      )
      expect(await clock.run(first.readByte(0x54, 14))).toBe(0x66)
      await bus.close()
    })

    it("is refused as well when the first was closed, which stopped listening to the device", async () => {
      const { clock, bus, device: shared } = await device()
      new I2cAdapter(shared).close()
      expect(() => new Second(shared)).toThrow(
        expect.objectContaining({
          code: "INVALID_ARGUMENT",
          hint: expect.stringContaining("new VirtioDevice"),
        }),
      )
      // another object for the same device is what it takes
      expect(await clock.run(new I2cAdapter(new VirtioDevice(bus, 0)).readByte(0x54, 14))).toBe(0x66)
      await bus.close()
    })
  },
)
