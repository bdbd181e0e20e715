// The bytes of the chain that a device has popped, however the driver cut it into buffers. Only the first buffers of
// a chain are listed (device-ring.ts): devices that use this need not know that.
// Not for i2c, console and rng: they move runs of bytes at native speed between a buffer and where these come from or go
// to. Here each byte is copied once more, in a loop, which costs the chip 38 microseconds.

import type { ByteBuf, OwnedBytes } from "../bytes.js"
import { type DeviceRing, LISTED_BUFFERS } from "./device-ring.js"

/**
 * Copies the first `most` device-readable bytes into `into`. Returns how many readable bytes there are in all. Does
 * not look at bytes behind `most`, since the chip counts operations.
 */
export function gather(ring: DeviceRing, into: OwnedBytes, most: number): number {
  let total = 0
  for (let i = 0; i < ring.readable; i++) {
    // written out: a call for each buffer costs the chip 50 microseconds
    const offset = i < LISTED_BUFFERS ? ring.offsets[i] : ring.offsetAt(i)
    const length = i < LISTED_BUFFERS ? ring.lengths[i] : ring.lengthAt(i)
    for (let at = 0; at < length && total + at < most; at++) into[total + at] = ring.driverArea[offset + at]
    total += length
  }
  return total
}

/** Writes the first `length` of `bytes` to the device-writable buffers. Returns how many had room. */
export function scatter(ring: DeviceRing, bytes: ByteBuf, length: number): number {
  const into = ring.deviceArea
  let done = 0
  for (let i = ring.readable; i < ring.count && done < length; i++) {
    const offset = i < LISTED_BUFFERS ? ring.offsets[i] : ring.offsetAt(i)
    let room = i < LISTED_BUFFERS ? ring.lengths[i] : ring.lengthAt(i)
    if (room > length - done) room = length - done
    for (let at = 0; at < room; at++) into.put8(offset + at, bytes[done + at])
    done += room
  }
  return done
}

/** How many bytes the device may write. */
export function writableLength(ring: DeviceRing): number {
  let total = 0
  for (let i = ring.readable; i < ring.count; i++)
    total += i < LISTED_BUFFERS ? ring.lengths[i] : ring.lengthAt(i)
  return total
}
