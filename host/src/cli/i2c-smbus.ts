// SMBus transactions made of I2C messages, as Linux emulates them (Linux drivers/i2c/i2c-core-smbus.c).
// A word is little-endian.

import type { I2cAdapter } from "../driver/i2c-adapter.js"

/** The longest SMBus block. */
export const SMBUS_BLOCK_MAX = 32

export async function receiveByte(i2c: I2cAdapter, address: number): Promise<number> {
  const [data] = await i2c.transfer(address, [{ read: 1 }])
  return data?.[0] ?? 0
}

export async function sendByte(i2c: I2cAdapter, address: number, value: number): Promise<void> {
  await i2c.transfer(address, [{ write: [value] }])
}

export async function readWord(i2c: I2cAdapter, address: number, register: number): Promise<number> {
  const [low = 0, high = 0] = await i2c.readBlock(address, register, 2)
  return low | (high << 8)
}

export async function writeWord(
  i2c: I2cAdapter,
  address: number,
  register: number,
  value: number,
): Promise<void> {
  await i2c.writeBlock(address, register, [value & 0xff, value >> 8])
}
