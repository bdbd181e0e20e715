// Wrong devices: headers, tokens, sizes, answers too many and too few. One fault each, by the rows that have to notice.

import { getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import {
  type Anything,
  answering,
  inDevice,
  isEvent,
  isRequest,
  isResponseTo,
  PAYLOAD,
  put8,
  resized,
  response,
} from "./faults.js"
import { DEV_NUM, type Fault } from "./wrong-device.js"

export const MESSAGE_MUTANTS: Readonly<Record<string, Fault>> = {
  // --- the header ---
  "V27: forgets the token of GET_SHM": response(ids.GET_SHM, (f) => putU16(f, 4, 0)),
  "V24: answers GET_SHM as another device": response(ids.GET_SHM, (f) => putU16(f, 2, 9)),
  "V22: sets a reserved type bit": response(ids.GET_SHM, (f) => put8(f, 0, 0x41)),
  "V22: discards GET_SHM with a reserved type bit": {
    in: (f) => (f[1] === ids.GET_SHM && (f[0] as number) > 3 ? undefined : f),
  },
  "G3: discards GET_DEVICE_STATUS with reserved type bits": {
    in: (f) => (f[1] === ids.GET_DEVICE_STATUS && (f[0] as number) > 3 ? undefined : f),
  },
  "V36 V23: sends GET_SHM 4 bytes too long": response(ids.GET_SHM, (f) => resized(f, 36)),
  "B24: puts junk behind a message": response(ids.GET_SHM, (f) => Uint8Array.of(...f, 1, 2)),
  "V25: discards requests with padding behind them": {
    in: (f) => (f.length >= 8 && f.length > getU16(f, 6) && getU16(f, 6) >= 8 ? undefined : f),
  },
  "V26: does not like token 0xffff": { in: (f) => (f.length > 8 && getU16(f, 4) === 0xffff ? undefined : f) },
  "B25: does not like token 0x7ffe": { in: (f) => (f.length > 8 && getU16(f, 4) === 0x7ffe ? undefined : f) },
  "G1: sends EVENT_USED as a response": {
    out: (f) => (isEvent(f, ids.EVENT_USED) ? Uint8Array.of(1, ...f.subarray(1)) : f),
  },
  "V1: ignores the largest message": {
    ...inDevice("getDeviceFeatures", (original, { device }) => (request: Uint8Array) => {
      ;(device as Anything).maxMessageSize = 200
      return original(request)
    }),
    maxMessageSize: 60,
  },
  "V21 B-S1: echoes a queue's index in the wrong byte order": response(ids.GET_VQUEUE, (f) => {
    if (getU32(f, PAYLOAD) === 0x01020304) putU32(f, PAYLOAD, 0x04030201)
  }),
  // --- answering, and not ---
  "V29 V36: does not answer GET_SHM": { in: (f) => (isRequest(f, ids.GET_SHM) ? undefined : f) },
  "V29: answers GET_SHM twice": { out: (f) => (isResponseTo(f, ids.GET_SHM) ? [f, f] : f) },
  "V2: answers message 0x0d": answering((f) => isRequest(f, 0x0d)),
  "V4: answers message 0x3f": answering((f) => isRequest(f, 0x3f)),
  "V19: answers message 0x3e": answering((f) => isRequest(f, 0x3e)),
  "B13: answers message 0x80": answering((f) => isRequest(f, 0x80)),
  "B19: answers bus message 0x3f": answering((f) => ((f[0] as number) & 3) === 2 && f[1] === 0x3f),
  "B21 G1: answers an unknown event": answering((f) => isRequest(f, 0x7f)),
  "V30: answers a GET_VQUEUE without index": answering(
    (f) => isRequest(f, ids.GET_VQUEUE) && f.length === 8,
    new Array(40).fill(0),
  ),
  "B2: takes messages to device 65534 for its own": {
    in: (f) =>
      f.length > 8 && ((f[0] as number) & 3) === 0 && getU16(f, 2) === 0xfffe
        ? Uint8Array.of(...f.subarray(0, 2), DEV_NUM, 0, ...f.subarray(4))
        : f,
  },
  "B27: loses the last of 20 requests at once": {
    in: (f) => (isRequest(f, ids.GET_VQUEUE) && getU32(f, PAYLOAD) === 0xdeadbe13 ? undefined : f),
  },
  "B26: answers one of several requests with another's content": response(ids.GET_VQUEUE, (f) => {
    if (getU32(f, PAYLOAD) === 0xdeadbe03 || getU32(f, PAYLOAD) === 0xdeadbe04)
      putU32(f, PAYLOAD, getU32(f, PAYLOAD) ^ 7)
  }),
  "B28 V28: answers GET_DEVICE_STATUS with the status before the last write": inDevice(
    "answer",
    (original, { device }) => {
      const batch: number[] = []
      let before = 0
      return (id: number, q: Uint8Array) => {
        const was = device.status
        const made = original(id, q)
        if (id === ids.SET_DEVICE_STATUS) {
          before = was
          batch.push(1)
          // only while requests come one right behind the other
          queueMicrotask(() => batch.pop())
        } else if (id === ids.GET_DEVICE_STATUS && batch.length > 0 && made) putU32(made, PAYLOAD, before)
        return made
      }
    },
  ),
}
