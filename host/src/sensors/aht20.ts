// A driver for ASAIR's AHT20, a thermometer and hygrometer that takes commands instead of registers (data sheet 5.3, 5.4).

import { crc8 } from "../crc8.js"
import type { I2cAdapter } from "../driver/i2c-adapter.js"
import { deviceFailed, type VirtioMsgError } from "../errors.js"
import type { SensorType } from "./sensor.js"
import { waitForChip } from "./wait-for-chip.js"

const INITIALISE = [0xbe, 0x08, 0x00]
const MEASURE = [0xac, 0x33, 0x00]
const BUSY = 0x80
const CALIBRATED = 0x08
/** The status of a chip that is calibrated and does nothing. Bit 2 differs between batches. */
const AT_REST = 0x18
const AT_REST_MASK = 0xfb
const INITIALISE_MS = 10
const MEASURE_MS = 80
const AGAIN_MS = 10
const FRAME_BYTES = 7

export const AHT20: SensorType = {
  name: "aht20",
  addresses: [0x38],
  quantities: [
    { name: "temperature", unit: "°C", digits: 2 },
    { name: "humidity", unit: "%", digits: 1 },
  ],
  /** Recognised by its address and its status when it does nothing. */
  async recognise(i2c, address) {
    const [data] = await i2c.transfer(address, [{ read: 1 }])
    return ((data?.[0] ?? 0) & AT_REST_MASK) === AT_REST
  },
  async open(i2c, address) {
    const [data] = await i2c.transfer(address, [{ read: 1 }])
    if (!((data?.[0] ?? 0) & CALIBRATED)) {
      await i2c.transfer(address, [{ write: INITIALISE }])
      const readStatus = async () => (await i2c.transfer(address, [{ read: 1 }]))[0]?.[0] ?? BUSY
      const isDone = (status: number) => (status & (BUSY | CALIBRATED)) === CALIBRATED
      await waitForChip(i2c, [INITIALISE_MS, AGAIN_MS], readStatus, isDone)
    }
    return { read: () => measure(i2c, address) }
  },
}

async function measure(i2c: I2cAdapter, address: number): Promise<readonly number[]> {
  await i2c.transfer(address, [{ write: MEASURE }])
  const readFrame = async () => {
    const [frame = new Uint8Array(FRAME_BYTES)] = await i2c.transfer(address, [{ read: FRAME_BYTES }])
    return frame
  }
  const isDone = ([status = BUSY]: Uint8Array) => (status & BUSY) === 0
  const frame = await waitForChip(i2c, [MEASURE_MS, AGAIN_MS], readFrame, isDone)
  const [status = 0, a = 0, b = 0, c = 0, d = 0, e = 0, crc = 0] = frame
  if (status & BUSY) throw failed("goes on measuring")
  if (crc8(frame.subarray(0, FRAME_BYTES - 1), 0x31, 0xff) !== crc)
    throw failed("sent a frame with a wrong checksum")
  const humidity = (a << 12) | (b << 4) | (c >> 4)
  const temperature = ((c & 0x0f) << 16) | (d << 8) | e
  return [(temperature * 200) / 2 ** 20 - 50, (humidity * 100) / 2 ** 20]
}

function failed(what: string): VirtioMsgError {
  return deviceFailed(`The AHT20 ${what}.`, { hint: "Read again; then check its wires." })
}
