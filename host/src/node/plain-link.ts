// Our driver on the plain profile: the far end of the mailbox played in this process. Spans from the driver are
// written to the shared file, messages go out as plain frames, and what the device wrote to the file comes back as
// spans (docs/conform-your-own.md).

import { getU16, getU32 } from "../../../shared-protocol/src/bytes.js"
import { Mailbox } from "../../../shared-protocol/src/mailbox/mailbox.js"
import {
  DEVICE_CREDIT,
  HOST_CREDIT,
  MAX_AREA_SIZE,
  MAX_MESSAGE_SIZE,
  PACKET_CONNECT,
} from "../../../shared-protocol/src/mailbox/packet.js"
import { PROTOCOL_HASH } from "../../../shared-protocol/src/mailbox/protocol-hash.js"
import { EVENT_USED_SIZE, encodeEventUsed } from "../../../shared-protocol/src/messages/events.js"
import { getToken, HEADER_SIZE, putToken, TYPE_BUS } from "../../../shared-protocol/src/messages/header.js"
import {
  BUS_VERSION,
  encodeHelloResponse,
  HELLO_RESPONSE_SIZE,
} from "../../../shared-protocol/src/messages/hello.js"
import {
  EVENT_AVAIL,
  HELLO,
  SET_DEVICE_STATUS,
  SET_VQUEUE,
} from "../../../shared-protocol/src/messages/ids.js"
import {
  SET_VQUEUE_REQUEST_SIZE,
  VQUEUE_ENABLE,
  VQUEUE_OPERATION_MASK,
} from "../../../shared-protocol/src/messages/vqueue.js"
import type { WindowBases } from "../../../shared-protocol/src/ring/layout.js"
import { allocateBytes, type HostBytes } from "../bytes.js"
import { type Clock, systemClock, type Timer } from "../clock.js"
import type { Link, LinkEvents } from "../link/link.js"
import { PlainConnection, type PlainEvents, type PlainPeer } from "./plain-connection.js"

/** How often the used rings are looked at on a bus without notifications. */
const POLL_MS = 5
/** Payload offsets of SET_VQUEUE. */
const SET_VQUEUE_FLAGS = HEADER_SIZE + 4
const SET_VQUEUE_DEVICE = HEADER_SIZE + 32

export class PlainLink implements Link {
  readonly name: string
  readonly isSimulated = true
  /** Frames that were too long for a mailbox packet. */
  oversizedCount = 0
  readonly #open: (events: PlainEvents) => Promise<PlainPeer>
  #connection: PlainPeer | undefined
  #events: LinkEvents | undefined
  #mailbox: Mailbox | undefined
  /** The driver's area as it stands in the file. */
  #written = allocateBytes(0)
  #areaSize = 0
  /** While a connection is replaced by a new one, packets wait. */
  #opening: Promise<void> | undefined
  /** Enabled queues, by device and index, on a bus without notifications: where the used ring is, and its last index. */
  readonly #polled = new Map<string, PolledQueue>()
  #pollTimer: Timer | undefined
  readonly #clock: Clock

  /** To the device that listens at `name`, or to what `open` makes. */
  constructor(
    name: string,
    open = (events: PlainEvents): Promise<PlainPeer> => PlainConnection.open(name, events),
    clock: Clock = systemClock,
  ) {
    this.name = name
    this.#open = open
    this.#clock = clock
  }

  /** An address is an offset in the file: its first half is the driver's, the second the device's. */
  get windowBases(): WindowBases {
    return { driver: { low: 0, high: 0 }, device: { low: this.#areaSize, high: 0 } }
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events
    await this.#connect()
  }

  send(packet: Uint8Array): void {
    const mailbox = this.#mailbox
    if (!mailbox) return
    if (((packet[0] as number) & PACKET_CONNECT) !== 0) {
      const epoch = getU16(packet, 1)
      if (epoch !== mailbox.epoch) {
        const isFirst = mailbox.epoch === 0
        mailbox.begin(epoch)
        // a new epoch is a new bus: on the plain profile, a new connection
        if (!isFirst) this.#opening = this.#reconnect()
      } else mailbox.requestResend()
    }
    if (this.#opening) void this.#opening.then(() => this.#receive(packet))
    else this.#receive(packet)
  }

  async close(): Promise<void> {
    this.#pollTimer?.cancel()
    this.#events = undefined
    this.#mailbox = undefined
    await this.#connection?.close()
    this.#connection = undefined
  }

  async #connect(): Promise<void> {
    const connection = await this.#open({
      onFrame: (frame) => this.#takeFrame(frame),
      onClose: (reason) => {
        if (this.#connection === connection || !this.#connection) this.#events?.onClose(reason)
      },
    })
    this.#connection = connection
    this.#polled.clear()
    this.#pollTimer?.cancel()
    if (connection.greeting.isPolling) this.#pollLater()
    this.#areaSize = Math.min(MAX_AREA_SIZE, Math.floor(connection.greeting.windowBytes / 32) * 16)
    // what a driver before left there is overwritten: an epoch begins with an area of zeros
    this.#written = allocateBytes(this.#areaSize)
    this.#written.set(connection.window.read(0, this.#areaSize))
    if (this.#mailbox) return
    this.#mailbox = new Mailbox({
      alloc: allocateBytes,
      outgoingSize: this.#areaSize,
      incomingSize: this.#areaSize,
      credit: HOST_CREDIT,
    })
    this.#mailbox.onMessage = (packet, offset, length) =>
      this.#takeMessage((packet as Uint8Array).slice(offset, offset + length))
  }

  async #reconnect(): Promise<void> {
    const old = this.#connection
    this.#connection = undefined
    await old?.close()
    try {
      await this.#connect()
    } catch (error) {
      this.#events?.onClose(error instanceof Error ? error : undefined)
    }
    this.#opening = undefined
  }

  #receive(packet: Uint8Array): void {
    this.#mailbox?.receive(packet)
    this.#writeChanges()
    this.#flush()
  }

  /** A message of the driver's: HELLO is answered here, everything else goes to the device. */
  #takeMessage(frame: Uint8Array): void {
    this.#writeChanges() // what the message announces is there before it
    const isHello =
      frame.length >= HEADER_SIZE && ((frame[0] as number) & TYPE_BUS) !== 0 && frame[1] === HELLO
    if (isHello) this.#answerHello(frame)
    else if (this.#connection?.greeting.isPolling && isTransport(frame, EVENT_AVAIL)) {
      // the device looks by itself: no notification may show (B40)
    } else {
      this.#notePolled(frame)
      this.#initialiseUsedRing(frame)
      this.#connection?.send(frame)
    }
  }

  #answerHello(request: Uint8Array): void {
    const { greeting } = this.#connection ?? {}
    if (!greeting || !this.#mailbox) return
    const response = allocateBytes(HELLO_RESPONSE_SIZE)
    encodeHelloResponse(response, {
      protocolHash: PROTOCOL_HASH,
      busVersion: BUS_VERSION,
      maxMessageSize: Math.min(MAX_MESSAGE_SIZE, greeting.maxMessageSize),
      revision: greeting.revision,
      transportFeatures: greeting.transportFeatures,
      driverAreaSize: this.#areaSize,
      deviceAreaSize: this.#areaSize,
      epoch: this.#mailbox.epoch,
      receiveCredit: DEVICE_CREDIT,
      hasSimulatedChips: true,
      firmwareVersion: [0, 0, 0, 0],
      board: "plain profile",
    })
    putToken(response, getToken(request))
    this.#mailbox.post(response)
  }

  /** On this profile the driver clears the used ring that it hands over (virtio 1.4 2.7.10). */
  #initialiseUsedRing(frame: Uint8Array): void {
    if (frame.length < SET_VQUEUE_REQUEST_SIZE || frame[0] !== 0 || frame[1] !== SET_VQUEUE) return
    if ((getU32(frame, SET_VQUEUE_FLAGS) & VQUEUE_OPERATION_MASK) !== VQUEUE_ENABLE) return
    this.#connection?.window.write(getU32(frame, SET_VQUEUE_DEVICE), new Uint8Array(4))
    this.#readChanges()
  }

  /** Which used rings there are to look at. */
  #notePolled(frame: Uint8Array): void {
    if (!this.#connection?.greeting.isPolling) return
    const devNum = getU16(frame, 2)
    if (isTransport(frame, SET_DEVICE_STATUS) && getU32(frame, HEADER_SIZE) === 0)
      for (const [key, queue] of this.#polled) if (queue.devNum === devNum) this.#polled.delete(key)
    if (!isTransport(frame, SET_VQUEUE) || frame.length < SET_VQUEUE_REQUEST_SIZE) return
    const vqIndex = getU32(frame, HEADER_SIZE)
    const usedIdxAt = getU32(frame, SET_VQUEUE_DEVICE) + 2
    this.#polled.set(`${devNum}:${vqIndex}`, { devNum, vqIndex, usedIdxAt, usedIdx: 0 })
  }

  #pollLater(): void {
    this.#pollTimer = this.#clock.schedule(POLL_MS, () => {
      this.#poll()
      if (this.#connection) this.#pollLater()
    })
  }

  /** Looks at the used rings, and tells the driver as if the device had (D33). */
  #poll(): void {
    for (const queue of this.#polled.values()) {
      const bytes = this.#connection?.window.read(queue.usedIdxAt, 2)
      if (!bytes || getU16(bytes, 0) === queue.usedIdx) continue
      queue.usedIdx = getU16(bytes, 0)
      const event = allocateBytes(EVENT_USED_SIZE)
      encodeEventUsed(event, queue.devNum, queue.vqIndex)
      this.#takeFrame(event)
    }
  }

  #takeFrame(frame: Uint8Array): void {
    if (frame.length > MAX_MESSAGE_SIZE || !this.#mailbox) {
      this.oversizedCount++
      return
    }
    this.#readChanges()
    this.#mailbox.post(frame)
    this.#flush()
  }

  #writeChanges(): void {
    const area = this.#mailbox?.incoming as HostBytes | undefined
    if (!area || !this.#connection) return
    const [first, last] = differing(area, this.#written)
    if (first > last) return
    const bytes = area.slice(first, last + 1)
    this.#connection.window.write(first, bytes)
    this.#written.set(bytes, first)
  }

  #readChanges(): void {
    if (!this.#mailbox || !this.#connection) return
    const { outgoing } = this.#mailbox
    const now = this.#connection.window.read(this.#areaSize, this.#areaSize)
    const [first, last] = differing(now, outgoing.bytes as HostBytes)
    for (let i = first; i <= last; i++) outgoing.put8(i, now[i] as number)
  }

  #flush(): void {
    const mailbox = this.#mailbox
    if (!mailbox) return
    for (let packet = mailbox.nextPacket(); packet; packet = mailbox.nextPacket())
      this.#events?.onPacket(Uint8Array.from(packet as unknown as Uint8Array))
    if (mailbox.unacknowledgedIn > 0) this.#events?.onPacket(mailbox.barePacket(0) as unknown as Uint8Array)
  }
}

interface PolledQueue {
  readonly devNum: number
  readonly vqIndex: number
  /** Offset in the file. */
  readonly usedIdxAt: number
  usedIdx: number
}

function isTransport(frame: Uint8Array, msgId: number): boolean {
  return frame.length >= HEADER_SIZE && frame[0] === 0 && frame[1] === msgId
}

/** The first and the last place where two runs of the same length differ; [0, -1] where they do not. */
function differing(a: Uint8Array, b: Uint8Array): [first: number, last: number] {
  if (Buffer.compare(a, b) === 0) return [0, -1]
  let first = 0
  while (first < a.length && a[first] === b[first]) first++
  let last = a.length - 1
  while (last > first && a[last] === b[last]) last--
  return [first, last]
}
