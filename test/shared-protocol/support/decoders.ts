// Every decoder of a message, with the type and msg_id of what it decodes.

import { allocateBytes } from "../../../host/src/bytes.js"
import * as protocol from "../../../shared-protocol/src/index.js"

export interface Decoder {
  readonly name: string
  readonly type: number
  readonly msgId: number
  readonly decode: (frame: protocol.ByteBuf) => protocol.Decoded<unknown>
}

const TRANSPORT = 0
const RESPONSE = protocol.TYPE_RESPONSE
const BUS = protocol.TYPE_BUS

export const DECODERS: readonly Decoder[] = [
  decoder("GET_DEVICE_INFO response", RESPONSE, protocol.GET_DEVICE_INFO, (frame) =>
    protocol.decodeGetDeviceInfoResponse(frame, allocateBytes(16)),
  ),
  decoder(
    "GET_DEVICE_FEATURES request",
    TRANSPORT,
    protocol.GET_DEVICE_FEATURES,
    protocol.decodeGetDeviceFeaturesRequest,
  ),
  decoder(
    "GET_DEVICE_FEATURES response",
    RESPONSE,
    protocol.GET_DEVICE_FEATURES,
    protocol.decodeGetDeviceFeaturesResponse,
  ),
  decoder(
    "SET_DRIVER_FEATURES request",
    TRANSPORT,
    protocol.SET_DRIVER_FEATURES,
    protocol.decodeSetDriverFeaturesRequest,
  ),
  decoder("GET_CONFIG request", TRANSPORT, protocol.GET_CONFIG, protocol.decodeGetConfigRequest),
  decoder("GET_CONFIG response", RESPONSE, protocol.GET_CONFIG, protocol.decodeGetConfigResponse),
  decoder("SET_CONFIG request", TRANSPORT, protocol.SET_CONFIG, protocol.decodeSetConfigRequest),
  decoder("SET_CONFIG response", RESPONSE, protocol.SET_CONFIG, protocol.decodeSetConfigResponse),
  decoder(
    "GET_DEVICE_STATUS response",
    RESPONSE,
    protocol.GET_DEVICE_STATUS,
    protocol.decodeGetDeviceStatusResponse,
  ),
  decoder(
    "SET_DEVICE_STATUS request",
    TRANSPORT,
    protocol.SET_DEVICE_STATUS,
    protocol.decodeSetDeviceStatusRequest,
  ),
  decoder(
    "SET_DEVICE_STATUS response",
    RESPONSE,
    protocol.SET_DEVICE_STATUS,
    protocol.decodeSetDeviceStatusResponse,
  ),
  decoder("GET_VQUEUE request", TRANSPORT, protocol.GET_VQUEUE, protocol.decodeGetVqueueRequest),
  decoder("GET_VQUEUE response", RESPONSE, protocol.GET_VQUEUE, protocol.decodeGetVqueueResponse),
  decoder("SET_VQUEUE request", TRANSPORT, protocol.SET_VQUEUE, protocol.decodeSetVqueueRequest),
  decoder("RESET_VQUEUE request", TRANSPORT, protocol.RESET_VQUEUE, protocol.decodeResetVqueueRequest),
  decoder("GET_SHM request", TRANSPORT, protocol.GET_SHM, protocol.decodeGetShmRequest),
  decoder("GET_SHM response", RESPONSE, protocol.GET_SHM, protocol.decodeGetShmResponse),
  decoder("EVENT_CONFIG", TRANSPORT, protocol.EVENT_CONFIG, protocol.decodeEventConfig),
  decoder("EVENT_AVAIL", TRANSPORT, protocol.EVENT_AVAIL, protocol.decodeEventAvail),
  decoder("EVENT_USED", TRANSPORT, protocol.EVENT_USED, protocol.decodeEventUsed),
  decoder("GET_DEVICES request", BUS, protocol.GET_DEVICES, protocol.decodeGetDevicesRequest),
  decoder("GET_DEVICES response", BUS | RESPONSE, protocol.GET_DEVICES, protocol.decodeGetDevicesResponse),
  decoder("PING request", BUS, protocol.PING, protocol.decodePingRequest),
  decoder("PING response", BUS | RESPONSE, protocol.PING, protocol.decodePingResponse),
  decoder("EVENT_DEVICE", BUS, protocol.EVENT_DEVICE, protocol.decodeEventDevice),
  decoder("HELLO request", BUS, protocol.HELLO, protocol.decodeHelloRequest),
  decoder("HELLO response", BUS | RESPONSE, protocol.HELLO, protocol.decodeHelloResponse),
]

function decoder(name: string, type: number, msgId: number, decode: Decoder["decode"]): Decoder {
  return { name, type, msgId, decode }
}
