// A TMP102 thermometer: a pointer, then words of two bytes. Reads 21.5 degrees, or what was written to its limit.

import type { BusChip } from "virtio-msg"

const registers = [21.5 * 256, 0x60a0, 75 * 256, 80 * 256] // temperature, configuration, low limit, high limit
let pointer = 0
let at = 0 // bytes since the start

export default {
  start: () => {
    at = 0
  },
  write(byte) {
    if (at === 0) pointer = byte & 3
    else if (at < 3 && pointer !== 0) {
      const shift = at === 1 ? 8 : 0
      registers[pointer] = ((registers[pointer] ?? 0) & ~(0xff << shift)) | (byte << shift)
    }
    at++
    return true // acknowledged
  },
  read: () => ((registers[pointer] ?? 0) >> (at++ % 2 === 0 ? 8 : 0)) & 0xff,
} satisfies BusChip
