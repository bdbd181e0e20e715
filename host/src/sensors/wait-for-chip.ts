// Waits for a chip that measures. The chip says when it is done: this computer's clock cannot. A simulated chip on a
// busy computer is slower than the clock, and a real chip may be slower than its data sheet's typical value.

import { delay } from "../clock.js"
import type { I2cAdapter } from "../driver/i2c-adapter.js"

/** It looks so many times before it gives up. */
const TRIES = 100

/**
 * Waits `firstMs`, the data sheet's time, then reads every `againMs` until `isDone`. Resolves with what was read last,
 * whether done or not. Rejects as `read`.
 */
export async function waitForChip<T>(
  i2c: I2cAdapter,
  [firstMs, againMs]: readonly [firstMs: number, againMs: number],
  read: () => Promise<T>,
  isDone: (value: T) => boolean,
): Promise<T> {
  const { clock } = i2c.device.bus
  await delay(clock, firstMs)
  for (let tries = 1; ; tries++) {
    const value = await read()
    if (tries >= TRIES || isDone(value)) return value
    await delay(clock, againMs)
  }
}
