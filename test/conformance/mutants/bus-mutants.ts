// Wrong device sides of the bus: discovery, parameters, notifications, devices that come and go. One fault each, by the rows that have to notice.

import { getU16, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import { TYPE_BUS } from "../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { HELLO } from "../../../shared-protocol/src/messages/ids.js"
import { busResponse, frame, isEvent, onceWith, put8, resized } from "./faults.js"
import { DEV_NUM, type Fault, type Parts } from "./wrong-device.js"

export const BUS_MUTANTS: Readonly<Record<string, Fault>> = {
  // --- the bus ---
  "B50: changes the data of PING": busResponse(ids.PING, (f) => put8(f, 8, (f[8] as number) ^ 1)),
  "B1: sends PING 4 bytes too long": busResponse(ids.PING, (f) => resized(f, 16)),
  "G2 B22: answers PING with a device number": busResponse(ids.PING, (f) => putU16(f, 2, 3)),
  "B23: answers PING with a reserved type bit": busResponse(ids.PING, (f) => put8(f, 0, 0x83)),
  "B46: sets bits behind the bitmap": busResponse(ids.GET_DEVICES, (f, q) => {
    if (getU16(q, 10) === 15) f[15] = (f[15] as number) | 0x80
  }),
  "B48: sends next_offset 1 behind offset 5": busResponse(ids.GET_DEVICES, (f, q) => {
    if (getU16(q, 8) === DEV_NUM && getU16(q, 10) === 2) putU16(f, 10, 1)
  }),
  "B47: goes on behind the last device": busResponse(ids.GET_DEVICES, (f, q) => {
    if (getU16(q, 8) === DEV_NUM && getU16(q, 10) === 1) putU16(f, 10, 700)
  }),
  "B44: sends a bitmap for count 0": busResponse(ids.GET_DEVICES, (f, q) =>
    getU16(q, 10) === 0 && getU16(q, 8) === 1 ? resized(f, 15) : f,
  ),
  "B43: sends a byte of bitmap too many": busResponse(ids.GET_DEVICES, (f, q) =>
    getU16(q, 10) === 64 ? resized(f, 23) : f,
  ),
  "G5 B45 B44: counts a slot more than asked for at 0": busResponse(ids.GET_DEVICES, (f, q) => {
    if (getU16(q, 10) !== 0) return f
    const r = resized(f, 15)
    putU16(r, 12, 1)
    return r
  }),
  "B-S4: answers 13 slots with 8": busResponse(ids.GET_DEVICES, (f, q) => {
    if (getU16(q, 10) !== 13) return f
    const r = resized(f, 15)
    putU16(r, 12, 8)
    return r
  }),
  "B15 B31: reports a device that is not there": busResponse(ids.GET_DEVICES, (f, q) => {
    if (getU16(q, 8) <= 6 && getU16(f, 12) > 6 - getU16(q, 8)) {
      const slot = 6 - getU16(q, 8)
      f[14 + (slot >> 3)] = (f[14 + (slot >> 3)] as number) | (1 << (slot & 7))
    }
  }),
  "B7: advertises a transport feature that does not exist": busResponse(HELLO, (f) => putU32(f, 20, 16)),
  "B12 V3: advertises revision 0": busResponse(HELLO, (f) => putU32(f, 16, 0)),
  "B9: says another largest message when it is asked again": (() => {
    let times = 0
    return busResponse(HELLO, (f) => {
      if (times++ > 0) putU16(f, 14, 100)
    })
  })(),
  "B6 B9: says other transport features when it is asked again": (() => {
    let times = 0
    return busResponse(HELLO, (f) => {
      if (times++ > 0) putU32(f, 20, 1)
    })
  })(),
  "B20: refuses messages that it does not know on the driver's side": {
    request: (f) =>
      ((f[0] as number) & TYPE_BUS) === 0 && (f[1] as number) > 0x0c
        ? Promise.reject(new Error("no such message"))
        : undefined,
  },
  "B38 R8: notifies every completion again, 60 ms later": {
    patch({ endpoint, clock }) {
      const post = endpoint.mailbox.post.bind(endpoint.mailbox)
      endpoint.mailbox.post = (message) => {
        post(message)
        if (!isEvent(message as unknown as Uint8Array, ids.EVENT_USED)) return
        clock.schedule(60, () => {
          post(message)
          endpoint.bus.onWake()
        })
      }
    },
  },
  "B39: answers a wakeup that announces nothing with EVENT_USED": (() => {
    let parts: Parts | undefined
    return {
      patch(taking) {
        parts = taking
      },
      in(f) {
        if (isEvent(f, ids.EVENT_AVAIL) && parts?.ring.enabled && parts.ring.pending() === 0)
          parts.link.post(frame(0, ids.EVENT_USED, DEV_NUM, [0, 0, 0, 0]))
        return f
      },
    } satisfies Fault
  })(),
  "B37 B38: notifies every completion twice": { out: (f) => (isEvent(f, ids.EVENT_USED) ? [f, f] : f) },
  "B30 V35 R7: never sends EVENT_USED": { out: (f) => (isEvent(f, ids.EVENT_USED) ? undefined : f) },
  "V35: names the wrong queue in EVENT_USED": {
    out: (f) => {
      if (isEvent(f, ids.EVENT_USED)) f[8] = 1
      return f
    },
  },
  // --- devices that come and go ---
  "B52 B34: adds a device that is not there": onceWith((post) =>
    post(frame(2, ids.EVENT_DEVICE, 0, [9, 0, 1, 0])),
  ),
  "B53 B34: says that a device was removed which is there": onceWith((post) =>
    post(frame(2, ids.EVENT_DEVICE, 0, [DEV_NUM, 0, 2, 0])),
  ),
  "B33: reports a reserved bus state": onceWith((post) =>
    post(frame(2, ids.EVENT_DEVICE, 0, [DEV_NUM, 0, 7, 0])),
  ),
  "B51: reports a number that was never exposed as gone": onceWith((post) =>
    post(frame(2, ids.EVENT_DEVICE, 0, [0x99, 0, 2, 0])),
  ),
}
