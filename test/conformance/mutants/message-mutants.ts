// Wrong devices: headers, tokens, sizes, answers too many and too few. One fault each, and the rows that have to notice.

import { getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import {
  type Anything,
  answering,
  inDevice,
  isEvent,
  isRequest,
  isResponseTo,
  type Mutant,
  PAYLOAD,
  put8,
  resized,
  response,
} from "./faults.js"
import { DEV_NUM } from "./wrong-device.js"

export const MESSAGE_MUTANTS: readonly Mutant[] = [
  // --- the header ---
  {
    rows: ["V27"],
    what: "forgets the token of GET_SHM",
    fault: response(ids.GET_SHM, (f) => putU16(f, 4, 0)),
  },
  {
    rows: ["V24"],
    what: "answers GET_SHM as another device",
    fault: response(ids.GET_SHM, (f) => putU16(f, 2, 9)),
  },
  {
    rows: ["V22"],
    what: "sets a reserved type bit",
    fault: response(ids.GET_SHM, (f) => put8(f, 0, 0x41)),
  },
  {
    rows: ["V22"],
    what: "discards GET_SHM with a reserved type bit",
    fault: { in: (f) => (f[1] === ids.GET_SHM && (f[0] as number) > 3 ? undefined : f) },
  },
  {
    rows: ["G3"],
    what: "discards GET_DEVICE_STATUS with reserved type bits",
    fault: { in: (f) => (f[1] === ids.GET_DEVICE_STATUS && (f[0] as number) > 3 ? undefined : f) },
  },
  {
    rows: ["V36", "V23"],
    what: "sends GET_SHM 4 bytes too long",
    fault: response(ids.GET_SHM, (f) => resized(f, 36)),
  },
  {
    rows: ["B24"],
    what: "puts junk behind a message",
    fault: response(ids.GET_SHM, (f) => Uint8Array.of(...f, 1, 2)),
  },
  {
    rows: ["V25"],
    what: "discards requests with padding behind them",
    fault: { in: (f) => (f.length >= 8 && f.length > getU16(f, 6) && getU16(f, 6) >= 8 ? undefined : f) },
  },
  {
    rows: ["V26"],
    what: "does not like token 0xffff",
    fault: { in: (f) => (f.length > 8 && getU16(f, 4) === 0xffff ? undefined : f) },
  },
  {
    rows: ["B25"],
    what: "does not like token 0x7ffe",
    fault: { in: (f) => (f.length > 8 && getU16(f, 4) === 0x7ffe ? undefined : f) },
  },
  {
    rows: ["G1"],
    what: "sends EVENT_USED as a response",
    fault: { out: (f) => (isEvent(f, ids.EVENT_USED) ? Uint8Array.of(1, ...f.subarray(1)) : f) },
  },
  {
    rows: ["V1"],
    what: "ignores the largest message",
    fault: {
      ...inDevice("getDeviceFeatures", (original, { device }) => (request: Uint8Array) => {
        ;(device as Anything).maxMessageSize = 200
        return original(request)
      }),
      maxMessageSize: 60,
    },
  },
  {
    rows: ["V21", "B-S1"],
    what: "echoes a queue's index in the wrong byte order",
    fault: response(ids.GET_VQUEUE, (f) => {
      if (getU32(f, PAYLOAD) === 0x01020304) putU32(f, PAYLOAD, 0x04030201)
    }),
  },
  // --- answering, and not ---
  {
    rows: ["V29", "V36"],
    what: "does not answer GET_SHM",
    fault: { in: (f) => (isRequest(f, ids.GET_SHM) ? undefined : f) },
  },
  {
    rows: ["V29"],
    what: "answers GET_SHM twice",
    fault: { out: (f) => (isResponseTo(f, ids.GET_SHM) ? [f, f] : f) },
  },
  { rows: ["V2"], what: "answers message 0x0d", fault: answering((f) => isRequest(f, 0x0d)) },
  { rows: ["V4"], what: "answers message 0x3f", fault: answering((f) => isRequest(f, 0x3f)) },
  { rows: ["V19"], what: "answers message 0x3e", fault: answering((f) => isRequest(f, 0x3e)) },
  { rows: ["B13"], what: "answers message 0x80", fault: answering((f) => isRequest(f, 0x80)) },
  {
    rows: ["B19"],
    what: "answers bus message 0x3f",
    fault: answering((f) => ((f[0] as number) & 3) === 2 && f[1] === 0x3f),
  },
  { rows: ["B21", "G1"], what: "answers an unknown event", fault: answering((f) => isRequest(f, 0x7f)) },
  {
    rows: ["V30"],
    what: "answers a GET_VQUEUE without index",
    fault: answering((f) => isRequest(f, ids.GET_VQUEUE) && f.length === 8, new Array(40).fill(0)),
  },
  {
    rows: ["B2"],
    what: "takes messages to device 65534 for its own",
    fault: {
      in: (f) =>
        f.length > 8 && ((f[0] as number) & 3) === 0 && getU16(f, 2) === 0xfffe
          ? Uint8Array.of(...f.subarray(0, 2), DEV_NUM, 0, ...f.subarray(4))
          : f,
    },
  },
  {
    rows: ["B27"],
    what: "loses the last of 20 requests at once",
    fault: { in: (f) => (isRequest(f, ids.GET_VQUEUE) && getU32(f, PAYLOAD) === 0xdeadbe13 ? undefined : f) },
  },
  {
    rows: ["B26"],
    what: "answers one of several requests with another's content",
    fault: response(ids.GET_VQUEUE, (f) => {
      if (getU32(f, PAYLOAD) === 0xdeadbe03 || getU32(f, PAYLOAD) === 0xdeadbe04)
        putU32(f, PAYLOAD, getU32(f, PAYLOAD) ^ 7)
    }),
  },
  {
    rows: ["B28", "V28"],
    what: "answers GET_DEVICE_STATUS with the status before the last write",
    fault: {
      patch({ device }) {
        const target = device as Anything
        const answer = target.answer.bind(target)
        const batch: number[] = []
        let before = 0
        target.answer = (msgId: number, request: Uint8Array) => {
          const was = target.status
          const made = answer(msgId, request)
          if (msgId === ids.SET_DEVICE_STATUS) {
            before = was
            batch.push(1)
            // only while requests come one right behind the other
            queueMicrotask(() => batch.pop())
          } else if (msgId === ids.GET_DEVICE_STATUS && batch.length > 0 && made)
            putU32(made, PAYLOAD, before)
          return made
        }
      },
    },
  },
]
