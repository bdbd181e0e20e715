// The sensors that we can read, one entry for each type. The command, the page and the search of a bus use this list.
// A new type is a file beside this one, and a name in this list.

import type { I2cAdapter } from "../driver/i2c-adapter.js"
import { invalidArgument, VirtioMsgError } from "../errors.js"
import { ADS1115 } from "./ads1115.js"
import { AHT20 } from "./aht20.js"
import { BME280 } from "./bme280.js"
import { LM75 } from "./lm75.js"
import type { SensorType } from "./sensor.js"

/** Where two types can have one address, the one with the surer way to recognise itself is asked first. */
export const SENSOR_TYPES: readonly SensorType[] = [BME280, AHT20, ADS1115, LM75]

export interface FoundSensor {
  readonly type: SensorType
  readonly address: number
}

/** The type of that name. Throws INVALID_ARGUMENT. */
export function sensorType(name: string): SensorType {
  const type = SENSOR_TYPES.find((type) => type.name === name.toLowerCase())
  if (type) return type
  throw invalidArgument(`There is no driver for a sensor "${name}".`, {
    hint: `These are known: ${SENSOR_TYPES.map((type) => type.name).join(", ")}.`,
  })
}

/**
 * Looks for sensors at the addresses that `types` can have. Only reads. The result is in the order of addresses.
 * Rejects as `I2cAdapter.transfer`, except for a chip that does not answer.
 */
export async function findSensors(
  i2c: I2cAdapter,
  types: readonly SensorType[] = SENSOR_TYPES,
): Promise<FoundSensor[]> {
  const addresses = [...new Set(types.flatMap((type) => type.addresses))].sort((a, b) => a - b)
  const answers = await Promise.all(addresses.map((address) => i2c.probe(address))) // in one packet each way
  const found: FoundSensor[] = []
  for (const [at, address] of addresses.entries()) {
    if (!answers[at]) continue
    for (const type of types)
      if (type.addresses.includes(address) && (await isRecognised(i2c, type, address))) {
        found.push({ type, address })
        break
      }
  }
  return found
}

async function isRecognised(i2c: I2cAdapter, type: SensorType, address: number): Promise<boolean> {
  try {
    return await type.recognise(i2c, address)
  } catch (error) {
    if (error instanceof VirtioMsgError && error.code === "NACK") return false // it has no such register
    throw error
  }
}
