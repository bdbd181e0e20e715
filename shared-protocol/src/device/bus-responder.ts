// The bus's side of the device end: HELLO, GET_DEVICES and PING (virtio-msg "Bus Messages", B1, B43 to B50).

import type { Allocator, ByteBuf } from "../bytes.js"
import { DEVICE_CREDIT, MAX_MESSAGE_SIZE } from "../mailbox/packet.js"
import { PROTOCOL_HASH } from "../mailbox/protocol-hash.js"
import {
  decodeGetDevicesRequest,
  decodePingRequest,
  encodeGetDevicesResponse,
  encodePingResponse,
  GET_DEVICES_BASE_SIZE,
  PING_SIZE,
} from "../messages/bus.js"
import { TRANSPORT_REVISION } from "../messages/header.js"
import {
  BUS_VERSION,
  decodeHelloRequest,
  encodeHelloResponse,
  HELLO_RESPONSE_SIZE,
  TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION,
} from "../messages/hello.js"
import { GET_DEVICES, HELLO, PING } from "../messages/ids.js"
import type { DeviceChannel } from "./device-channel.js"
import type { TransportDevice } from "./transport-device.js"

export interface BoardIdentity {
  /** At most 32 ASCII characters. */
  readonly board: string
  /** Major, minor, patch, 0. */
  readonly firmwareVersion: readonly number[]
  readonly hasSimulatedChips: boolean
}

export interface BusResponderOptions {
  readonly alloc: Allocator
  readonly identity: BoardIdentity
  /** The largest message to advertise, 52 to MAX_MESSAGE_SIZE bytes; MAX_MESSAGE_SIZE when absent. */
  readonly maxMessageSize?: number
  /** Offer VIRTIO_MSG_F_STRICT_CONFIG_GENERATION. */
  readonly isStrict?: boolean
}

/** Bytes of the largest message that a bus with these options takes. */
export function maxMessageSizeOf(options: BusResponderOptions): number {
  return options.maxMessageSize === undefined ? MAX_MESSAGE_SIZE : options.maxMessageSize
}

/**
 * The response to a request to the bus that has `devices`; its token is still 0. Undefined for a request that is
 * malformed or unknown (B19).
 */
export function answerBusRequest(
  request: ByteBuf,
  devices: readonly TransportDevice[],
  options: BusResponderOptions,
  channel: DeviceChannel,
): ByteBuf | undefined {
  const msgId = request[1]
  if (msgId === HELLO) return answerHello(request, options, channel)
  if (msgId === GET_DEVICES) return answerGetDevices(request, devices, options)
  if (msgId === PING) {
    const decoded = decodePingRequest(request)
    if (decoded.ok === false) return undefined
    const response = options.alloc(PING_SIZE)
    encodePingResponse(response, decoded.value)
    return response
  }
  return undefined
}

function answerHello(
  request: ByteBuf,
  options: BusResponderOptions,
  channel: DeviceChannel,
): ByteBuf | undefined {
  const decoded = decodeHelloRequest(request)
  if (decoded.ok === false) return undefined
  const response = options.alloc(HELLO_RESPONSE_SIZE)
  encodeHelloResponse(response, {
    protocolHash: PROTOCOL_HASH,
    busVersion: BUS_VERSION,
    maxMessageSize: maxMessageSizeOf(options),
    revision: TRANSPORT_REVISION,
    transportFeatures: options.isStrict === true ? TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION : 0,
    driverAreaSize: channel.incoming.length,
    deviceAreaSize: channel.outgoing.bytes.length,
    epoch: channel.epoch,
    receiveCredit: DEVICE_CREDIT,
    hasSimulatedChips: options.identity.hasSimulatedChips,
    firmwareVersion: options.identity.firmwareVersion,
    board: options.identity.board,
  })
  return response
}

function answerGetDevices(
  request: ByteBuf,
  devices: readonly TransportDevice[],
  options: BusResponderOptions,
): ByteBuf | undefined {
  const decoded = decodeGetDevicesRequest(request)
  if (decoded.ok === false) return undefined
  const window = decoded.value
  const most = (maxMessageSizeOf(options) - GET_DEVICES_BASE_SIZE) * 8
  let count = window.count <= most ? window.count : most // B45, B49
  if (window.offset + count > 0x10000) count = 0x10000 - window.offset
  const deviceNumbers: number[] = []
  let nextOffset = 0 // B47
  for (let i = 0; i < devices.length; i++) {
    const devNum = devices[i].devNum
    if (devNum < window.offset) continue
    if (devNum < window.offset + count) deviceNumbers.push(devNum)
    else if (count > 0 && (nextOffset === 0 || devNum < nextOffset)) nextOffset = devNum // B48: beyond the window, so beyond offset
  }
  const response = options.alloc(GET_DEVICES_BASE_SIZE + ((count + 7) >> 3))
  encodeGetDevicesResponse(response, { offset: window.offset, nextOffset, count, deviceNumbers })
  return response
}
