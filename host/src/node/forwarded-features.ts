// The feature bits of a device whose queues are forwarded (message-forwarder.ts): some are hidden from its driver.

import { getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import {
  FEATURE_EVENT_IDX,
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_INDIRECT_DESC,
  FEATURE_NOTIFICATION_DATA_BLOCK1,
  FEATURE_RING_PACKED_BLOCK1,
} from "../../../shared-protocol/src/device-types/feature-bits.js"
import { HEADER_SIZE } from "../../../shared-protocol/src/messages/header.js"
import type { HostBytes } from "../bytes.js"

/** Feature bits that cannot be kept when the rings are made anew, in blocks 0 and 1. */
const NOT_OFFERED = [
  FEATURE_INDIRECT_DESC | FEATURE_EVENT_IDX,
  FEATURE_IN_ORDER_BLOCK1 | FEATURE_RING_PACKED_BLOCK1 | FEATURE_NOTIFICATION_DATA_BLOCK1,
]
/** Where GET_DEVICE_FEATURES's answer has its first block's number. */
const INDEX = HEADER_SIZE

/** GET_DEVICE_FEATURES: feature bits that cannot be kept are not offered. */
export function hideFeatures(response: HostBytes): void {
  if (response.length < INDEX + 8) return
  const first = getU32(response, INDEX)
  for (let at = INDEX + 8, block = first; at + 4 <= response.length; at += 4, block++)
    putU32(response, at, (getU32(response, at) & ~(NOT_OFFERED[block] ?? 0)) >>> 0)
}
