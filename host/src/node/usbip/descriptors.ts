// The descriptors of a USB device (USB 2.0 9.6), made from a table of what it is.

/** The class of a device whose driver is chosen by vendor and product. */
export const CLASS_VENDOR = 0xff

/** As in the descriptor, without its address's direction bit for an interface's class. */
export interface UsbEndpoint {
  /** 0x80 set for a transfer to the computer. */
  readonly address: number
  readonly type: "bulk" | "interrupt"
  /** Bytes. */
  readonly maxPacketSize: number
  /** Milliseconds between polls of an interrupt endpoint. */
  readonly interval?: number
}

export interface UsbInterface {
  readonly class: number
  readonly subclass?: number
  readonly protocol?: number
  /** Descriptors of the class, between the interface's and its endpoints'. */
  readonly classDescriptors?: Uint8Array
  readonly endpoints?: readonly UsbEndpoint[]
}

export interface UsbDescription {
  readonly vendorId: number
  readonly productId: number
  /** Binary-coded decimal, as 0x0205 for 2.05. */
  readonly release: number
  readonly class: number
  readonly manufacturer: string
  readonly product: string
  readonly serialNumber: string
  readonly interfaces: readonly UsbInterface[]
}

const DEVICE = 1
const CONFIGURATION = 2
const STRING = 3
const INTERFACE = 4
const ENDPOINT = 5

/** Below 2.0, so that no host asks how the device would be at high speed. */
const USB_RELEASE = 0x0110
const CONTROL_PACKET_SIZE = 64
const BUS_POWERED = 0x80
/** In units of 2 mA. */
const POWER = 50
const ENGLISH = 0x0409
const TRANSFER_TYPES = { bulk: 2, interrupt: 3 } as const

/** The descriptor of that type and index; undefined when the device has none. */
export function descriptorOf(device: UsbDescription, type: number, index: number): Uint8Array | undefined {
  switch (type) {
    case DEVICE:
      return deviceDescriptor(device)
    case CONFIGURATION:
      return index === 0 ? configurationDescriptor(device) : undefined
    case STRING: {
      if (index === 0) return Uint8Array.of(4, STRING, ...le16(ENGLISH))
      const text = [device.manufacturer, device.product, device.serialNumber][index - 1]
      return text === undefined ? undefined : stringDescriptor(text)
    }
    default:
      return undefined
  }
}

function deviceDescriptor(device: UsbDescription): Uint8Array {
  return Uint8Array.of(
    ...[18, DEVICE, ...le16(USB_RELEASE), device.class, 0, 0, CONTROL_PACKET_SIZE],
    ...[...le16(device.vendorId), ...le16(device.productId), ...le16(device.release)],
    ...[1, 2, 3, 1], // the strings' numbers, and one configuration
  )
}

function configurationDescriptor({ interfaces }: UsbDescription): Uint8Array {
  const parts = interfaces.flatMap((each, number) => {
    const endpoints = each.endpoints ?? []
    return [
      ...[9, INTERFACE, number, 0, endpoints.length, each.class, each.subclass ?? 0, each.protocol ?? 0, 0],
      ...(each.classDescriptors ?? []),
      ...endpoints.flatMap(({ address, type, maxPacketSize, interval = 0 }) => [
        ...[7, ENDPOINT, address, TRANSFER_TYPES[type], ...le16(maxPacketSize), interval],
      ]),
    ]
  })
  const total = 9 + parts.length
  return Uint8Array.of(
    ...[9, CONFIGURATION, ...le16(total), interfaces.length, 1, 0, BUS_POWERED, POWER],
    ...parts,
  )
}

function stringDescriptor(text: string): Uint8Array {
  const characters = Buffer.from(text.slice(0, 126), "utf16le")
  return Uint8Array.of(2 + characters.length, STRING, ...characters)
}

function le16(value: number): [number, number] {
  return [value & 0xff, value >> 8]
}
