// A driver that means harm, or knows no better: it speaks the link's language, so that its packets are taken, and puts
// anything into them. What the device must do: answer or stay silent, ask for a reset at the most, and serve the next
// honest driver.

import { allocateBytes } from "../../host/src/bytes.js"
import * as p from "../../shared-protocol/src/index.js"

/** The way to a device: natively, or through the VM. */
export interface DeviceWire {
  send(packet: Uint8Array): void
  /** Lets the device do all that it has to do; its packets come to `onPacket` meanwhile. */
  settle(): Promise<void>
  onPacket: (packet: Uint8Array) => void
  /** Why the device can be trusted no more: a panic, an exception; "" as long as there was none. */
  readonly failure: string
}

export const AREA_SIZE = 8192
/** Each of eight queues (device 0 to 3, two each) has a place of its own; buffers lie behind. */
const QUEUES_PER_DEVICE = 2
const DESC = 0x100
const DESC_STRIDE = 0x100
const AVAIL = 0xa00
const AVAIL_STRIDE = 0x40
const USED = 0x10
const USED_STRIDE = 0xa0
const SMALL_QUEUE = 16
/** A queue as large as I2C has it, over all the small ones. */
const LARGE_QUEUE = 256
const LARGE_AVAIL = 0x1200
export const DRIVER_BUFFERS = 0x1600
export const DEVICE_BUFFERS = 0xc00
/** A simulated RAM: whom an honest driver reads in the end. What is in it a hostile one may have changed by right. */
const RAM_ADDRESS = 0x54

export class HostileDriver {
  readonly mailbox = new p.Mailbox({
    alloc: allocateBytes,
    outgoingSize: AREA_SIZE,
    incomingSize: AREA_SIZE,
    credit: 6,
  })
  /** What every packet acknowledges, as if nothing came any more; -1: what has come. */
  #frozenAt = -1

  readonly #wire: DeviceWire
  #epoch = 0
  #responses: Uint8Array[] = []
  #isLarge = false

  constructor(wire: DeviceWire) {
    this.#wire = wire
    this.mailbox.onMessage = (packet, offset, length) => {
      const frame = (packet as Uint8Array).slice(offset, offset + length)
      if (((frame[0] as number) & p.TYPE_RESPONSE) !== 0) this.#responses.push(frame)
    }
    wire.onPacket = (packet) => {
      const result = this.mailbox.receive(packet)
      if (result === p.RECEIVED_MALFORMED) throw new Error(`the device sent a malformed packet: ${packet}`)
    }
  }

  get failure(): string {
    return this.#wire.failure
  }

  /** Starts an epoch, as a host that has just begun. */
  async connect(): Promise<void> {
    this.#epoch = (this.#epoch % 0xfff0) + 1
    this.#frozenAt = -1
    this.mailbox.connect(this.#epoch)
    const hello = allocateBytes(p.HELLO_REQUEST_SIZE)
    p.encodeHelloRequest(hello, { protocolHash: p.PROTOCOL_HASH, busVersion: p.BUS_VERSION })
    await this.exchange(hello)
  }

  /** Sends what is due, with these messages, and lets the device work. */
  async exchange(...messages: Uint8Array[]): Promise<void> {
    for (const message of messages) this.mailbox.post(message)
    // a device that is full, or holds back what we do not acknowledge, leaves some of it here: so be it
    for (let round = 0; round < 6; round++) {
      let isSent = false
      for (let packet = this.mailbox.nextPacket(); packet; packet = this.mailbox.nextPacket()) {
        this.#send(Uint8Array.from(packet as unknown as Uint8Array))
        isSent = true
      }
      await this.#wire.settle()
      if (this.#frozenAt < 0 && this.mailbox.unacknowledgedIn > 0)
        this.#send(Uint8Array.from(this.mailbox.barePacket(0) as unknown as Uint8Array))
      else if (!isSent) break
    }
    // what it was refused stays behind: the next epoch forgets it
  }

  /** Acknowledges nothing from now on, until the next epoch. */
  silence(): void {
    this.#frozenAt = this.mailbox.barePacket(0)[4] as number
  }

  #send(packet: Uint8Array): void {
    if (this.#frozenAt >= 0) packet[4] = this.#frozenAt
    this.#wire.send(packet)
  }

  /** Sends a packet as it is; with the right epoch and sequence in it if it is to be taken. */
  async raw(bytes: Uint8Array, isOurs: boolean): Promise<void> {
    const packet = bytes.slice(0, p.MAX_PACKET_SIZE)
    if (isOurs && packet.length >= p.PACKET_HEADER_SIZE) {
      this.mailbox.post(packet.subarray(0, 0)) // the mailbox counts it as its own
      const counted = this.mailbox.nextPacket()
      if (!counted) return
      packet.set((counted as unknown as Uint8Array).subarray(0, p.PACKET_HEADER_SIZE))
    }
    this.#wire.send(packet)
    await this.#wire.settle()
  }

  /** Where queue `queue` of device `dev` lies. */
  place(dev: number, queue: number, isLarge = this.#isLarge) {
    const slot = (dev * QUEUES_PER_DEVICE + queue) & 7
    if (isLarge) return { size: LARGE_QUEUE, desc: DESC, avail: LARGE_AVAIL, used: USED }
    return {
      size: SMALL_QUEUE,
      desc: DESC + DESC_STRIDE * slot,
      avail: AVAIL + AVAIL_STRIDE * slot,
      used: USED + USED_STRIDE * slot,
    }
  }

  /** Brings a device to DRIVER_OK with its queues in their places, all by the rules. */
  async initialise(dev: number, isLarge: boolean, hasIndirect = true): Promise<void> {
    this.#isLarge = isLarge && dev === 0
    const status = (value: number) => frameOf((frame) => p.encodeSetDeviceStatusRequest(frame, dev, value))
    const features = frameOf((frame) =>
      p.encodeSetDriverFeaturesRequest(frame, dev, {
        blockIndex: 0,
        numBlocks: 2,
        features: [
          (hasIndirect ? p.FEATURE_INDIRECT_DESC : 0) | 1,
          p.FEATURE_VERSION_1_BLOCK1 | p.FEATURE_RING_RESET_BLOCK1,
        ],
      }),
    )
    await this.exchange(status(0))
    // rings begin at 0, whatever was written there before
    for (let queue = 0; queue < QUEUES_PER_DEVICE; queue++) this.#clear(dev, queue)
    await this.exchange(status(3), features, status(11))
    const queues = Array.from({ length: QUEUES_PER_DEVICE }, (_, queue) => this.#setQueue(dev, queue))
    await this.exchange(...queues, status(15))
  }

  /** Writes a descriptor as raw as it gets. */
  describe(dev: number, queue: number, index: number, fields: RawDescriptor): void {
    const { desc, size } = this.place(dev, queue)
    const at = desc + p.DESCRIPTOR_SIZE * (index % size)
    const { outgoing } = this.mailbox
    outgoing.put32(at, fields.low)
    outgoing.put32(at + 4, fields.high)
    outgoing.put32(at + 8, fields.length)
    outgoing.put16(at + 12, fields.flags)
    outgoing.put16(at + 14, fields.next)
  }

  /** Writes entries into the available ring, then its index: `ahead` of what it was, or as it is. */
  available(dev: number, queue: number, entries: readonly number[], ahead: number): void {
    const { avail, size } = this.place(dev, queue)
    const { outgoing } = this.mailbox
    const now = (outgoing.bytes[avail + 2] as number) | ((outgoing.bytes[avail + 3] as number) << 8)
    for (const [at, entry] of entries.entries()) outgoing.put16(avail + 4 + 2 * ((now + at) % size), entry)
    outgoing.putIndex(avail + 2, (now + ahead) & 0xffff)
  }

  /** Writes `bytes` where a device looks for what it is to read. */
  write(offset: number, bytes: Uint8Array): void {
    for (const [at, byte] of bytes.entries()) this.mailbox.outgoing.put8((offset + at) % AREA_SIZE, byte)
  }

  async kick(dev: number, queue: number): Promise<void> {
    await this.exchange(frameOf((frame) => p.encodeEventAvail(frame, dev, { vqIndex: queue, nextOffset: 0 })))
  }

  /** Whether an honest driver is served now, in a new epoch: reads a byte of the simulated RAM. "" or what is wrong. */
  async checkAlive(): Promise<string> {
    await this.connect()
    if (this.#responses.length === 0) return "nothing answers HELLO"
    this.#responses = []
    await this.initialise(0, false)
    const { size, ...place } = this.place(0, 0, false)
    const { incoming, outgoing } = this.mailbox
    const ring = new p.DriverRing({ size, ...place }, outgoing, incoming, {
      hasIndirect: false,
      hasEventIdx: false,
      hasInOrder: false,
    })
    this.write(DRIVER_BUFFERS, Uint8Array.of(RAM_ADDRESS << 1, 0, 0, 0, p.I2C_FLAG_FAIL_NEXT, 0, 0, 0, 0))
    this.write(DRIVER_BUFFERS + 16, Uint8Array.of(RAM_ADDRESS << 1, 0, 0, 0, p.I2C_FLAG_M_RD, 0, 0, 0))
    ring.describe(0, DRIVER_BUFFERS, p.I2C_HEADER_SIZE, false, 1)
    ring.describe(1, DRIVER_BUFFERS + 8, 1, false, 2)
    ring.describe(2, DEVICE_BUFFERS, 1, true, -1)
    ring.describe(3, DRIVER_BUFFERS + 16, p.I2C_HEADER_SIZE, false, 4)
    ring.describe(4, DEVICE_BUFFERS + 1, 1, true, 5)
    ring.describe(5, DEVICE_BUFFERS + 2, 1, true, -1)
    ring.offer(0, 1)
    ring.offer(3, 2)
    ring.publish()
    await this.kick(0, 0)
    if (ring.take() !== 0 || ring.take() !== 3) return "an honest request is not completed"
    const [written, read] = [0, 2].map((at) => incoming[DEVICE_BUFFERS + at])
    if (written !== p.I2C_STATUS_OK || read !== p.I2C_STATUS_OK) return "an honest request fails"
    return this.failure
  }

  #clear(dev: number, queue: number): void {
    const { avail } = this.place(dev, queue)
    this.mailbox.outgoing.put16(avail, 0)
    this.mailbox.outgoing.putIndex(avail + 2, 0)
  }

  #setQueue(dev: number, queue: number): Uint8Array {
    const { size, desc, avail, used } = this.place(dev, queue)
    // entropy and console have queues of 8 at most: what they refuse is refused
    const fitting = dev >= 2 ? 8 : size
    return frameOf((frame) =>
      p.encodeSetVqueueRequest(frame, dev, {
        index: queue,
        flags: p.VQUEUE_ENABLE,
        size: fitting,
        reserved: 0,
        desc: { low: desc, high: 0x10000 },
        driver: { low: avail, high: 0x10000 },
        device: { low: used, high: 0x20000 },
      }),
    )
  }
}

export interface RawDescriptor {
  readonly low: number
  readonly high: number
  readonly length: number
  readonly flags: number
  readonly next: number
}

/** A message by our own encoder. */
export function frameOf(encode: (frame: Uint8Array) => number): Uint8Array {
  const buffer = new Uint8Array(p.MAX_MESSAGE_SIZE)
  const length = encode(buffer)
  return buffer.slice(0, length)
}
