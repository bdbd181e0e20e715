// The hash that HELLO carries, over the layouts of packets and messages (docs/bus.md "HELLO").

import { HEADER_SIZE, TRANSPORT_REVISION } from "../messages/header.js"
import { BUS_VERSION, HELLO_RESPONSE_SIZE, protocolHash } from "../messages/hello.js"
import {
  MAX_AREA_SIZE,
  MAX_MESSAGE_SIZE,
  MAX_PACKET_SIZE,
  MESSAGE_OVERHEAD,
  NEAR_SPAN_OVERHEAD,
  PACKET_HEADER_SIZE,
  SPAN_OVERHEAD,
} from "./packet.js"

/** What both ends must agree on to understand each other's packets. */
export const PROTOCOL_HASH = protocolHash([
  BUS_VERSION,
  TRANSPORT_REVISION,
  HEADER_SIZE,
  HELLO_RESPONSE_SIZE,
  PACKET_HEADER_SIZE,
  MESSAGE_OVERHEAD,
  SPAN_OVERHEAD,
  NEAR_SPAN_OVERHEAD,
  MAX_PACKET_SIZE,
  MAX_MESSAGE_SIZE,
  MAX_AREA_SIZE,
])
