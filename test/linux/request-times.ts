// How long requests to a board that has gone take in a guest: each ends within 2 s.

import { expect } from "vitest"

/** Prints when each of three requests began and ended, by the guest's own clock. */
export const TIME_REQUESTS = `for i in 1 2 3; do
  read a b < /proc/uptime; i2cget -y 0 0x54 14 2> /dev/null; read c b < /proc/uptime; echo "times $a $c"
done`

/**
 * Of what TIME_REQUESTS printed. The guest's clock goes on while this computer does something else: one request of the
 * three may be longer than it is in Linux, but a request that waits for ever is not.
 */
export function expectWithinTwoSeconds(printed: string): void {
  const tookS = [...printed.matchAll(/^times (\S+) (\S+)$/gm)].map(
    ([, from, to]) => Number(to) - Number(from),
  )
  expect(tookS).toHaveLength(3)
  const [, middle, longest] = tookS.sort((a, b) => a - b)
  expect(middle, `${tookS}`).toBeLessThan(2)
  expect(longest, `${tookS}`).toBeLessThan(10)
}
