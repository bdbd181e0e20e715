// Checks the common header of messages that consist of nothing else (virtio-msg "Common Message Format").

import type { ByteBuf } from "../../shared-protocol/src/bytes.js"
import { decodeHeader } from "../../shared-protocol/src/messages/header.js"
import { same } from "./vector.js"

/** "" or which field of the header is not as wanted. */
export function checkHeader(
  frame: ByteBuf,
  type: number,
  msgId: number,
  devNum: number,
  msgSize: number,
): string {
  const header = decodeHeader(frame)
  if (header.ok === false) return header.reason
  return (
    same("type", header.value.type, type) +
    same("msg_id", header.value.msgId, msgId) +
    same("dev_num", header.value.devNum, devNum) +
    same("token", header.value.token, 0) +
    same("msg_size", header.value.msgSize, msgSize)
  )
}
