// Wrong devices: what they are, features, status, configuration. One fault each, and the rows that have to notice.

import { getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { RING_EMPTY } from "../../../shared-protocol/src/ring/device-ring.js"
import {
  type Anything,
  configEvent,
  inDevice,
  inQueues,
  inRing,
  isEvent,
  isRequest,
  isResponseTo,
  type Mutant,
  resized,
  response,
} from "./faults.js"

export const STATE_MUTANTS: readonly Mutant[] = [
  // --- what the device is ---
  {
    rows: ["V39"],
    what: "claims 70000 virtqueues",
    fault: response(ids.GET_DEVICE_INFO, (f) => putU32(f, 40, 70000)),
  },
  {
    rows: ["V41"],
    what: "has no administration virtqueues, from 3 on",
    fault: response(ids.GET_DEVICE_INFO, (f) => putU32(f, 44, 3)),
  },
  {
    rows: ["G6", "V40", "V42"],
    what: "has administration virtqueues beyond its last",
    fault: response(ids.GET_DEVICE_INFO, (f) => {
      putU32(f, 44, 1)
      putU32(f, 48, 2)
    }),
  },
  {
    rows: ["V43"],
    what: "has a UUID of no version",
    fault: response(ids.GET_DEVICE_INFO, (f) => void f.fill(0x11, 16, 32)),
  },
  {
    rows: ["V37"],
    what: "is of another vendor once it is active",
    fault: {
      patch({ device }) {
        const target = device as Anything
        const answer = target.answer.bind(target)
        target.answer = (id: number, q: Uint8Array) => {
          const r = answer(id, q)
          if (id === ids.GET_DEVICE_INFO && target.status !== 0) r[12] = 9
          return r
        }
      },
    },
  },
  {
    rows: ["V31"],
    what: "offers NOTIF_CONFIG_DATA",
    fault: response(ids.GET_DEVICE_FEATURES, (f, q) => {
      if (getU32(q, 8) === 0 && f.length >= 24) f[20] = (f[20] as number) | 0x80
    }),
  },
  {
    rows: ["V38"],
    what: "has a bit in a block more than it says",
    fault: response(ids.GET_DEVICE_FEATURES, (f, q) => {
      if (getU32(q, 8) === 2 && getU32(q, 12) === 8) f[18] = 1
    }),
  },
  {
    rows: ["V16"],
    what: "has bits in block 0x10000",
    fault: response(ids.GET_DEVICE_FEATURES, (f, q) => {
      if (getU32(q, 8) === 0x10000) f[16] = 1
    }),
  },
  {
    rows: ["V18"],
    what: "reports what was selected instead of what is offered",
    fault: {
      patch({ device }) {
        const target = device as Anything
        const answer = target.answer.bind(target)
        target.answer = (id: number, q: Uint8Array) => {
          const r = answer(id, q)
          if (id === ids.GET_DEVICE_FEATURES && target.status & 8 && r && getU32(q, 8) === 0)
            putU32(r, 16, target.selected[0])
          return r
        }
      },
    },
  },
  {
    rows: ["V17"],
    what: "forgets the other blocks when one is written",
    fault: inDevice("setDriverFeatures", (original, { device }) => (q: Uint8Array) => {
      if (getU32(q, 12) === 1) {
        const target = device as Anything
        for (let i = 0; i < target.selected.length; i++)
          if (i !== getU32(q, 8)) target.selected[i] = target.type.requiredFeatures[i]
      }
      return original(q)
    }),
  },
  {
    rows: ["V17", "V32", "I2"],
    what: "accepts whatever is selected",
    fault: inDevice("isSelectionSupported", () => () => true),
  },
  {
    rows: ["I1"],
    what: "does not offer zero-length requests to GET_DEVICE_FEATURES of one block",
    fault: response(ids.GET_DEVICE_FEATURES, (f, q) => {
      if (getU32(q, 8) === 0 && getU32(q, 12) === 2 && f.length >= 24) f[16] = (f[16] as number) & ~1
    }),
  },
  {
    rows: ["I2"],
    what: "accepts a driver without zero-length requests",
    fault: {
      patch({ device }) {
        ;(device.type as Anything).requiredFeatures = [0, 1]
      },
    },
  },
  // --- status ---
  {
    rows: ["V50"],
    what: "answers SET_DEVICE_STATUS with ACKNOWLEDGE missing",
    fault: response(ids.SET_DEVICE_STATUS, (f) => {
      if (f[8] === 3) f[8] = 2
    }),
  },
  {
    rows: ["V12"],
    what: "sends EVENT_CONFIG when the driver writes DRIVER_OK",
    fault: { out: (f) => (isResponseTo(f, ids.SET_DEVICE_STATUS) && f[8] === 15 ? [f, configEvent(15)] : f) },
  },
  {
    rows: ["V11"],
    what: "reports a status that is not its own",
    fault: {
      out: (f) => {
        if (isEvent(f, ids.EVENT_CONFIG)) f[8] = 0x7f
        return f
      },
    },
  },
  {
    rows: ["V13"],
    what: "names a range when only the status changed",
    fault: {
      out: (f) => {
        if (isEvent(f, ids.EVENT_CONFIG)) putU32(f, 20, 4)
        return f
      },
    },
  },
  {
    rows: ["V-S1"],
    what: "does not mind a ring that makes no sense",
    fault: inRing(
      "pop",
      (original, { ring }) =>
        () =>
          ring.pending() > ring.size ? RING_EMPTY : original(),
    ),
  },
  {
    rows: ["V49"],
    what: "does not show FEATURES_OK in GET_DEVICE_STATUS",
    fault: response(ids.GET_DEVICE_STATUS, (f) => {
      if (f[8] === 11) f[8] = 3
    }),
  },
  {
    rows: ["V33"],
    what: "serves before DRIVER_OK",
    fault: inDevice(
      "isLive",
      (_original, { device }) =>
        () =>
          (device.status & 8) !== 0 && (device.status & 0x40) === 0,
    ),
  },
  {
    rows: ["V52", "V53"],
    what: "keeps its queues' sizes over a reset",
    fault: inQueues("reset", (original, { device }) => () => {
      const queues = device.queues as Anything
      const size = queues.sizes[0]
      original()
      queues.sizes[0] = size
    }),
  },
  // --- configuration ---
  {
    rows: ["V7"],
    what: "keeps its generation when it is written to",
    fault: inDevice("setConfig", (original, { device }) => (q: Uint8Array) => {
      const before = device.generation
      const r = original(q)
      device.generation = before
      if (r) putU32(r, 8, before)
      return r
    }),
  },
  {
    rows: ["V6", "V45"],
    what: "answers SET_CONFIG with the generation before",
    fault: inDevice("setConfig", (original, { device }) => (q: Uint8Array) => {
      const before = device.generation
      const r = original(q)
      if (r) putU32(r, 8, before)
      return r
    }),
  },
  {
    rows: ["V5", "V8"],
    what: "refuses writes whose generation is not 0, in the baseline profile",
    fault: inDevice(
      "setConfig",
      (original) => (q: Uint8Array) =>
        getU32(q, 8) === 0
          ? original(q)
          : (() => {
              const copy = Uint8Array.from(q)
              putU32(copy, 12, 0xffff)
              return original(copy)
            })(),
    ),
  },
  {
    rows: ["V5", "V14"],
    what: "applies every write in the strict profile",
    fault: {
      ...inDevice("setConfig", (original, { device }) => (q: Uint8Array) => {
        putU32(q, 8, device.generation)
        return original(q)
      }),
      isStrict: true,
    },
  },
  {
    rows: ["V44"],
    what: "reads the last byte wrong",
    fault: response(ids.GET_CONFIG, (f) => {
      if (getU32(f, 12) === 39 && getU32(f, 16) === 1) f[20] = 0xee
    }),
  },
  {
    rows: ["V46"],
    what: "changes the generation at a write of nothing",
    fault: inDevice("setConfig", (original, { device }) => (q: Uint8Array) => {
      if (getU32(q, 16) === 0) device.generation++
      return original(q)
    }),
  },
  {
    rows: ["V47"],
    what: "writes what fits of a write over the end",
    fault: inDevice("setConfig", (original, { type }) => (q: Uint8Array) => {
      if (getU32(q, 12) === 38 && getU32(q, 16) === 4) (type.config as Anything)[38] = 0xa5
      return original(q)
    }),
  },
  {
    rows: ["V48", "V23"],
    what: "echoes the bytes of a write that it did not apply",
    fault: response(ids.SET_CONFIG, (f, q) =>
      getU32(f, 16) === 0 && q.length > 20 && getU32(q, 12) === 40 ? resized(f, 22) : f,
    ),
  },
  {
    rows: ["V9"],
    what: "sends EVENT_CONFIG for a generation that does not match",
    fault: {
      out: (f, q) =>
        isResponseTo(f, ids.SET_CONFIG) && getU32(q, 8) === 0x7eadbeef ? [f, configEvent(11)] : f,
    },
  },
  {
    rows: ["V10"],
    what: "changes its configuration at DRIVER_OK without a word",
    fault: {
      patch({ device, type }) {
        const target = device as Anything
        const answer = target.answer.bind(target)
        target.answer = (id: number, q: Uint8Array) => {
          const r = answer(id, q)
          if (id === ids.SET_DEVICE_STATUS && r?.[8] === 15) {
            ;(type.config as Anything)[39]++
            device.generation++
          }
          return r
        }
      },
    },
  },
  {
    rows: ["V15"],
    what: "does not answer GET_CONFIG of everything",
    fault: {
      in: (f) => (isRequest(f, ids.GET_CONFIG) && f.length >= 16 && getU32(f, 12) >= 40 ? undefined : f),
    },
  },
]
