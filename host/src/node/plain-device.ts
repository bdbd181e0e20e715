// Our own device code behind the plain profile (docs/conform-your-own.md): the device side of the bus, natively, over
// memory that is really shared. What `virtio-msg sim --listen plain:unix:PATH` serves, and a peer for other drivers.
//
// The device code knows addresses as `area << 48 | offset`; here an address is an offset in the file, and both areas
// are all of it: SET_VQUEUE, GET_VQUEUE and the chains that are available are translated on their way.

import { type ByteBuf, getU16, getU32 } from "../../../shared-protocol/src/bytes.js"
import { DeviceBus } from "../../../shared-protocol/src/device/device-bus.js"
import type { DeviceChannel } from "../../../shared-protocol/src/device/device-channel.js"
import type { DeviceType } from "../../../shared-protocol/src/device/device-type.js"
import type { MessageHandler } from "../../../shared-protocol/src/mailbox/mailbox.js"
import { OutgoingArea } from "../../../shared-protocol/src/mailbox/outgoing-area.js"
import { EVENT_AVAIL_SIZE, encodeEventAvail } from "../../../shared-protocol/src/messages/events.js"
import { HEADER_SIZE, TYPE_BUS } from "../../../shared-protocol/src/messages/header.js"
import { EVENT_USED, GET_VQUEUE, SET_VQUEUE } from "../../../shared-protocol/src/messages/ids.js"
import type { DeviceRing } from "../../../shared-protocol/src/ring/device-ring.js"
import {
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_WRITE,
  DEVICE_AREA,
  DRIVER_AREA,
} from "../../../shared-protocol/src/ring/layout.js"
import { allocateBytes, type HostBytes } from "../bytes.js"

/** Where a queue's three addresses stand in SET_VQUEUE and in GET_VQUEUE's response, and whose part each is. */
const ADDRESSES = [
  { at: HEADER_SIZE + 16, area: DRIVER_AREA },
  { at: HEADER_SIZE + 24, area: DRIVER_AREA },
  { at: HEADER_SIZE + 32, area: DEVICE_AREA },
] as const
const VQUEUE_FRAME_BYTES = HEADER_SIZE + 40
/** Of an address: its highest two bytes, where the device code looks for the area. */
const AREA_AT = 6
/** No area: what is not in the window must not look as if it were. */
const NO_AREA = 0xff

const IDENTITY = { board: "plain profile", firmwareVersion: [0, 0, 0, 0], hasSimulatedChips: true }

/** What both sides see; bytes outside read as 0, and writing there does nothing. */
export interface PlainWindow {
  read(offset: number, lengthBytes: number): Uint8Array
  write(offset: number, bytes: Uint8Array): void
}

export interface PlainDeviceOptions {
  readonly types: readonly DeviceType[]
  /** 0, 1, 2, ... when absent. */
  readonly deviceNumbers?: readonly number[]
  /** Bytes, at most MAX_AREA_SIZE: the device code counts on it. */
  readonly windowBytes: number
  /** Bytes, 52 to 65535. */
  readonly maxMessageSize: number
  readonly isStrict?: boolean
  /** Neither EVENT_AVAIL nor EVENT_USED: somebody calls `poll`. */
  readonly isPolling?: boolean
}

export class PlainDevice implements DeviceChannel {
  readonly bus: DeviceBus
  readonly incoming: HostBytes
  /** Every chain is walked anew: nobody says what the driver wrote. */
  readonly incomingVersions = undefined
  readonly outgoing: OutgoingArea
  onMessage: MessageHandler = () => {}
  epoch = 0
  /** Each message leaves at once: none waits for another. */
  readonly nextOut = 0
  readonly #options: PlainDeviceOptions
  readonly #window: PlainWindow
  readonly #send: (frame: Uint8Array) => void
  #isWorking = false
  #isMoreToDo = false

  /** `send` takes the device's frames. */
  constructor(options: PlainDeviceOptions, window: PlainWindow, send: (frame: Uint8Array) => void) {
    this.#options = options
    this.#window = window
    this.#send = send
    this.incoming = allocateBytes(options.windowBytes)
    this.outgoing = new OutgoingArea(allocateBytes(options.windowBytes))
    this.bus = new DeviceBus({ ...options, alloc: allocateBytes, identity: IDENTITY }, this)
    this.bus.onWake = () => void this.#work()
  }

  /** A driver connected: every device is reset. */
  connect(): void {
    this.epoch = (this.epoch % 0xfffe) + 1
    this.bus.reset()
    this.outgoing.clear()
  }

  /** A frame from the driver. Never throws on its bytes. */
  take(frame: Uint8Array): void {
    this.#readWindow()
    const isSetting = frame.length >= VQUEUE_FRAME_BYTES && ((frame[0] as number) & 3) === 0
    const request = bytesOf(frame)
    if (isSetting && frame[1] === SET_VQUEUE) for (const { at, area } of ADDRESSES) putArea(request, at, area)
    this.onMessage(request, 0, request.length)
    void this.#work()
  }

  /** Looks for buffers that were made available without a notification. */
  poll(): void {
    this.#readWindow()
    for (const device of this.bus.devices) {
      if (!device.isLive()) continue
      for (const [index, ring] of device.queues.rings.entries()) {
        if (!ring.enabled || ring.pending() === 0) continue
        const event = allocateBytes(EVENT_AVAIL_SIZE)
        encodeEventAvail(event, device.devNum, { vqIndex: index, nextOffset: 0 })
        this.onMessage(event, 0, event.length)
      }
    }
    void this.#work()
  }

  hasPending(): boolean {
    return false
  }

  /** A message of the device's, behind what it announces. */
  post(message: ByteBuf): void {
    this.#writeChanges()
    const frame = bytesOf(message)
    const isBus = ((frame[0] as number) & TYPE_BUS) !== 0
    if (!isBus && frame[1] === EVENT_USED && this.#options.isPolling) return
    if (!isBus && frame[1] === GET_VQUEUE)
      for (const { at, area } of ADDRESSES) if (frame[at + AREA_AT] === area) frame[at + AREA_AT] = 0
    this.#send(frame)
  }

  /** Serves what was announced; one run of it at a time, like the firmware's fiber. */
  async #work(): Promise<void> {
    this.#isMoreToDo = true
    if (this.#isWorking) return
    this.#isWorking = true
    while (this.#isMoreToDo) {
      this.#isMoreToDo = false
      await this.bus.work()
      this.#writeChanges()
    }
    this.#isWorking = false
  }

  /** What the device wrote goes into the file: a ring's index behind everything else. */
  #writeChanges(): void {
    const { outgoing } = this
    const bytes = outgoing.bytes as HostBytes
    const write = (offset: number, length: number) =>
      this.#window.write(offset, bytes.slice(offset, offset + length))
    for (let n = outgoing.dirtyFirst; n < outgoing.dirtyEnd; n++)
      write(outgoing.dirtyOffsets[n] as number, outgoing.dirtyLengths[n] as number)
    for (let n = 0; n < outgoing.indexCount; n++) write(outgoing.indexOffsets[n] as number, 2)
    outgoing.dirtyFirst = 0
    outgoing.dirtyEnd = 0
    outgoing.indexCount = 0
  }

  /** Both mirrors become what the file is, with the available chains translated. */
  #readWindow(): void {
    this.#writeChanges()
    const bytes = this.#window.read(0, this.#options.windowBytes)
    const mirror = this.incoming
    mirror.set(bytes)
    ;(this.outgoing.bytes as HostBytes).set(bytes)
    const translated = new Set<number>()
    for (const device of this.bus.devices)
      for (const ring of device.queues.rings) if (ring.enabled) translateAvailable(mirror, ring, translated)
  }
}

/** The chains that are available and not yet taken. */
function translateAvailable(mirror: HostBytes, ring: DeviceRing, translated: Set<number>): void {
  const pending = ring.pending()
  if (pending > ring.size) return
  const idx = getU16(mirror, ring.avail + 2)
  for (let n = pending; n > 0; n--) {
    const slot = ring.avail + 4 + 2 * ((idx - n) & (ring.size - 1))
    translateChain(mirror, ring.desc, ring.size, getU16(mirror, slot), translated)
  }
}

function translateChain(
  mirror: HostBytes,
  table: number,
  limit: number,
  head: number,
  translated: Set<number>,
): void {
  for (let index = head; index < limit; ) {
    const at = table + DESCRIPTOR_SIZE * index
    if (at + DESCRIPTOR_SIZE > mirror.length || translated.has(at)) return
    translated.add(at)
    const flags = getU16(mirror, at + 12)
    const isTable = (flags & DESCRIPTOR_INDIRECT) !== 0
    const isInside = putArea(mirror, at, flags & DESCRIPTOR_WRITE && !isTable ? DEVICE_AREA : DRIVER_AREA)
    if (isTable && isInside)
      translateChain(mirror, getU32(mirror, at), getU32(mirror, at + 8) >> 4, 0, translated)
    if ((flags & DESCRIPTOR_NEXT) === 0) return
    index = getU16(mirror, at + 14)
  }
}

/** Makes an offset in the file an address of `area`; false, and an address of no area, for one that does not fit 16 bits. */
function putArea(bytes: Uint8Array, at: number, area: number): boolean {
  const isOffset = bytes.subarray(at + 2, at + 8).every((byte) => byte === 0)
  bytes[at + AREA_AT] = isOffset ? area : NO_AREA
  return isOffset
}

function bytesOf(source: ArrayLike<number>): HostBytes {
  const bytes = allocateBytes(source.length)
  bytes.set(source)
  return bytes
}
