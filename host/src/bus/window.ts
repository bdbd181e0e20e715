// The memory that driver and device share, as the driver sees it: what it writes, what the device writes, the addresses
// at which both begin, and which places are taken (docs/bus.md "The window"). There is a new one with every epoch.

import { OutgoingArea } from "../../../shared-protocol/src/mailbox/outgoing-area.js"
import { AREA_BASES, type WindowBases } from "../../../shared-protocol/src/ring/layout.js"
import { allocateBytes, type HostBytes } from "../bytes.js"
import { RangeAllocator } from "./range-allocator.js"

/** No ring lies at offset 0 of an area: Linux refuses a ring whose address looks like none. */
const UNUSED_BYTES = 16

export class Window {
  /** What the driver writes, and which of it is not with the device yet. */
  readonly outgoing: OutgoingArea
  /** What the device writes, as far as it is known. */
  readonly incoming: HostBytes
  readonly bases: WindowBases
  /** Places in the two areas. */
  readonly driverSpace: RangeAllocator
  readonly deviceSpace: RangeAllocator

  constructor(outgoing: OutgoingArea, incoming: HostBytes, bases: WindowBases = AREA_BASES) {
    this.outgoing = outgoing
    this.incoming = incoming
    this.bases = bases
    this.driverSpace = new RangeAllocator(UNUSED_BYTES, outgoing.bytes.length - UNUSED_BYTES)
    this.deviceSpace = new RangeAllocator(UNUSED_BYTES, incoming.length - UNUSED_BYTES)
  }

  /** One without room for anything: before there is an epoch. */
  static empty(): Window {
    return new Window(new OutgoingArea(allocateBytes(0)), allocateBytes(0))
  }
}
