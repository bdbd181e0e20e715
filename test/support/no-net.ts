// Natively, an exception in the device code is a defect to be seen, not one to be survived (`DeviceBus.onFault`).

import type { DeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"

/** Lets the first exception through to whoever called the endpoint; returns the endpoint. */
export function withoutNet(endpoint: DeviceEndpoint): DeviceEndpoint {
  endpoint.bus.onFault = (thrown) => {
    throw thrown
  }
  return endpoint
}
