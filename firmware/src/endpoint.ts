// The virtio devices of this firmware, on whatever I2C controller a build brings.

import * as ds from "@devicescript/core"
import type { Allocator, OwnedBytes } from "../../shared-protocol/src/bytes.js"
import { DeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import type { I2cController } from "../../shared-protocol/src/device/i2c-controller.js"
import { isDeviceWanted } from "./settings.js"

/** Major, minor, patch, 0: as in package.json. */
const FIRMWARE_VERSION = [0, 1, 0, 0]
/**
 * Bytes of each area of the window. Large on purpose: the runtime's allocator fills the whole rest of the
 * free block at every call, so a heap that is mostly taken makes every call several times cheaper.
 */
const AREA_SIZE = 8192

/** The runtime's Buffer is an OwnedBytes in all but its declared parameter types. */
export const allocate: Allocator = (length) => Buffer.alloc(length) as unknown as OwnedBytes

/** One tick is the shortest wait: stock firmware can lose a timer without any delay. */
async function letOthersRun(): Promise<void> {
  await ds.sleep(1)
}

/** Makes the device end with one virtio-i2c device, number 0, unless the settings leave it out. */
export function makeEndpoint(
  controller: I2cController,
  board: string,
  hasSimulatedChips: boolean,
): DeviceEndpoint {
  return new DeviceEndpoint({
    alloc: allocate,
    types: isDeviceWanted("i2c") ? [new I2cDevice(controller, Buffer.alloc(0), letOthersRun)] : [],
    driverAreaSize: AREA_SIZE,
    deviceAreaSize: AREA_SIZE,
    identity: { board, firmwareVersion: FIRMWARE_VERSION, hasSimulatedChips },
  })
}
