// `virtio-msg sensor`: what it prints, as lines, CSV and JSON, and what it refuses.

import { describe, expect, it } from "vitest"
import { History, spark, toRows } from "../../host/src/cli/sensor-format.js"
import { sensorType } from "../../host/src/sensors/sensor-types.js"
import { stdoutOf, virtioMsg } from "./command.js"

describe("virtio-msg sensor", () => {
  it("finds the simulated board's two sensors and reads them once", async () => {
    expect((await stdoutOf("--port sim sensor")).split("\n")).toEqual([
      expect.stringMatching(/^lm75@0x48 {4}temperature {5} 2\d\.[05] °C$/),
      expect.stringMatching(/^bme280@0x76 {2}temperature {5}2\d\.\d\d °C$/),
      expect.stringMatching(/^ {13}pressure {7}10\d\d\.\d hPa$/),
      expect.stringMatching(/^ {13}humidity {9}\d\d\.\d %$/),
      "",
    ])
  })

  it("writes as many lines of CSV as were asked for, under the names", async () => {
    const lines = (await stdoutOf("--port sim sensor bme280@0x76 --count 2 --interval 50ms --csv")).split(
      "\n",
    )
    expect(lines[0]).toBe("time,bme280@0x76 temperature °C,bme280@0x76 pressure hPa,bme280@0x76 humidity %")
    expect(lines).toHaveLength(4)
    for (const line of lines.slice(1, 3)) expect(line).toMatch(/^\d{4}-.+Z,2\d\.\d\d,10\d\d\.\d,\d\d\.\d$/)
  })

  it("writes JSON with numbers and units", async () => {
    const { time, sensors } = JSON.parse(await stdoutOf("--port sim sensor lm75 --json"))
    expect(new Date(time).toISOString()).toBe(time)
    expect(sensors).toEqual([
      {
        sensor: "lm75",
        address: 0x48,
        values: { temperature: expect.any(Number) },
        units: { temperature: "°C" },
      },
    ])
  })

  it.each([
    ["sensor thermometer", 2, "There is no driver for a sensor"],
    ["sensor bme280@0x99", 2, "an address is from 0x08 to 0x77"],
    ["sensor --interval 0", 2, "--interval is"],
    ["sensor --interval 5x", 2, "hint: Seconds, or a number with ms, s or m behind it: --interval 500ms"],
    ["sensor --interval 5ms", 2, "--interval is"],
    ["--port sim sensor lm75@48", 1, "hint: 48 is decimal here, 0x30: was 0x48 meant? "],
    ["sensor --count 0", 2, "--count is"],
    ["sensor --csv --json", 2, "exclude each other"],
    ["--port sim sensor bme280@0x50", 1, "is no BME280"],
    ["--port sim sensor aht20", 1, "No aht20 was found"],
    ["--port sim sensor lm75@0x20", 1, "No chip acknowledged at address 0x20"],
  ])("%s ends with %i and says why", async (line, code, words) => {
    const outcome = await virtioMsg(line)
    expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({ code, stdout: "" })
    expect(outcome.stderr).toContain(words)
  })
})

describe("the bars", () => {
  it("reach from the lowest value to the highest, and lie in the middle when nothing changes", () => {
    expect(spark([1, 2, 8])).toBe("▁▂█")
    expect(spark([5, 5])).toBe("▄▄")
    expect(spark([])).toBe("")
  })

  it("show what was measured; what was not is a dash", () => {
    const sensor = { type: sensorType("lm75"), address: 0x48 }
    const history = new History()
    history.add([{ sensor, values: [20] }])
    history.add([{ sensor }])
    history.add([{ sensor, values: [21] }])
    expect(toRows([{ sensor }], history)).toEqual([["lm75@0x48", "temperature", "       - °C", "▁█"]])
  })
})
