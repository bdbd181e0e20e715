// USB/IP's messages (Linux's Documentation/usb/usbip_protocol.rst), all numbers big-endian.
//
//   operations, before a device is imported:
//     version u16@0, code u16@2, status u32@4; an import asks for busid[32]@8
//   transfers, afterwards: a header of 48 bytes, then what an OUT submission or an IN answer carries
//     command u32@0, seqnum u32@4, devid u32@8, direction u32@12 (1 = IN), ep u32@16
//     submit:    flags u32@20, length s32@24, start frame s32@28, number of packets s32@32, interval s32@36, setup[8]@40
//     unlink:    seqnum of the submission u32@20
//     answers:   status s32@20, and of a submission: actual length s32@24, start frame, number of packets, errors

import type { UsbDescription } from "./descriptors.js"
import type { Setup } from "./gadget.js"

export const VERSION = 0x0111
export const OP_SIZE = 8
export const OP_REQUEST_LIST = 0x8005
export const OP_REPLY_LIST = 0x0005
export const OP_REQUEST_IMPORT = 0x8003
export const OP_REPLY_IMPORT = 0x0003
export const BUSID_SIZE = 32
export const OP_STATUS_OK = 0
export const OP_STATUS_BUSY = 2
export const OP_STATUS_NO_DEVICE = 4

export const URB_SIZE = 48
export const SUBMIT = 1
export const UNLINK = 2
const RETURN_SUBMIT = 3
const RETURN_UNLINK = 4
export const DIRECTION_IN = 1

/** As Linux numbers them, negative: a stall, and a transfer that was taken back. */
export const STATUS_STALL = -32
export const STATUS_UNLINKED = -104

export const SPEED_FULL = 2
const NO_PACKETS = 0xffffffff
const PATH_SIZE = 256
const DEVICE_SIZE = 312
const INTERFACE_SIZE = 4

/** A device that others can import, with its place on the bus that we play. */
export interface ExportedAt {
  readonly busNumber: number
  readonly deviceNumber: number
}

export interface Submission {
  readonly command: typeof SUBMIT
  readonly seqnum: number
  readonly direction: number
  readonly endpoint: number
  readonly length: number
  readonly setup: Setup
}

export interface Unlinking {
  readonly command: typeof UNLINK
  readonly seqnum: number
  /** Of the submission. */
  readonly unlinked: number
}

/** Reads a header of 48 bytes; undefined for one that no client sends. */
export function readUrb(header: DataView): Submission | Unlinking | undefined {
  const command = header.getUint32(0)
  const seqnum = header.getUint32(4)
  if (command === UNLINK) return { command, seqnum, unlinked: header.getUint32(20) }
  const direction = header.getUint32(12)
  const endpoint = header.getUint32(16)
  const length = header.getInt32(24)
  if (command !== SUBMIT || direction > DIRECTION_IN || endpoint > 15 || length < 0) return undefined
  const setup: Setup = {
    requestType: header.getUint8(40),
    request: header.getUint8(41),
    value: header.getUint16(42, true),
    index: header.getUint16(44, true),
    length: header.getUint16(46, true),
  }
  return { command, seqnum, direction, endpoint, length, setup }
}

/** `data` is what an IN transfer brings. `length` is how much an OUT transfer took. */
export function writeSubmitAnswer(
  seqnum: number,
  status: number,
  length: number,
  data: Uint8Array | undefined,
): Uint8Array {
  const answer = Buffer.alloc(URB_SIZE + (data?.length ?? 0))
  answer.writeUInt32BE(RETURN_SUBMIT, 0)
  answer.writeUInt32BE(seqnum, 4)
  answer.writeInt32BE(status, 20)
  answer.writeInt32BE(length, 24)
  answer.writeUInt32BE(NO_PACKETS, 32)
  if (data) answer.set(data, URB_SIZE)
  return answer
}

export function writeUnlinkAnswer(seqnum: number, status: number): Uint8Array {
  const answer = Buffer.alloc(URB_SIZE)
  answer.writeUInt32BE(RETURN_UNLINK, 0)
  answer.writeUInt32BE(seqnum, 4)
  answer.writeInt32BE(status, 20)
  return answer
}

/** The bus id by which a client names the device, as `1-1`. */
export function busIdOf({ busNumber, deviceNumber }: ExportedAt): string {
  return `${busNumber}-${deviceNumber}`
}

/** As in every header of the device's transfers, and in vhci's attach file. */
export function deviceIdOf({ busNumber, deviceNumber }: ExportedAt): number {
  return (busNumber << 16) | deviceNumber
}

export function writeListReply(devices: readonly (readonly [ExportedAt, UsbDescription])[]): Uint8Array {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(devices.length)
  return Buffer.concat([
    operationReply(OP_REPLY_LIST, OP_STATUS_OK),
    count,
    ...devices.flatMap(([at, device]) => [describe(at, device), describeInterfaces(device)]),
  ])
}

/** Without a device: it cannot be imported, and `status` says why. */
export function writeImportReply(
  status: number,
  exported?: readonly [ExportedAt, UsbDescription],
): Uint8Array {
  const reply = operationReply(OP_REPLY_IMPORT, status)
  return exported ? Buffer.concat([reply, describe(...exported)]) : reply
}

function operationReply(code: number, status: number): Buffer {
  const reply = Buffer.alloc(OP_SIZE)
  reply.writeUInt16BE(VERSION, 0)
  reply.writeUInt16BE(code, 2)
  reply.writeUInt32BE(status, 4)
  return reply
}

/**
 *     path[256]@0, busid[32]@256, bus u32@288, device u32@292, speed u32@296, vendor u16@300, product u16@302,
 *     release u16@304, class, subclass, protocol, chosen configuration, configurations, interfaces: u8@306 to 311
 */
function describe(at: ExportedAt, device: UsbDescription): Buffer {
  const bytes = Buffer.alloc(DEVICE_SIZE)
  bytes.write(`/virtio-msg/${busIdOf(at)}`, 0, "latin1")
  bytes.write(busIdOf(at), PATH_SIZE, "latin1")
  bytes.writeUInt32BE(at.busNumber, 288)
  bytes.writeUInt32BE(at.deviceNumber, 292)
  bytes.writeUInt32BE(SPEED_FULL, 296)
  bytes.writeUInt16BE(device.vendorId, 300)
  bytes.writeUInt16BE(device.productId, 302)
  bytes.writeUInt16BE(device.release, 304)
  bytes[306] = device.class
  bytes[309] = 1
  bytes[310] = 1
  bytes[311] = device.interfaces.length
  return bytes
}

function describeInterfaces(device: UsbDescription): Buffer {
  return Buffer.concat(
    device.interfaces.map((each) => {
      const bytes = Buffer.alloc(INTERFACE_SIZE)
      bytes.set([each.class, each.subclass ?? 0, each.protocol ?? 0])
      return bytes
    }),
  )
}
