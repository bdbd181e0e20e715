// Wrong devices: virtqueue configuration, rings, I2C. One fault each, and the rows that have to notice.

import { getU32, putU32 } from "../../../shared-protocol/src/bytes.js"
import { I2C_DONE, I2C_WRITE_FAILED } from "../../../shared-protocol/src/device/i2c-controller.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import {
  type Anything,
  flagsOf,
  frame,
  inQueues,
  inRing,
  isRequest,
  type Mutant,
  PAYLOAD,
  replacing,
  response,
  SET_VQUEUE_OP,
  setFlags,
  setVqueue,
} from "./faults.js"
import { DEV_NUM } from "./wrong-device.js"

export const QUEUE_MUTANTS: readonly Mutant[] = [
  // --- virtqueues ---
  {
    rows: ["V52", "V53", "V65"],
    what: "has size 1 before configuration",
    fault: inQueues("get", (original) => (r: Uint8Array, n: number, i: number) => {
      original(r, n, i)
      if (getU32(r, 16) === 0 && i === 0) putU32(r, 16, 1)
    }),
  },
  {
    rows: ["V55"],
    what: "sets another flag of GET_VQUEUE",
    fault: inQueues("get", (original) => (r: Uint8Array, n: number, i: number) => {
      original(r, n, i)
      if (r[20]) r[20] = 3
    }),
  },
  {
    rows: ["V54"],
    what: "answers for an absent queue with an address",
    fault: response(ids.GET_VQUEUE, (f) => {
      if (getU32(f, 8) === 0x10000) f[24] = 1
    }),
  },
  {
    rows: ["V56"],
    what: "takes SET_VQUEUE of queue 1 for queue 0",
    fault: setVqueue((q) => {
      if (getU32(q, 8) === 1) putU32(q, 8, 0)
    }),
  },
  {
    rows: ["V57", "V59"],
    what: "does not look at the reserved field",
    fault: setVqueue((q) => putU32(q, PAYLOAD + 12, 0)),
  },
  {
    rows: ["V57"],
    what: "does not look at flags bit 15",
    fault: setVqueue((q) => setFlags(q, flagsOf(q) & ~0x8000)),
  },
  {
    rows: ["V57"],
    what: "takes state operation 3 for enable",
    fault: setVqueue((q) => {
      if ((flagsOf(q) & SET_VQUEUE_OP) === 3) setFlags(q, (flagsOf(q) & ~3) | 1)
    }),
  },
  {
    rows: ["V57"],
    what: "does not answer a SET_VQUEUE with reserved flags",
    fault: {
      in: (f) => (isRequest(f, ids.SET_VQUEUE) && f.length >= 48 && flagsOf(f) >>> 6 !== 0 ? undefined : f),
    },
  },
  {
    rows: ["V58", "V62"],
    what: "disables a queue by state operation 0",
    fault: setVqueue((q, { ring }) => {
      if ((flagsOf(q) & 3) === 0 && ring.enabled) ring.enabled = false
    }),
  },
  {
    rows: ["V59"],
    what: "takes the addresses of a request whose size it refuses",
    fault: setVqueue((q, { device }) => {
      const size = getU32(q, PAYLOAD + 8)
      if (size > 256 && (flagsOf(q) & 4) === 0)
        (device.queues as Anything).desc[0] = { low: getU32(q, 24), high: getU32(q, 28) }
    }),
  },
  {
    rows: ["V60"],
    what: "does not know the ignore bit of the size",
    fault: setVqueue((q) => setFlags(q, flagsOf(q) & ~4)),
  },
  {
    rows: ["V61"],
    what: "takes another size for an enabled queue",
    fault: setVqueue((q, { ring, device }) => {
      if (ring.enabled && (flagsOf(q) & 4) === 0)
        (device.queues as Anything).sizes[0] = getU32(q, PAYLOAD + 8)
    }),
  },
  {
    rows: ["V62"],
    what: "takes state operation 2 for enable",
    fault: setVqueue((q) => {
      if ((flagsOf(q) & 3) === 2) setFlags(q, (flagsOf(q) & ~3) | 1)
    }),
  },
  {
    rows: ["V63"],
    what: "resets queue 0 for RESET_VQUEUE of queue 1",
    fault: inQueues("resetOne", (original) => (index: number) => original(index === 1 ? 0 : index)),
  },
  {
    rows: ["V64"],
    what: "resets a queue although RING_RESET was not negotiated",
    fault: {
      patch({ device }) {
        const target = device as Anything
        const answer = target.answer.bind(target)
        target.answer = (id: number, q: Uint8Array) => {
          if (id === ids.RESET_VQUEUE) target.queues.resetOne(getU32(q, 8))
          return answer(id, q)
        }
      },
    },
  },
  {
    rows: ["V65"],
    what: "does nothing for RESET_VQUEUE",
    fault: {
      in: (f) => f,
      patch({ device }) {
        const target = device as Anything
        const answer = target.answer.bind(target)
        target.answer = (id: number, q: Uint8Array) =>
          id === ids.RESET_VQUEUE && q.length >= 12 ? frame(1, ids.RESET_VQUEUE, DEV_NUM, []) : answer(id, q)
      },
    },
  },
  {
    rows: ["V66"],
    what: "gives a region without length an address",
    fault: response(ids.GET_SHM, (f) => putU32(f, 24, 0x1000)),
  },
  {
    rows: ["V67"],
    what: "sends reserved 1 in GET_SHM",
    fault: response(ids.GET_SHM, (f) => putU32(f, 12, 1)),
  },
  // --- rings ---
  {
    rows: ["R1"],
    what: "refuses requests that are cut into descriptors in an unusual way",
    fault: {
      patch({ type }) {
        ;(type as Anything).alloc = undefined
      },
    },
  },
  {
    rows: ["R8", "B39"],
    what: "notifies although it was asked not to",
    fault: inRing("publish", (original) => () => {
      const due = original()
      return due || true
    }),
  },
  {
    rows: ["R11", "R13", "R18", "I5", "I6", "I9"],
    what: "gives chains back by a wrong index",
    fault: inRing(
      "push",
      (original, { ring }) =>
        (head: number, length: number) =>
          original(ring.size <= 16 ? head ^ 1 : head, length),
    ),
  },
  {
    rows: ["R12", "I5", "I9"],
    what: "claims to have written more than there is room for",
    fault: inRing("push", (original) => (head: number, length: number) => original(head, length + 7)),
  },
  {
    rows: ["R13"],
    what: "loses its way when a small ring comes round",
    fault: inRing(
      "push",
      (original, { ring }) =>
        (head: number, length: number) =>
          original(ring.size === 4 && (ring as Anything).usedIdx >= 4 ? head ^ 1 : head, length),
    ),
  },
  {
    rows: ["R14"],
    what: "sets flags 4 in its used ring",
    fault: inRing("publish", (original, { ring }) => () => {
      ring.deviceArea.put16(ring.used, 4)
      return original()
    }),
  },
  {
    rows: ["R15"],
    what: "completes something at every notification",
    fault: inRing("publish", (original, { ring }) => () => {
      const inside = ring as Anything
      if (inside.usedIdx > 0 && inside.usedIdx === inside.notifiedIdx) inside.usedIdx++
      return original()
    }),
  },
  {
    rows: ["R16"],
    what: "takes a queue of 3 descriptors",
    fault: inQueues("apply", (original, { device }) => (setting: Anything, ...rest: unknown[]) => {
      if (setting.size === 3 && (setting.flags & 4) === 0) (device.queues as Anything).sizes[0] = 3
      return original(setting, ...rest)
    }),
  },
  // --- I2C ---
  {
    rows: ["I5"],
    what: "counts a byte too few of a read",
    fault: inRing(
      "push",
      (original) => (head: number, length: number) => original(head, length > 1 ? length - 1 : length),
    ),
  },
  {
    rows: ["I5", "I9"],
    what: "acknowledges every address",
    fault: replacing(
      ({ type }) => (type as Anything).controller,
      "transfer",
      (original) => async (address: number, write: unknown, at: number, length: number, read: number) =>
        length === 0 && read === 0 ? I2C_DONE : original(address, write, at, length, read),
    ),
  },
  {
    rows: ["I8"],
    what: "executes the rest of a failed group",
    fault: {
      patch({ type }) {
        Object.defineProperty(type, "isGroupFailed", { get: () => false, set: () => {} })
      },
    },
  },
  {
    rows: ["I8"],
    what: "fails the group behind a failed one, too",
    fault: {
      patch({ type }) {
        let failed = 0
        Object.defineProperty(type, "isGroupFailed", {
          get: () => failed > 0,
          set: (value: boolean) => {
            failed = value ? 2 : failed - 1
          },
        })
      },
    },
  },
  {
    rows: ["I7", "I8", "I9"],
    what: "says OK for whatever follows a chip that answers",
    fault: replacing(
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
  },
]
