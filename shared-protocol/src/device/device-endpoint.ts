// The devices of a board behind a mailbox: what the firmware runs on its link, and the tests without one.

import { Endpoint } from "../mailbox/endpoint.js"
import { Mailbox } from "../mailbox/mailbox.js"
import { DEVICE_RUN_LIMIT, DEVICE_WAITING_BYTES, HOST_CREDIT } from "../mailbox/packet.js"
import { DeviceBus, type DeviceBusOptions } from "./device-bus.js"

export type DeviceEndpoint = Endpoint<DeviceBus>

export interface DeviceEndpointOptions extends DeviceBusOptions {
  /** Bytes of the two areas of the window. */
  readonly driverAreaSize: number
  readonly deviceAreaSize: number
}

export function makeDeviceEndpoint(options: DeviceEndpointOptions): DeviceEndpoint {
  const mailbox = new Mailbox({
    alloc: options.alloc,
    outgoingSize: options.deviceAreaSize,
    incomingSize: options.driverAreaSize,
    credit: HOST_CREDIT,
    waitingBytes: DEVICE_WAITING_BYTES,
    runLimit: DEVICE_RUN_LIMIT,
    hasVersions: true,
  })
  return new Endpoint(mailbox, new DeviceBus(options, mailbox))
}
