// Wrong device sides of the bus: discovery, parameters, notifications, devices that come and go. One fault each, and the rows that have to notice.

import { getU16, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { HELLO } from "../../../shared-protocol/src/messages/ids.js"
import { busResponse, frame, isEvent, type Mutant, onceWith, put8, resized } from "./faults.js"
import { DEV_NUM, type Fault, type Parts } from "./wrong-device.js"

export const BUS_MUTANTS: readonly Mutant[] = [
  // --- the bus ---
  {
    rows: ["B50"],
    what: "changes the data of PING",
    fault: busResponse(ids.PING, (f) => put8(f, 8, (f[8] as number) ^ 1)),
  },
  { rows: ["B1"], what: "sends PING 4 bytes too long", fault: busResponse(ids.PING, (f) => resized(f, 16)) },
  {
    rows: ["G2", "B22"],
    what: "answers PING with a device number",
    fault: busResponse(ids.PING, (f) => putU16(f, 2, 3)),
  },
  {
    rows: ["B23"],
    what: "answers PING with a reserved type bit",
    fault: busResponse(ids.PING, (f) => put8(f, 0, 0x83)),
  },
  {
    rows: ["B46"],
    what: "sets bits behind the bitmap",
    fault: busResponse(ids.GET_DEVICES, (f, q) => {
      if (getU16(q, 10) === 15) f[15] = (f[15] as number) | 0x80
    }),
  },
  {
    rows: ["B48"],
    what: "sends next_offset 1 behind offset 5",
    fault: busResponse(ids.GET_DEVICES, (f, q) => {
      if (getU16(q, 8) === DEV_NUM && getU16(q, 10) === 2) putU16(f, 10, 1)
    }),
  },
  {
    rows: ["B47"],
    what: "goes on behind the last device",
    fault: busResponse(ids.GET_DEVICES, (f, q) => {
      if (getU16(q, 8) === DEV_NUM && getU16(q, 10) === 1) putU16(f, 10, 700)
    }),
  },
  {
    rows: ["B44"],
    what: "sends a bitmap for count 0",
    fault: busResponse(ids.GET_DEVICES, (f, q) =>
      getU16(q, 10) === 0 && getU16(q, 8) === 1 ? resized(f, 15) : f,
    ),
  },
  {
    rows: ["B43"],
    what: "sends a byte of bitmap too many",
    fault: busResponse(ids.GET_DEVICES, (f, q) => (getU16(q, 10) === 64 ? resized(f, 23) : f)),
  },
  {
    rows: ["G5", "B45", "B44"],
    what: "counts a slot more than asked for at 0",
    fault: busResponse(ids.GET_DEVICES, (f, q) => {
      if (getU16(q, 10) !== 0) return f
      const r = resized(f, 15)
      putU16(r, 12, 1)
      return r
    }),
  },
  {
    rows: ["B-S4"],
    what: "answers 13 slots with 8",
    fault: busResponse(ids.GET_DEVICES, (f, q) => {
      if (getU16(q, 10) !== 13) return f
      const r = resized(f, 15)
      putU16(r, 12, 8)
      return r
    }),
  },
  {
    rows: ["B15", "B31"],
    what: "reports a device that is not there",
    fault: busResponse(ids.GET_DEVICES, (f, q) => {
      if (getU16(q, 8) <= 6 && getU16(f, 12) > 6 - getU16(q, 8)) {
        const slot = 6 - getU16(q, 8)
        f[14 + (slot >> 3)] = (f[14 + (slot >> 3)] as number) | (1 << (slot & 7))
      }
    }),
  },
  {
    rows: ["B7"],
    what: "advertises a transport feature that does not exist",
    fault: busResponse(HELLO, (f) => putU32(f, 20, 16)),
  },
  { rows: ["B12", "V3"], what: "advertises revision 0", fault: busResponse(HELLO, (f) => putU32(f, 16, 0)) },
  {
    rows: ["B9"],
    what: "says another largest message when it is asked again",
    fault: (() => {
      let times = 0
      return busResponse(HELLO, (f) => {
        if (times++ > 0) putU16(f, 14, 100)
      })
    })(),
  },
  {
    rows: ["B6", "B9"],
    what: "says other transport features when it is asked again",
    fault: (() => {
      let times = 0
      return busResponse(HELLO, (f) => {
        if (times++ > 0) putU32(f, 20, 1)
      })
    })(),
  },
  {
    rows: ["B20"],
    what: "refuses messages that it does not know on the driver's side",
    fault: {
      request: (f) => ((f[1] as number) > 0x0c ? Promise.reject(new Error("no such message")) : undefined),
    },
  },
  {
    rows: ["B38", "R8"],
    what: "notifies every completion again, 60 ms later",
    fault: {
      patch({ endpoint, clock }) {
        const post = endpoint.mailbox.post.bind(endpoint.mailbox)
        endpoint.mailbox.post = (message) => {
          post(message)
          if (!isEvent(message as unknown as Uint8Array, ids.EVENT_USED)) return
          clock.schedule(60, () => {
            post(message)
            endpoint.onWake()
          })
        }
      },
    },
  },
  {
    rows: ["B39"],
    what: "answers a wakeup that announces nothing with EVENT_USED",
    fault: (() => {
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
  },
  {
    rows: ["B37", "B38"],
    what: "notifies every completion twice",
    fault: { out: (f) => (isEvent(f, ids.EVENT_USED) ? [f, f] : f) },
  },
  {
    rows: ["B30", "V35", "R7"],
    what: "never sends EVENT_USED",
    fault: { out: (f) => (isEvent(f, ids.EVENT_USED) ? undefined : f) },
  },
  {
    rows: ["V35"],
    what: "names the wrong queue in EVENT_USED",
    fault: {
      out: (f) => {
        if (isEvent(f, ids.EVENT_USED)) f[8] = 1
        return f
      },
    },
  },
  // --- devices that come and go ---
  {
    rows: ["B52", "B34"],
    what: "adds a device that is not there",
    fault: onceWith((post) => post(frame(2, ids.EVENT_DEVICE, 0, [9, 0, 1, 0]))),
  },
  {
    rows: ["B53", "B34"],
    what: "says that a device was removed which is there",
    fault: onceWith((post) => post(frame(2, ids.EVENT_DEVICE, 0, [DEV_NUM, 0, 2, 0]))),
  },
  {
    rows: ["B33"],
    what: "reports a reserved bus state",
    fault: onceWith((post) => post(frame(2, ids.EVENT_DEVICE, 0, [DEV_NUM, 0, 7, 0]))),
  },
  {
    rows: ["B51"],
    what: "reports a number that was never exposed as gone",
    fault: onceWith((post) => post(frame(2, ids.EVENT_DEVICE, 0, [0x99, 0, 2, 0]))),
  },
]
