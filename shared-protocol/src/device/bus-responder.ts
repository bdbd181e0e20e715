// The bus's side of the device end: HELLO, GET_DEVICES and PING (virtio-msg "Bus Messages", B1, B43 to B50).

import type { Allocator, ByteBuf } from "../bytes.js"
import type { Mailbox } from "../mailbox/mailbox.js"
import { DEVICE_CREDIT } from "../mailbox/packet.js"
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

export interface BoardIdentity {
  /** At most 32 ASCII characters. */
  readonly board: string
  /** Major, minor, patch, 0. */
  readonly firmwareVersion: readonly number[]
  readonly hasSimulatedChips: boolean
}

export interface BusResponderOptions {
  readonly alloc: Allocator
  readonly mailbox: Mailbox
  readonly identity: BoardIdentity
  readonly maxMessageSize: number
  readonly isStrict: boolean
}

export class BusResponder {
  /** Of the devices that are plugged in. */
  deviceNumbers: number[] = []
  private readonly options: BusResponderOptions

  constructor(options: BusResponderOptions) {
    this.options = options
  }

  /** The response to a bus request, token still 0; undefined for one that is malformed or unknown (B19). */
  answer(msgId: number, request: ByteBuf): ByteBuf | undefined {
    if (msgId === HELLO) return this.hello(request)
    if (msgId === GET_DEVICES) return this.getDevices(request)
    if (msgId === PING) {
      const decoded = decodePingRequest(request)
      if (decoded.ok === false) return undefined
      const response = this.options.alloc(PING_SIZE)
      encodePingResponse(response, decoded.value)
      return response
    }
    return undefined
  }

  private hello(request: ByteBuf): ByteBuf | undefined {
    const decoded = decodeHelloRequest(request)
    if (decoded.ok === false) return undefined
    const options = this.options
    const response = options.alloc(HELLO_RESPONSE_SIZE)
    encodeHelloResponse(response, {
      protocolHash: PROTOCOL_HASH,
      busVersion: BUS_VERSION,
      maxMessageSize: options.maxMessageSize,
      revision: TRANSPORT_REVISION,
      transportFeatures: options.isStrict ? TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION : 0,
      driverAreaSize: options.mailbox.incoming.length,
      deviceAreaSize: options.mailbox.outgoing.bytes.length,
      epoch: options.mailbox.epoch,
      receiveCredit: DEVICE_CREDIT,
      hasSimulatedChips: options.identity.hasSimulatedChips,
      firmwareVersion: options.identity.firmwareVersion,
      board: options.identity.board,
    })
    return response
  }

  private getDevices(request: ByteBuf): ByteBuf | undefined {
    const decoded = decodeGetDevicesRequest(request)
    if (decoded.ok === false) return undefined
    const options = this.options
    const window = decoded.value
    const most = (options.maxMessageSize - GET_DEVICES_BASE_SIZE) * 8
    let count = window.count <= most ? window.count : most // B45, B49
    if (window.offset + count > 0x10000) count = 0x10000 - window.offset
    const deviceNumbers: number[] = []
    let nextOffset = 0 // B47
    for (let i = 0; i < this.deviceNumbers.length; i++) {
      const devNum = this.deviceNumbers[i]
      if (devNum < window.offset) continue
      if (devNum < window.offset + count) deviceNumbers.push(devNum)
      else if (count > 0 && (nextOffset === 0 || devNum < nextOffset)) nextOffset = devNum // B48: beyond the window, so beyond offset
    }
    const response = options.alloc(GET_DEVICES_BASE_SIZE + ((count + 7) >> 3))
    encodeGetDevicesResponse(response, { offset: window.offset, nextOffset, count, deviceNumbers })
    return response
  }
}
