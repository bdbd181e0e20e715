// The classes of hostility of a driver against a device (issue's F11): by what the device said of its rings, and by what
// the settings of a queue were.

import * as p from "../../shared-protocol/src/index.js"
import { ClassCounts, type ClassPatterns } from "./classes.js"

const RING_REASONS: ClassPatterns = {
  "a chain that is too long, or a loop": /^a long chain/,
  "a head or next outside the table": /^outside the table/,
  "high bits in an address": /^outside the window/,
  "a readable buffer outside its area": /^a readable buffer/,
  "a writable buffer outside its area": /^a writable buffer/,
  "readable behind writable": /^readable behind writable/,
  "indirect, not negotiated": /^indirect, not negotiated/,
  "indirect, not at the end": /^indirect, not at the end/,
  "an indirect table that cannot be": /^an indirect table/,
  "avail.idx that jumps": /^avail\.idx/,
}
const SETTING_CLASSES = [
  "queue size 0",
  "queue size no power of two",
  "queue size too large",
  "a misaligned ring",
  "a ring outside the window",
]
const OTHER_CLASSES = ["a chain without a status", "a span or record that is none", "a request that is none"]

export const driverClasses = new ClassCounts([
  ...Object.keys(RING_REASONS),
  ...SETTING_CLASSES,
  ...OTHER_CLASSES,
])

const MOST_SIZE = 256
const AREA_SIZE = 8192

/** Of a SET_VQUEUE whose fields all count. */
export function noteSetting({ flags, size, desc, driver, device }: p.VqueueSetting): void {
  if (flags & ~p.VQUEUE_ENABLE) return
  if (size === 0) driverClasses.note("queue size 0")
  else if (size > MOST_SIZE) driverClasses.note("queue size too large")
  else if (!p.isQueueSize(size)) driverClasses.note("queue size no power of two")
  if (desc.low % 16 || driver.low % 2 || device.low % 4) driverClasses.note("a misaligned ring")
  if ([desc, driver, device].some(({ low }) => low >= AREA_SIZE))
    driverClasses.note("a ring outside the window")
}

/** What a device has come to, since `seen`. */
export class DeviceWatch {
  readonly #endpoint: p.DeviceEndpoint
  readonly #reasons: string[] = []
  #malformedPackets = 0
  #discarded = 0

  constructor(endpoint: p.DeviceEndpoint) {
    this.#endpoint = endpoint
  }

  look(): void {
    const { mailbox } = this.#endpoint
    const { devices, discardedCount } = this.#endpoint.bus
    const rings = devices.flatMap(({ queues }) => queues.rings)
    for (const [at, { brokenReason }] of rings.entries()) {
      if (brokenReason !== "" && brokenReason !== this.#reasons[at])
        driverClasses.noteReason(brokenReason, RING_REASONS)
      this.#reasons[at] = brokenReason
    }
    for (const { status, queues } of devices)
      if (status & p.STATUS_DEVICE_NEEDS_RESET && queues.rings.every((ring) => ring.brokenReason === ""))
        driverClasses.note("a chain without a status")
    if (mailbox.malformedCount > this.#malformedPackets) driverClasses.note("a span or record that is none")
    if (discardedCount > this.#discarded) driverClasses.note("a request that is none")
    this.#malformedPackets = mailbox.malformedCount
    this.#discarded = discardedCount
  }
}
