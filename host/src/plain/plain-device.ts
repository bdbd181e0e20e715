// Our own device code behind the plain profile (docs/conform-your-own.md): the device's side of the bus without a VM,
// over memory that is really shared. `virtio-msg sim --listen plain:unix:PATH` serves it, and drivers of other
// implementations can be tried with it.
//
// To the device code an address is `area << 48 | offset`. In the plain profile it is an offset in the file, and both
// areas are the whole file. So SET_VQUEUE, GET_VQUEUE and the available chains are translated on their way.

import { type ByteBuf, getU16, getU32 } from "../../../shared-protocol/src/bytes.js"
import { DeviceBus } from "../../../shared-protocol/src/device/device-bus.js"
import type { DeviceChannel } from "../../../shared-protocol/src/device/device-channel.js"
import type { DeviceModel } from "../../../shared-protocol/src/device/device-model.js"
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
import { allocateBytes, type HostBytes, ownedCopyOf } from "../bytes.js"
import { drainArea } from "./drain-area.js"
import type { PlainWindow } from "./plain-peer.js"
import { workLoop } from "./work-loop.js"

/** Where a queue's three addresses are in SET_VQUEUE and in GET_VQUEUE's response, and which side writes each part. */
const ADDRESSES = [
  { at: HEADER_SIZE + 16, area: DRIVER_AREA },
  { at: HEADER_SIZE + 24, area: DRIVER_AREA },
  { at: HEADER_SIZE + 32, area: DEVICE_AREA },
] as const
const VQUEUE_FRAME_BYTES = HEADER_SIZE + 40
/** The highest two bytes of an address, where the device code looks for the area. */
const AREA_AT = 6
/** No area. An address outside the window must not look as if it were inside. */
const NO_AREA = 0xff

const IDENTITY = { board: "plain profile", firmwareVersion: [0, 0, 0, 0], hasSimulatedChips: true }

export interface PlainDeviceOptions {
  readonly models: readonly DeviceModel[]
  /** 0, 1, 2, ... when absent. */
  readonly deviceNumbers?: readonly number[]
  /** Bytes, at most MAX_AREA_SIZE: the device code relies on it. */
  readonly windowBytes: number
  /** Bytes, 52 to 65535. */
  readonly maxMessageSize: number
  readonly isStrict?: boolean
  /** Neither EVENT_AVAIL nor EVENT_USED is sent: somebody has to call `poll`. */
  readonly isPolling?: boolean
}

export class PlainDevice implements DeviceChannel {
  readonly bus: DeviceBus
  readonly incoming: HostBytes
  /** Every chain is walked anew, since nobody notes what the driver wrote. */
  readonly incomingNotes = undefined
  readonly outgoing: OutgoingArea
  onMessage: MessageHandler = () => {}
  epoch = 0
  /** Each message leaves at once. None waits for another. */
  readonly nextOut = 0
  readonly #options: PlainDeviceOptions
  readonly #window: PlainWindow
  readonly #send: (frame: Uint8Array) => void
  readonly #serve = workLoop(async () => {
    await this.bus.work()
    this.#writeChanges()
  })

  /** `send` receives the device's frames. */
  constructor(options: PlainDeviceOptions, window: PlainWindow, send: (frame: Uint8Array) => void) {
    this.#options = options
    this.#window = window
    this.#send = send
    this.incoming = allocateBytes(options.windowBytes)
    this.outgoing = new OutgoingArea(allocateBytes(options.windowBytes))
    this.bus = new DeviceBus({ ...options, alloc: allocateBytes, identity: IDENTITY }, this)
    this.bus.onWake = () => void this.#serve()
  }

  /** A driver has connected: resets every device. */
  connect(): void {
    this.epoch = (this.epoch % 0xfffe) + 1
    this.bus.reset()
    this.outgoing.clear()
  }

  /** A frame from the driver. Never throws on its bytes. */
  take(frame: Uint8Array): void {
    this.#readWindow()
    const isSetting = frame.length >= VQUEUE_FRAME_BYTES && ((frame[0] as number) & 3) === 0
    const request = ownedCopyOf(frame)
    if (isSetting && frame[1] === SET_VQUEUE) for (const { at, area } of ADDRESSES) putArea(request, at, area)
    this.onMessage(request, 0, request.length)
    void this.#serve()
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
    void this.#serve()
  }

  hasPending(): boolean {
    return false
  }

  /** A message from the device. What it announces is written first. */
  post(message: ByteBuf): void {
    this.#writeChanges()
    const frame = ownedCopyOf(message)
    const isBus = ((frame[0] as number) & TYPE_BUS) !== 0
    if (!isBus && frame[1] === EVENT_USED && this.#options.isPolling) return
    if (!isBus && frame[1] === GET_VQUEUE)
      for (const { at, area } of ADDRESSES) if (frame[at + AREA_AT] === area) frame[at + AREA_AT] = 0
    this.#send(frame)
  }

  /** Writes the device's changes to the file: a ring's index after everything else. */
  #writeChanges(): void {
    drainArea(this.outgoing, (offset, bytes) => this.#window.write(offset, bytes))
  }

  /** Copies the file into both mirrors, and translates the available chains. */
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

/** The chains that are available and were not taken yet. */
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

/**
 * Turns an offset in the file into an address of `area`. One that does not fit 16 bits becomes an address of no area;
 * then returns false.
 */
function putArea(bytes: Uint8Array, at: number, area: number): boolean {
  const isOffset = bytes.subarray(at + 2, at + 8).every((byte) => byte === 0)
  bytes[at + AREA_AT] = isOffset ? area : NO_AREA
  return isOffset
}
