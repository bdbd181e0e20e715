// Wrong devices: virtqueue configuration, rings, I2C. One fault each, by the rows that have to notice.

import { getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import { I2C_DONE, I2C_WRITE_FAILED } from "../../../shared-protocol/src/device-types/i2c.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import {
  type Anything,
  chainByChain,
  flagsOf,
  frame,
  inDevice,
  inQueues,
  inRing,
  isRequest,
  PAYLOAD,
  replacing,
  response,
  SET_VQUEUE_OP,
  setFlags,
  setVqueue,
} from "./faults.js"
import { DEV_NUM, type Fault } from "./wrong-device.js"

export const QUEUE_MUTANTS: Readonly<Record<string, Fault>> = {
  // --- virtqueues ---
  "V52 V53 V65: has size 1 before configuration": inQueues(
    "get",
    (original) => (r: Uint8Array, n: number, i: number) => {
      original(r, n, i)
      if (getU32(r, 16) === 0 && i === 0) putU32(r, 16, 1)
    },
  ),
  "V55: sets another flag of GET_VQUEUE": inQueues(
    "get",
    (original) => (r: Uint8Array, n: number, i: number) => {
      original(r, n, i)
      if (r[20]) r[20] = 3
    },
  ),
  "V54: answers for an absent queue with an address": response(ids.GET_VQUEUE, (f) => {
    if (getU32(f, 8) === 0x10000) f[24] = 1
  }),
  "V56: takes SET_VQUEUE of queue 1 for queue 0": setVqueue((q) => {
    if (getU32(q, 8) === 1) putU32(q, 8, 0)
  }),
  "V57 V59: does not look at the reserved field": setVqueue((q) => putU32(q, PAYLOAD + 12, 0)),
  "V57: does not look at flags bit 15": setVqueue((q) => setFlags(q, flagsOf(q) & ~0x8000)),
  "V57: takes state operation 3 for enable": setVqueue((q) => {
    if ((flagsOf(q) & SET_VQUEUE_OP) === 3) setFlags(q, (flagsOf(q) & ~3) | 1)
  }),
  "V57: does not answer a SET_VQUEUE with reserved flags": {
    in: (f) => (isRequest(f, ids.SET_VQUEUE) && f.length >= 48 && flagsOf(f) >>> 6 !== 0 ? undefined : f),
  },
  "V58 V62: disables a queue by state operation 0": setVqueue((q, { ring }) => {
    if ((flagsOf(q) & 3) === 0 && ring.enabled) ring.enabled = false
  }),
  "V59: takes the addresses of a request whose size it refuses": setVqueue((q, { device }) => {
    const size = getU32(q, PAYLOAD + 8)
    if (size > 256 && (flagsOf(q) & 4) === 0)
      (device.queues as Anything).desc[0] = { low: getU32(q, 24), high: getU32(q, 28) }
  }),
  "V60: does not know the ignore bit of the size": setVqueue((q) => setFlags(q, flagsOf(q) & ~4)),
  "V61: takes another size for an enabled queue": setVqueue((q, { ring, device }) => {
    if (ring.enabled && (flagsOf(q) & 4) === 0) (device.queues as Anything).sizes[0] = getU32(q, PAYLOAD + 8)
  }),
  "V62: takes state operation 2 for enable": setVqueue((q) => {
    if ((flagsOf(q) & 3) === 2) setFlags(q, (flagsOf(q) & ~3) | 1)
  }),
  "V63: resets queue 0 for RESET_VQUEUE of queue 1": inQueues(
    "resetOne",
    (original) => (index: number) => original(index === 1 ? 0 : index),
  ),
  "V64: resets a queue although RING_RESET was not negotiated": inDevice(
    "answer",
    (original, { device }) =>
      (id: number, q: Uint8Array) => {
        if (id === ids.RESET_VQUEUE) (device.queues as Anything).resetOne(getU32(q, 8))
        return original(id, q)
      },
  ),
  "V65: does nothing for RESET_VQUEUE": inDevice(
    "answer",
    (original) => (id: number, q: Uint8Array) =>
      id === ids.RESET_VQUEUE && q.length >= 12 ? frame(1, ids.RESET_VQUEUE, DEV_NUM, []) : original(id, q),
  ),
  "V66: gives a region without length an address": response(ids.GET_SHM, (f) => putU32(f, 24, 0x1000)),
  "V67: sends reserved 1 in GET_SHM": response(ids.GET_SHM, (f) => putU32(f, 12, 1)),
  // --- rings ---
  "R1: refuses requests that are cut into descriptors in an unusual way": {
    patch({ type }) {
      ;(type as Anything).alloc = undefined
    },
  },
  "R8 B39: notifies although it was asked not to": inRing("publish", (original) => () => {
    const due = original()
    return due || true
  }),
  "R11 R13 R18 I5 I6 I9: gives chains back by a wrong index": {
    patch({ ring }) {
      const { push, pushBatch } = ring
      const wrong = (head: number) => (ring.size <= 16 ? head ^ 1 : head)
      ring.push = (head, length) => push.call(ring, wrong(head), length)
      ring.pushBatch = (count, head, length) => pushBatch.call(ring, count, wrong(head), length)
    },
  },
  "R12 I5 I9: claims to have written more than there is room for": inRing(
    "push",
    (original) => (head: number, length: number) => original(head, length + 7),
  ),
  "R13: loses its way when a small ring comes round": inRing(
    "push",
    (original, { ring }) =>
      (head: number, length: number) =>
        original(ring.size === 4 && (ring as Anything).usedIdx >= 4 ? head ^ 1 : head, length),
  ),
  "R14: sets flags 4 in its used ring": inRing("publish", (original, { ring }) => () => {
    ring.deviceArea.put16(ring.used, 4)
    return original()
  }),
  "R15: completes something at every notification": inRing("publish", (original, { ring }) => () => {
    const inside = ring as Anything
    if (inside.usedIdx > 0 && inside.usedIdx === inside.notifiedIdx) inside.usedIdx++
    return original()
  }),
  "R16: takes a queue of 3 descriptors": inQueues(
    "apply",
    (original, { device }) =>
      (setting: Anything, ...rest: unknown[]) => {
        if (setting.size === 3 && (setting.flags & 4) === 0) (device.queues as Anything).sizes[0] = 3
        return original(setting, ...rest)
      },
  ),
  // --- I2C ---
  "I5: counts a byte too few of a read": inRing(
    "push",
    (original) => (head: number, length: number) => original(head, length > 1 ? length - 1 : length),
  ),
  "I5 I9: acknowledges every address": replacing(
    ({ type }) => (type as Anything).controller,
    "transfer",
    (original) => async (address: number, write: unknown, at: number, length: number, read: number) =>
      length === 0 && read === 0 ? I2C_DONE : original(address, write, at, length, read),
  ),
  "I8: executes the rest of a failed group": chainByChain(() => () => false),
  "I8: fails the group behind a failed one, too": chainByChain(() => {
    let failed = 0
    return (isFailed) => {
      failed = isFailed ? 2 : failed - 1
      return failed > 0
    }
  }),
  "I7 I8 I9: says OK for whatever follows a chip that answers": replacing(
    ({ type }) => (type as Anything).controller,
    "transfer",
    (original) => {
      let last = I2C_WRITE_FAILED
      return async (...args: unknown[]) => {
        const result = await original(...args)
        const isLucky = last === I2C_DONE && args[3] === 0 && args[4] === 0
        last = result
        return isLucky ? I2C_DONE : result
      }
    },
  ),
}
