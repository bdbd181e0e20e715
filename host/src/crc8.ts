// CRC-8, most significant bit first: SMBus's packet error code, and the checksum of some sensors.

/** `polynomial` without x^8, as 0x07 for x^8 + x^2 + x + 1. */
export function crc8(bytes: Iterable<number>, polynomial: number, start: number): number {
  let crc = start
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ polynomial) & 0xff : crc << 1
  }
  return crc
}
