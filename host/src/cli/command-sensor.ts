// `virtio-msg sensor`: what the sensors on the I2C bus measure, once or again and again.

import type { Command } from "commander"
import { delay } from "../clock.js"
import type { I2cAdapter } from "../driver/i2c-adapter.js"
import { deviceFailed, invalidArgument, VirtioMsgError } from "../errors.js"
import { hex } from "../hex.js"
import type { Sensor } from "../sensors/sensor.js"
import { type FoundSensor, findSensors, SENSOR_TYPES, sensorType } from "../sensors/sensor-types.js"
import { helpExamples, note, print, withBus } from "./context.js"
import { parseSeconds } from "./seconds.js"
import { csvHead, csvRow, History, type Reading, sensorName, toJson, toRows } from "./sensor-format.js"
import { formatTable } from "./table.js"
import { untilStopped } from "./until-stopped.js"

interface Options {
  readonly watch?: true
  readonly interval: string
  readonly count?: string
  readonly csv?: true
  readonly json?: true
}

const LEAST_INTERVAL_S = 0.01
const MOST_INTERVAL_S = 86_400

export function define(command: Command): void {
  const known = SENSOR_TYPES.map(({ name, addresses }) => {
    const [first = 0] = addresses
    return `${name} (${hex(first)}${addresses.length > 1 ? " and up" : ""})`
  })
  command
    .argument("[sensor...]", "NAME or NAME@ADDRESS; without any, all that are found")
    .option("-w, --watch", "again and again, until Ctrl-C")
    .option("-i, --interval <seconds>", "between two readings, with --watch or --count", "1")
    .option("-n, --count <readings>", "so many readings, then end")
    .option("--csv", "a line of comma-separated values a reading, under a line of names")
    .option("--json", "a JSON object a reading, each on a line")
    .addHelpText(
      "after",
      `${helpExamples(
        "virtio-msg --port sim sensor",
        "virtio-msg --port sim sensor bme280@0x76 --count 3 --interval 0.1 --csv",
        "virtio-msg --port sim sensor lm75 --count 2 --json",
      )}\n\nSensors: ${known.join(", ")}. They are searched for at these addresses, by reading only.`,
    )
    .action(async (names: string[], options: Options, command: Command) => {
      if (options.csv && options.json)
        throw invalidArgument("--csv and --json exclude each other.", {
          hint: "Choose one: virtio-msg sensor --json",
        })
      const wanted = names.map(parseName)
      const intervalMs = parseInterval(options.interval)
      const count = parseCount(options)
      await withBus(command, async (bus) => {
        const i2c = await bus.i2c()
        const sensors = await choose(i2c, wanted)
        const opened = new Map<FoundSensor, Sensor>()
        const isLasting = count !== 1
        const show = makeShow(sensors, options, isLasting)
        const stop = { isAsked: false }
        if (isLasting)
          untilStopped()
            .then(() => bus.close(), undefined)
            .finally(() => {
              stop.isAsked = true
            })
        for (let at = 0; at < count && !stop.isAsked; at++) {
          if (at > 0) await delay(i2c.device.bus.clock, intervalMs)
          if (stop.isAsked) break
          try {
            show(await readAll(i2c, sensors, opened, isLasting))
          } catch (error) {
            if (!stop.isAsked) throw error
          }
        }
      })
    })
}

interface Wanted {
  readonly name: string
  readonly address: number | undefined
}

function parseName(text: string): Wanted {
  const match = /^([a-z0-9]+)(?:@(0x[0-9a-f]{1,2}|\d{1,3}))?$/i.exec(text)
  if (!match)
    throw invalidArgument(`"${text}" is no sensor.`, {
      hint: "Write NAME or NAME@ADDRESS: virtio-msg sensor bme280@0x76",
    })
  const { name } = sensorType(match[1] as string)
  const address = match[2] === undefined ? undefined : Number(match[2])
  if (address !== undefined && (address < 0x08 || address > 0x77))
    throw invalidArgument(`${text}: an address is from 0x08 to 0x77.`)
  return { name, address }
}

function parseInterval(text: string): number {
  const ms = parseSeconds(text) ?? Number.NaN
  if (!(ms >= LEAST_INTERVAL_S * 1000 && ms <= MOST_INTERVAL_S * 1000))
    throw invalidArgument(`--interval is ${LEAST_INTERVAL_S} to ${MOST_INTERVAL_S} seconds, not "${text}".`, {
      hint: "Seconds, or a number with ms, s or m behind it: --interval 500ms",
    })
  return ms
}

function parseCount({ count, watch }: Options): number {
  if (count === undefined) return watch ? Number.POSITIVE_INFINITY : 1
  if (!/^\d+$/.test(count) || Number(count) < 1)
    throw invalidArgument(`--count is a number from 1 on, not "${count}".`)
  return Number(count)
}

/** The sensors that the user named, found on the bus where no address was named; or all that are found. */
async function choose(i2c: I2cAdapter, wanted: readonly Wanted[]): Promise<FoundSensor[]> {
  if (wanted.length === 0) {
    const found = await findSensors(i2c)
    if (found.length > 0) return found
    throw new VirtioMsgError("NACK", "No sensor that we know was found on the bus.", {
      hint: "See what answers: virtio-msg i2c detect. A sensor can be named: virtio-msg sensor lm75@0x49",
    })
  }
  const chosen: FoundSensor[] = []
  for (const { name, address } of wanted) {
    const type = sensorType(name)
    if (address !== undefined) chosen.push({ type, address })
    else {
      const found = await findSensors(i2c, [type])
      if (found.length === 0)
        throw new VirtioMsgError("NACK", `No ${name} was found on the bus.`, {
          hint: `Name its address: virtio-msg sensor ${name}@${hex(type.addresses[0] ?? 0)}`,
        })
      chosen.push(...found)
    }
  }
  return chosen
}

/**
 * One reading of each. When a lasting watch loses a sensor, it says so and goes on without it, and the sensor may come
 * back.
 */
async function readAll(
  i2c: I2cAdapter,
  sensors: readonly FoundSensor[],
  opened: Map<FoundSensor, Sensor>,
  isLasting: boolean,
): Promise<Reading[]> {
  const readings: Reading[] = []
  for (const sensor of sensors)
    try {
      const chip = opened.get(sensor) ?? (await sensor.type.open(i2c, sensor.address))
      opened.set(sensor, chip)
      readings.push({ sensor, values: await chip.read() })
    } catch (error) {
      opened.delete(sensor)
      // there is another chip, so the board is there
      if (error instanceof VirtioMsgError && error.code === "NOT_FOUND")
        throw deviceFailed(error.message, { hint: error.hint })
      if (!isLasting || !(error instanceof VirtioMsgError) || error.code === "LINK_CLOSED") throw error
      note(`${sensorName(sensor)}: ${error.message}`)
      readings.push({ sensor })
    }
  return readings
}

/** How readings are shown. On a terminal, those of a lasting watch stay in place, with the earlier values as bars. */
function makeShow(
  sensors: readonly FoundSensor[],
  options: Options,
  isLasting: boolean,
): (readings: readonly Reading[]) => void {
  if (options.json) return (readings) => print(JSON.stringify(toJson(now(), readings)))
  if (options.csv) {
    print(csvHead(sensors))
    return (readings) => print(csvRow(now(), readings))
  }
  if (!isLasting)
    return (readings) => {
      for (const line of formatTable(toRows(readings))) print(line)
    }
  const history = new History()
  let shown = 0
  return (readings) => {
    history.add(readings)
    const isTerminal = process.stdout.isTTY === true
    if (isTerminal && shown > 0) process.stdout.write(`\x1b[${shown}A\x1b[J`)
    const lines = formatTable(toRows(readings, isTerminal ? history : undefined))
    for (const line of isTerminal ? lines : [now(), ...lines]) print(line)
    shown = lines.length
  }
}

function now(): string {
  return new Date().toISOString()
}
