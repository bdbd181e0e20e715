// A driver may cut a request into as many descriptors as the queue has (virtio 1.4 2.7.4, R1): 256 here. Natively, and
// by the bytecode, whose heap has no room for long lists.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../host/src/bytes.js"
import * as p from "../../shared-protocol/src/index.js"
import { DEVICE_BUFFERS, type DeviceWire, DRIVER_BUFFERS, HostileDriver } from "./hostile-driver.js"
import { NativeWire } from "./native-wire.js"
import { VmWire } from "./vm-wire.js"

const RAM = 0x54
/** The chip's size: what is written beyond it comes round. */
const RAM_BYTES = 20
const STATUS_BYTES = 1

/** Offers one request, a byte a descriptor; the descriptors lie in the table back to front. */
async function offerCut(driver: HostileDriver, out: readonly number[], readLength: number): Promise<void> {
  driver.write(DRIVER_BUFFERS, Uint8Array.from(out))
  const count = out.length + readLength + STATUS_BYTES
  for (let i = 0; i < count; i++) {
    const isWritable = i >= out.length
    driver.describe(0, 0, 255 - i, {
      low: isWritable ? DEVICE_BUFFERS + i - out.length : DRIVER_BUFFERS + i,
      high: isWritable ? 0x20000 : 0x10000,
      length: 1,
      flags: (isWritable ? p.DESCRIPTOR_WRITE : 0) | (i + 1 < count ? p.DESCRIPTOR_NEXT : 0),
      next: i + 1 < count ? 254 - i : 0,
    })
  }
  driver.available(0, 0, [255], 1)
  await driver.kick(0, 0)
}

/** The used element at `at`: head and length. */
function used(driver: HostileDriver, at: number): [idx: number, head: number, length: number] {
  const { incoming } = driver.mailbox
  const base = driver.place(0, 0).used
  return [
    p.getU16(incoming, base + 2),
    p.getU32(incoming, base + 4 + 8 * at),
    p.getU32(incoming, base + 8 + 8 * at),
  ]
}

const header = (flags: number) => [RAM << 1, 0, 0, 0, flags, 0, 0, 0]

describe.each<[string, () => DeviceWire | Promise<DeviceWire>]>([
  ["natively", () => new NativeWire(allocateBytes)],
  ["by the bytecode", () => VmWire.start()],
])("a request cut into many descriptors, %s,", (_where, start) => {
  it.each([66, 128, 256])("is carried out whole: a write and a read of %i", async (count) => {
    const driver = new HostileDriver(await start())
    await driver.connect()
    await driver.initialise(0, true)
    // register 0, then bytes up to the chain's length: header, register and status take 10
    const data = Array.from({ length: count - 10 }, (_, i) => (i * 7 + count) & 0xff)
    await offerCut(driver, [...header(0), 0, ...data], 0)
    expect(used(driver, 0)).toEqual([1, 255, STATUS_BYTES])
    expect(driver.mailbox.incoming[DEVICE_BUFFERS]).toBe(p.I2C_STATUS_OK)

    await offerCut(driver, [...header(0), 0], 0)
    await offerCut(driver, header(p.I2C_FLAG_M_RD), count - 9)
    expect(used(driver, 2)).toEqual([3, 255, count - 9 + STATUS_BYTES])
    const kept = Array.from({ length: RAM_BYTES }, (_, i) =>
      data.filter((_, at) => at % RAM_BYTES === i).at(-1),
    )
    const read = Array.from({ length: count - 9 }, (_, i) => driver.mailbox.incoming[DEVICE_BUFFERS + i])
    expect(read).toEqual(read.map((_, i) => kept[i % RAM_BYTES]))
    expect(driver.mailbox.incoming[DEVICE_BUFFERS + count - 9]).toBe(p.I2C_STATUS_OK)
    expect(await driver.checkAlive()).toBe("")
  })
})
