// The memory that driver and device share, as the driver sees it: the area that it writes, the area that the device
// writes, the addresses of both, and which places are taken (docs/bus.md "The window"). Each epoch has a new one.

import { OutgoingArea } from "../../../shared-protocol/src/mailbox/outgoing-area.js"
import { AREA_BASES, type WindowBases } from "../../../shared-protocol/src/ring/layout.js"
import { allocateBytes, type HostBytes } from "../bytes.js"
import { RangeAllocator } from "./range-allocator.js"

/** No ring lies at offset 0 of an area: Linux refuses such a ring, since its address looks like none. */
const UNUSED_BYTES = 16

/** What a driver can do besides, where both sides really see one memory rather than what packets bring of it. */
export interface SharedMemory {
  /** Updates `incoming` to what the device has written by now. */
  refresh(): void
  /** Writes into the device's area: a driver has to clear its used ring there (virtio 1.4 2.7.10). */
  prefill(offset: number, bytes: Uint8Array): void
  /** What is in the driver's area now, whoever wrote it. */
  readOutgoing(offset: number, lengthBytes: number): Uint8Array
}

export class Window {
  /** The driver's area, and which of its bytes have not been sent yet. */
  readonly outgoing: OutgoingArea
  /** The device's area, as far as it is known. */
  readonly incoming: HostBytes
  readonly bases: WindowBases
  /** Places in the two areas. */
  readonly driverSpace: RangeAllocator
  readonly deviceSpace: RangeAllocator

  /** Undefined where packets carry the memory's contents. */
  readonly shared: SharedMemory | undefined

  constructor(
    outgoing: OutgoingArea,
    incoming: HostBytes,
    bases: WindowBases = AREA_BASES,
    shared?: SharedMemory,
  ) {
    this.shared = shared
    this.outgoing = outgoing
    this.incoming = incoming
    this.bases = bases
    this.driverSpace = new RangeAllocator(UNUSED_BYTES, outgoing.bytes.length - UNUSED_BYTES)
    this.deviceSpace = new RangeAllocator(UNUSED_BYTES, incoming.length - UNUSED_BYTES)
  }

  /** One without any room: for the time before the first epoch. */
  static empty(): Window {
    return new Window(new OutgoingArea(allocateBytes(0)), allocateBytes(0))
  }
}
