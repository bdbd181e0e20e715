// In native tests, an exception in the device code must be seen. The device must not survive it (`DeviceBus.onFault`).

import type { DeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"

/** Passes the first exception on to the caller of the endpoint. Returns the endpoint. */
export function withoutNet(endpoint: DeviceEndpoint): DeviceEndpoint {
  endpoint.bus.onFault = (thrown) => {
    throw thrown
  }
  return endpoint
}
