// A mailbox packet: what one Jacdac packet, or one frame of any link, carries (docs/bus.md "Packets").
//
//   offset size
//   0      u8   flags
//   1      le16 epoch
//   3      u8   sequence: of this packet when DATA is set
//   4      u8   acknowledgement: the next sequence that the sender expects; all before it have arrived
//   5      ..   records, when DATA is set:
//                 message  0x00, length u8, the virtio-msg frame
//                 span     0x80 | offset bits 14..8, offset bits 7..0, length u8, the bytes
//                 near     0x40 | length - 1 (6 bits), gap u8, the bytes: a span that begins `gap` bytes behind
//                          the end of the span before it in the packet
//
// A span is a run of bytes of the area that its sender writes. Spans come before the messages that announce
// them, and a receiver stores spans before it looks at the messages behind them.

/** Payload of the largest Jacdac packet. */
export const MAX_PACKET_SIZE = 236
export const PACKET_HEADER_SIZE = 5

/** The packet has a sequence number and records. */
export const PACKET_DATA = 1
/** The first packet of a new epoch: the device forgets everything and takes up the packet's epoch. */
export const PACKET_CONNECT = 2
/** The sender misses packets, or has waited long: send everything again that it has not acknowledged. */
export const PACKET_RESEND = 4
/** From the device: "I know no such epoch", because it started again. */
export const PACKET_NO_EPOCH = 8

export const RECORD_MESSAGE = 0x00
/** Record tag and length byte in front of a message. */
export const MESSAGE_OVERHEAD = 2
export const RECORD_SPAN = 0x80
/** Tag, offset and length in front of a span's bytes. */
export const SPAN_OVERHEAD = 3
export const RECORD_NEAR_SPAN = 0x40
/** Tag and gap in front of a near span's bytes. */
export const NEAR_SPAN_OVERHEAD = 2
export const NEAR_SPAN_MAX_LENGTH = 64
export const NEAR_SPAN_MAX_GAP = 255
/** Area offsets have 15 bits. */
export const MAX_AREA_SIZE = 0x8000

/** The largest message that our bus carries: it must fit a packet by itself (B11: at least 52). */
export const MAX_MESSAGE_SIZE = 228

/** Unacknowledged packets towards the device: its runtime queues 7 frames and drops the eighth. */
export const DEVICE_CREDIT = 6
/** Unacknowledged packets towards the host: what the device keeps in memory to send again. */
export const HOST_CREDIT = 6
/**
 * While so many bytes of messages wait at the device, each message with MESSAGE_COST_BYTES on top, it takes no
 * packet. A packet has 23 requests at most. So a host that asks for the longest answers and never acknowledges takes
 * a bounded part of a small heap.
 */
export const DEVICE_WAITING_BYTES = 1536
/** What a waiting message takes of the chip's heap besides its bytes. */
export const MESSAGE_COST_BYTES = 24
/** When more runs than this have changed in its area, the device sends them as one. */
export const DEVICE_RUN_LIMIT = 128
/** The most bytes that a device moves at a time for a paced queue: the rest of a packet is left for others. */
export const PACED_BYTES = 128

/** The epoch of a packet that only asks whether there is a mailbox. No session has this epoch. */
export const PROBE_EPOCH = 0xffff
