// The compensation formulas of the BME280 data sheet, written from it and apart from the chip under test: in floating
// point (8.1) and in integers (4.2.3: 32 bits for temperature and humidity, 64 bits for pressure), as drivers use them.

/** The calibration as a driver decodes it (table 16). */
export interface Calibration {
  t: readonly [number, number, number]
  p: readonly [number, number, number, number, number, number, number, number, number]
  h: readonly [number, number, number, number, number, number]
}

/** Decodes registers 0x88..0xa1 and 0xe1..0xe7. */
export function decodeCalibration(first: readonly number[], second: readonly number[]): Calibration {
  const low = new DataView(Uint8Array.from(first).buffer)
  const high = new DataView(Uint8Array.from(second).buffer)
  const u16 = (register: number): number => low.getUint16(register - 0x88, true)
  const s16 = (register: number): number => low.getInt16(register - 0x88, true)
  return {
    t: [u16(0x88), s16(0x8a), s16(0x8c)],
    p: [u16(0x8e), s16(0x90), s16(0x92), s16(0x94), s16(0x96), s16(0x98), s16(0x9a), s16(0x9c), s16(0x9e)],
    h: [
      low.getUint8(0xa1 - 0x88),
      high.getInt16(0, true),
      high.getUint8(2),
      high.getInt8(3) * 16 + (high.getUint8(4) & 0x0f), // 0xe4, 0xe5[3:0]
      high.getInt8(5) * 16 + (high.getUint8(4) >> 4), // 0xe6, 0xe5[7:4]
      high.getInt8(6),
    ],
  }
}

/** What the compensation gives: degrees Celsius, pascal, percent. */
export interface Weather {
  temperature: number
  pressure: number
  humidity: number
}

/** The raw values of registers 0xf7..0xfe. */
export function decodeRaw(data: readonly number[]): { adcP: number; adcT: number; adcH: number } {
  const [p0 = 0, p1 = 0, p2 = 0, t0 = 0, t1 = 0, t2 = 0, h0 = 0, h1 = 0] = data
  return {
    adcP: (p0 << 12) | (p1 << 4) | (p2 >> 4),
    adcT: (t0 << 12) | (t1 << 4) | (t2 >> 4),
    adcH: (h0 << 8) | h1,
  }
}

/** Data sheet 8.1. */
export function compensateDouble(c: Calibration, adcT: number, adcP: number, adcH: number): Weather {
  const [t1, t2, t3] = c.t
  const [p1, p2, p3, p4, p5, p6, p7, p8, p9] = c.p
  const [h1, h2, h3, h4, h5, h6] = c.h

  const difference = adcT / 131072 - t1 / 8192
  const fine = (adcT / 16384 - t1 / 1024) * t2 + difference * difference * t3

  let var1 = fine / 2 - 64000
  let var2 = (var1 * var1 * p6) / 32768
  var2 = var2 + var1 * p5 * 2
  var2 = var2 / 4 + p4 * 65536
  var1 = ((p3 * var1 * var1) / 524288 + p2 * var1) / 524288
  var1 = (1 + var1 / 32768) * p1
  let p = 1048576 - adcP
  p = ((p - var2 / 4096) * 6250) / var1
  p = p + ((p9 * p * p) / 2147483648 + (p * p8) / 32768 + p7) / 16

  let h = fine - 76800
  h =
    (adcH - (h4 * 64 + (h5 / 16384) * h)) *
    ((h2 / 65536) * (1 + (h6 / 67108864) * h * (1 + (h3 / 67108864) * h)))
  h = h * (1 - (h1 * h) / 524288)
  return { temperature: fine / 5120, pressure: p, humidity: Math.min(100, Math.max(0, h)) }
}

/** Data sheet 4.2.3, as Linux and Bosch's driver do it. */
export function compensateInteger(c: Calibration, adcT: number, adcP: number, adcH: number): Weather {
  const [t1, t2, t3] = c.t
  const difference = (adcT >> 4) - t1
  const fine = ((((adcT >> 3) - (t1 << 1)) * t2) >> 11) + ((((difference * difference) >> 12) * t3) >> 14)

  const [p1, p2, p3, p4, p5, p6, p7, p8, p9] = c.p
  let var1 = BigInt(fine) - 128000n
  let var2 = var1 * var1 * BigInt(p6)
  var2 = var2 + ((var1 * BigInt(p5)) << 17n)
  var2 = var2 + (BigInt(p4) << 35n)
  var1 = ((var1 * var1 * BigInt(p3)) >> 8n) + ((var1 * BigInt(p2)) << 12n)
  var1 = (((1n << 47n) + var1) * BigInt(p1)) >> 33n
  let p = 1048576n - BigInt(adcP)
  p = (((p << 31n) - var2) * 3125n) / var1
  var1 = (BigInt(p9) * (p >> 13n) * (p >> 13n)) >> 25n
  var2 = (BigInt(p8) * p) >> 19n
  p = ((p + var1 + var2) >> 8n) + (BigInt(p7) << 4n)

  const [h1, h2, h3, h4, h5, h6] = c.h
  let v = fine - 76800
  v = Math.imul(
    ((adcH << 14) - (h4 << 20) - h5 * v + 16384) >> 15,
    ((((((v * h6) >> 10) * (((v * h3) >> 11) + 32768)) >> 10) + 2097152) * h2 + 8192) >> 14,
  )
  v = v - (((((v >> 15) * (v >> 15)) >> 7) * h1) >> 4)
  v = Math.min(419430400, Math.max(0, v))
  return { temperature: ((fine * 5 + 128) >> 8) / 100, pressure: Number(p) / 256, humidity: (v >> 12) / 1024 }
}
