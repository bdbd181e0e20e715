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

/**
 * A device's whole side of the serial mailbox bus: devices, and the mailbox in front of them.
 *
 * @example
 * ```ts
 * import { allocateBytes } from "virtio-msg"
 * import { makeDeviceEndpoint, RngDevice } from "virtio-msg/protocol"
 *
 * const rng = new RngDevice({ fill: (into, offset, length) => into.fillAt(offset, length, 4) }, allocateBytes(0))
 * const endpoint = makeDeviceEndpoint({
 *   alloc: allocateBytes,
 *   models: [rng],
 *   driverAreaSize: 8192,
 *   deviceAreaSize: 8192,
 *   identity: { board: "mine", firmwareVersion: [1, 0, 0, 0], hasSimulatedChips: false },
 * })
 * // for each packet that arrives: endpoint.receive(packet), await endpoint.bus.work(), then send what comes out of
 * console.log(endpoint.nextPacket()) // undefined
 * ```
 */
export function makeDeviceEndpoint(options: DeviceEndpointOptions): DeviceEndpoint {
  const mailbox = new Mailbox({
    alloc: options.alloc,
    outgoingSize: options.deviceAreaSize,
    incomingSize: options.driverAreaSize,
    credit: HOST_CREDIT,
    waitingBytes: DEVICE_WAITING_BYTES,
    runLimit: DEVICE_RUN_LIMIT,
    hasNotes: true,
  })
  return new Endpoint(mailbox, new DeviceBus(options, mailbox))
}
