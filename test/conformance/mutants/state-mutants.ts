// Wrong devices: what they are, features, status, configuration. One fault each, by the rows that have to notice.

import { getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { STATUS_DRIVER_OK, STATUS_FEATURES_OK } from "../../../shared-protocol/src/messages/status.js"
import { RING_BROKEN } from "../../../shared-protocol/src/ring/device-ring.js"
import {
  type Anything,
  answer,
  configEvent,
  inDevice,
  inQueues,
  inRing,
  isEvent,
  isRequest,
  isResponseTo,
  resized,
  response,
} from "./faults.js"
import type { Fault } from "./wrong-device.js"

export const STATE_MUTANTS: Readonly<Record<string, Fault>> = {
  // --- what the device is ---
  "V39: claims 70000 virtqueues": response(ids.GET_DEVICE_INFO, (f) => putU32(f, 40, 70000)),
  "V41: has no administration virtqueues, from 3 on": response(ids.GET_DEVICE_INFO, (f) => putU32(f, 44, 3)),
  "G6 V40 V42: has administration virtqueues beyond its last": response(ids.GET_DEVICE_INFO, (f) => {
    putU32(f, 44, 1)
    putU32(f, 48, 2)
  }),
  "V43: has a UUID of no version": response(ids.GET_DEVICE_INFO, (f) => void f.fill(0x11, 16, 32)),
  "V37: is of another vendor once it is active": answer(ids.GET_DEVICE_INFO, (r, _q, { device }) => {
    if (device.status !== 0) r[12] = 9
  }),
  "V31: offers NOTIF_CONFIG_DATA": response(ids.GET_DEVICE_FEATURES, (f, q) => {
    if (getU32(q, 8) === 0 && f.length >= 24) f[20] = (f[20] as number) | 0x80
  }),
  "V38: has a bit in a block more than it says": response(ids.GET_DEVICE_FEATURES, (f, q) => {
    if (getU32(q, 8) === 2 && getU32(q, 12) === 8) f[18] = 1
  }),
  "V16: has bits in block 0x10000": response(ids.GET_DEVICE_FEATURES, (f, q) => {
    if (getU32(q, 8) === 0x10000) f[16] = 1
  }),
  "V18: reports what was selected instead of what is offered": answer(
    ids.GET_DEVICE_FEATURES,
    (r, q, { device }) => {
      if (device.status & 8 && getU32(q, 8) === 0) putU32(r, 16, (device as Anything).selected[0])
    },
  ),
  "V17: forgets the other blocks when one is written": inDevice(
    "setDriverFeatures",
    (original, { device }) =>
      (q: Uint8Array) => {
        if (getU32(q, 12) === 1) {
          const target = device as Anything
          for (let i = 0; i < target.selected.length; i++)
            if (i !== getU32(q, 8)) target.selected[i] = target.model.requiredFeatures[i]
        }
        return original(q)
      },
  ),
  "V17 V32 I2: accepts whatever is selected": inDevice("isSelectionSupported", () => () => true),
  "I1: does not offer zero-length requests to GET_DEVICE_FEATURES of one block": response(
    ids.GET_DEVICE_FEATURES,
    (f, q) => {
      if (getU32(q, 8) === 0 && getU32(q, 12) === 2 && f.length >= 24) f[16] = (f[16] as number) & ~1
    },
  ),
  "I2: accepts a driver without zero-length requests": {
    patch({ device }) {
      ;(device.model as Anything).requiredFeatures = [0, 1]
    },
  },
  // --- status ---
  "V50: answers SET_DEVICE_STATUS with ACKNOWLEDGE missing": response(ids.SET_DEVICE_STATUS, (f) => {
    if (f[8] === 3) f[8] = 2
  }),
  "V12: sends EVENT_CONFIG when the driver writes DRIVER_OK": {
    out: (f) => (isResponseTo(f, ids.SET_DEVICE_STATUS) && f[8] === 15 ? [f, configEvent(15)] : f),
  },
  "V11: reports a status that is not its own": {
    out: (f) => {
      if (isEvent(f, ids.EVENT_CONFIG)) f[8] = 0x7f
      return f
    },
  },
  "V13: names a range when only the status changed": {
    out: (f) => {
      if (isEvent(f, ids.EVENT_CONFIG)) putU32(f, 20, 4)
      return f
    },
  },
  "V-S1: does not mind a ring that makes no sense": inRing("available", (original, { ring }) => () => {
    const count = original()
    ring.brokenReason = ""
    return count === RING_BROKEN ? 0 : count
  }),
  "V49: does not show FEATURES_OK in GET_DEVICE_STATUS": response(ids.GET_DEVICE_STATUS, (f) => {
    if (f[8] === 11) f[8] = 3
  }),
  "V33: serves before DRIVER_OK": inDevice("serve", (original, { device }) => async (queueIndex: number) => {
    const before = device.status
    if ((before & STATUS_FEATURES_OK) !== 0) device.status |= STATUS_DRIVER_OK
    const isEventWanted = await original(queueIndex)
    if ((before & STATUS_DRIVER_OK) === 0) device.status &= ~STATUS_DRIVER_OK
    return isEventWanted
  }),
  "V52 V53: keeps its queues' sizes over a reset": inQueues("reset", (original, { device }) => () => {
    const queues = device.queues as Anything
    const size = queues.sizes[0]
    original()
    queues.sizes[0] = size
  }),
  // --- configuration ---
  "V7: keeps its generation when it is written to": inDevice(
    "setConfig",
    (original, { device }) =>
      (q: Uint8Array) => {
        const before = device.generation
        const r = original(q)
        device.generation = before
        if (r) putU32(r, 8, before)
        return r
      },
  ),
  "V6 V45: answers SET_CONFIG with the generation before": inDevice(
    "setConfig",
    (original, { device }) =>
      (q: Uint8Array) => {
        const before = device.generation
        const r = original(q)
        if (r) putU32(r, 8, before)
        return r
      },
  ),
  "V5 V8: refuses writes whose generation is not 0, in the baseline profile": inDevice(
    "setConfig",
    (original) => (q: Uint8Array) => {
      if (getU32(q, 8) === 0) return original(q)
      const copy = Uint8Array.from(q)
      putU32(copy, 12, 0xffff)
      return original(copy)
    },
  ),
  "V5 V14: applies every write in the strict profile": {
    ...inDevice("setConfig", (original, { device }) => (q: Uint8Array) => {
      putU32(q, 8, device.generation)
      return original(q)
    }),
    isStrict: true,
  },
  "V44: reads the last byte wrong": response(ids.GET_CONFIG, (f) => {
    if (getU32(f, 12) === 39 && getU32(f, 16) === 1) f[20] = 0xee
  }),
  "V46: changes the generation at a write of nothing": inDevice(
    "setConfig",
    (original, { device }) =>
      (q: Uint8Array) => {
        if (getU32(q, 16) === 0) device.generation++
        return original(q)
      },
  ),
  "V47: writes what fits of a write over the end": inDevice(
    "setConfig",
    (original, { type }) =>
      (q: Uint8Array) => {
        if (getU32(q, 12) === 38 && getU32(q, 16) === 4) (type.config as Anything)[38] = 0xa5
        return original(q)
      },
  ),
  "V48 V23: echoes the bytes of a write that it did not apply": response(ids.SET_CONFIG, (f, q) =>
    getU32(f, 16) === 0 && q.length > 20 && getU32(q, 12) === 40 ? resized(f, 22) : f,
  ),
  "V9: sends EVENT_CONFIG for a generation that does not match": {
    out: (f, q) =>
      isResponseTo(f, ids.SET_CONFIG) && getU32(q, 8) === 0x7eadbeef ? [f, configEvent(11)] : f,
  },
  "V10: changes its configuration at DRIVER_OK without a word": answer(
    ids.SET_DEVICE_STATUS,
    (r, _q, { device, type }) => {
      if (r[8] !== 15) return
      ;(type.config as Anything)[39]++
      device.generation++
    },
  ),
  "V15: does not answer GET_CONFIG of everything": {
    in: (f) => (isRequest(f, ids.GET_CONFIG) && f.length >= 16 && getU32(f, 12) >= 40 ? undefined : f),
  },
}
