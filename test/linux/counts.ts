// How often the tests with a kernel do what they do many times: as often as a run of all tests can wait for, or, with
// `npm run test:long`, as often as a rare fault needs.

const isLong = process.env.TIMES === "long"

/** Of a register, one after another. A multiple of 20. */
export const TRANSFERS = isLong ? 10_000 : 2000

/** Of each of two processes at once, over USB/IP. */
export const TRANSFERS_OVER_USB = isLong ? 1000 : 300

/** A driver is unbound and bound again, or a device model goes and comes. */
export const CYCLES = isLong ? 1000 : 100

/** What a device side or a device model sends that breaks the rules. */
export const HOSTILE_CASES = isLong ? 50_000 : 10_000
