// The weather that is read off somebody else's bus: what the chip measured, and nothing else.

import { expect, it } from "vitest"
import { compensate, readCalibration } from "../../host/src/sensors/bme280.js"
import type { RequestEvent } from "../../host/src/trace/trace-event.js"
import { PassingWeather } from "../../host/web/src/wire/passing-weather.js"

/** Any calibration; the first bytes are little-endian words. */
const FIRST = Uint8Array.from({ length: 26 }, (_, at) => (at % 2 === 0 ? 0x40 + at : 0x10))
const SECOND = Uint8Array.of(0x6a, 0x01, 0, 0x13, 0x29, 0x03, 0x1e)
/** ctrl_hum to config and an unused one, as the driver reads them before the data. */
const STATE = [1, 0, 0x27, 0x40, 0]
const MEASURED = [0x65, 0x5a, 0xc0, 0x7e, 0xed, 0x00, 0x6b, 0x2f]
const RESET = [0x80, 0, 0, 0x80, 0, 0, 0x80, 0]

const hex = (bytes: Iterable<number>) => Buffer.from([...bytes]).toString("hex")

/** A register read of the chip at 0x76 that came back. */
function read(register: number, bytes: Iterable<number>): RequestEvent {
  const fields = [
    { name: "i2c_addr", value: 0x76 << 1 },
    { name: "i2c_write", value: hex([register]) },
    { name: "i2c_read", value: hex(bytes) },
  ]
  return { phase: "used", ok: true, fields } as unknown as RequestEvent
}

it("is told once the chip has measured, not what its registers hold before", () => {
  const passing = new PassingWeather()
  expect(passing.take(read(0x88, FIRST))).toBeUndefined()
  expect(passing.take(read(0xe1, SECOND))).toBeUndefined()
  expect(passing.take(read(0xf2, [...STATE, ...RESET]))).toBeUndefined()
  // the temperature is there, and humidity is not yet
  expect(passing.take(read(0xf2, [...STATE, ...MEASURED.slice(0, 6), 0x80, 0]))).toBeUndefined()
  expect(passing.take(read(0xf2, [...STATE, ...MEASURED]))).toEqual(
    compensate(readCalibration(FIRST, SECOND), { pressure: 0x655ac, temperature: 0x7eed0, humidity: 0x6b2f }),
  )
})
