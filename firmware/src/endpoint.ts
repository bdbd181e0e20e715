// The virtio devices of this firmware, on whatever a build brings: an I2C controller, GPIO lines, commands.

import * as ds from "@devicescript/core"
import type { Allocator, OwnedBytes } from "../../shared-protocol/src/bytes.js"
import { type DeviceEndpoint, makeDeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import type { DeviceModel } from "../../shared-protocol/src/device/device-model.js"
import type { GpioLines } from "../../shared-protocol/src/device/gpio-lines.js"
import type { I2cController } from "../../shared-protocol/src/device/i2c-controller.js"
import { ConditionedEntropy } from "./entropy.js"
import { isDeviceWanted, readSetting } from "./settings.js"
import { CommonCommands } from "./shell/commands.js"
import { DeviceSet, type OtherDeviceType, type PluggableType } from "./shell/device-set.js"
import { type CommandSet, Shell } from "./shell/shell.js"

/** Major, minor, patch, 0: as in package.json. */
const FIRMWARE_VERSION = [0, 1, 0, 0]
/**
 * Bytes of each area of the window. Large on purpose: the runtime's allocator fills the whole rest of the
 * free block at every call, so a heap that is mostly taken makes every call several times cheaper.
 */
const DRIVER_AREA_SIZE = 8192
const DEVICE_AREA_SIZE = 6400
/** For a board with a small heap, which has the I2C device alone. The longest message fits. */
const SMALL_DRIVER_AREA_SIZE = 6656
const SMALL_DEVICE_AREA_SIZE = 4096
/** The setting that asks for it: `small`. */
const WINDOW = "virtio.window"
/** Between two looks at the GPIO lines while an interrupt is enabled, and while none is. */
const SAMPLE_MS = 10
const IDLE_SAMPLE_MS = 50
/** How soon a command looks again whether the console has room for its output. */
const ROOM_MS = 10

/** The runtime's Buffer is an OwnedBytes: only the declared types of its parameters differ. */
export const allocate: Allocator = (length) => Buffer.alloc(length) as unknown as OwnedBytes

export interface FirmwareParts {
  readonly board: string
  readonly hasSimulatedChips: boolean
  readonly controller: I2cController
  /** None: no GPIO device. */
  readonly lines?: GpioLines
  /** Makes devices that only this build has, by name, when one is plugged in. */
  readonly makeOther?: (kind: OtherDeviceType) => DeviceModel | undefined
  /** Commands of the shell, besides the common ones. */
  readonly commands?: CommandSet
  /** The part at an I2C address, or "". */
  readonly chipName?: (address: number) => string
  /** Lines for the log. */
  readonly complaints?: readonly string[]
}

/** One tick is the shortest wait: stock firmware can lose a timer without any delay. */
async function letOthersRun(): Promise<void> {
  await ds.sleep(1)
}

async function waitForRoom(): Promise<void> {
  await ds.sleep(ROOM_MS)
}

function nameless(_address: number): string {
  return ""
}

/**
 * Makes the device end with those of the devices i2c, gpio, rng and console that the build has parts for and the
 * settings want; their numbers are 0, 1, 2, ...
 */
export function makeEndpoint(parts: FirmwareParts): DeviceEndpoint {
  const noBytes = allocate(0)
  const devices = new DeviceSet({
    controller: parts.controller,
    lines: parts.lines,
    entropy: new ConditionedEntropy(),
    makeOther: parts.makeOther,
    alloc: allocate,
    noBytes,
    pause: letOthersRun,
  })
  const models: DeviceModel[] = []
  const kinds: readonly PluggableType[] = ["i2c", "gpio", "rng"]
  for (const kind of kinds) {
    const model = isDeviceWanted(kind) ? devices.make(kind) : undefined
    if (model !== undefined) models.push(model)
  }
  const title = `virtio-msg ${FIRMWARE_VERSION[0]}.${FIRMWARE_VERSION[1]}.${FIRMWARE_VERSION[2]} on ${parts.board}`
  // the shell's commands need the endpoint, which needs the console's device, which needs the shell
  const made: DeviceEndpoint[] = []
  if (isDeviceWanted("console")) {
    const shells: Shell[] = []
    const common = new CommonCommands({
      title,
      endpoint: () => made[0],
      devices,
      controller: parts.controller,
      chipName: parts.chipName === undefined ? nameless : parts.chipName,
      lines: parts.lines,
      noBytes,
      pause: letOthersRun,
      runLater: (delayMs, words) => {
        const task = async () => {
          await ds.sleep(delayMs)
          await shells[0].runInBackground(words)
        }
        task.start()
      },
    })
    const sets = parts.commands === undefined ? [common] : [common, parts.commands]
    const shell = new Shell(sets, allocate, waitForRoom)
    shells.push(shell)
    models.push(devices.makeConsole(shell, models.length))
    const runLine = async () => {
      await shell.runLine()
    }
    shell.onLine = () => {
      runLine.start()
    }
    shell.log(title)
    if (parts.complaints !== undefined)
      for (let i = 0; i < parts.complaints.length; i++) shell.log(parts.complaints[i])
  }
  const isSmall = readSetting(WINDOW) === "small"
  const endpoint = makeDeviceEndpoint({
    alloc: allocate,
    models,
    driverAreaSize: isSmall ? SMALL_DRIVER_AREA_SIZE : DRIVER_AREA_SIZE,
    deviceAreaSize: isSmall ? SMALL_DEVICE_AREA_SIZE : DEVICE_AREA_SIZE,
    identity: {
      board: parts.board,
      firmwareVersion: FIRMWARE_VERSION,
      hasSimulatedChips: parts.hasSimulatedChips,
    },
  })
  made.push(endpoint)
  if (parts.lines !== undefined) {
    const watch = async () => {
      while (true) {
        let waitMs = IDLE_SAMPLE_MS
        const gpio = devices.gpio
        if (gpio?.isWatching()) {
          gpio.sample()
          waitMs = SAMPLE_MS
        }
        await ds.sleep(waitMs)
      }
    }
    watch.start()
  }
  return endpoint
}
