// Device models with one thing wrong, each by the rows that have to notice.

import { writeSync } from "node:fs"
import { constants } from "node:os"
import * as layouts from "../../../host/src/node/bridge/layouts.js"
import { getU16, putU16 } from "../../../shared-protocol/src/bytes.js"
import { TYPE_BUS, TYPE_RESPONSE } from "../../../shared-protocol/src/messages/header.js"
import { EVENT_USED, GET_DEVICE_INFO, PING } from "../../../shared-protocol/src/messages/ids.js"
import { type Mutant, mutantsOf } from "../mutants/mutant.js"
import type { ModelFault } from "./wrong-model.js"

const { TOPOLOGY_RESET, TOPOLOGY_COMMIT, MAP_ADD, ERROR } = layouts
const PAYLOAD = 8
const ROW_WINDOW = 0x4_0000_0000n

const isBus = (frame: Uint8Array) => ((frame[0] as number) & TYPE_BUS) !== 0
const isAnswer = (frame: Uint8Array) => isBus(frame) && ((frame[0] as number) & TYPE_RESPONSE) !== 0
const view = (frame: Uint8Array) => new DataView(frame.buffer, frame.byteOffset)
const epochOf = (frame: Uint8Array) => view(frame).getBigUint64(PAYLOAD, true)

/** Changes every message of the bridge's own with this id in place. */
const changing = (msgId: number, change: (frame: Uint8Array) => unknown): ModelFault => ({
  out(frame) {
    if (isBus(frame) && frame[1] === msgId) change(frame)
    return [frame]
  },
})

/** Says more behind each frame that `is`. */
const adding = (is: (frame: Uint8Array) => boolean, more: (frame: Uint8Array) => Uint8Array): ModelFault => ({
  out: (frame) => (is(frame) ? [frame, more(frame)] : [frame]),
})

const inArgument = (name: "RESOLVE" | "ATTACH", change: (bytes: Uint8Array) => unknown): ModelFault => ({
  argument: (each, bytes) => {
    if (each === name) change(bytes)
  },
})

function frame(type: number, msgId: number, devNum: number, payloadBytes: number, token = 0): Uint8Array {
  const bytes = new Uint8Array(PAYLOAD + payloadBytes)
  bytes[0] = type
  bytes[1] = msgId
  putU16(bytes, 2, devNum)
  putU16(bytes, 4, token)
  putU16(bytes, 6, bytes.length)
  return bytes
}

/** Faults of a method of the session's windows. */
const window = (
  name: "add" | "remove" | "clear",
  make: (original: Anything, kernel: Anything) => Anything,
): ModelFault => ({
  hooks: {
    onSession(session, kernel) {
      const windows = session.window as Anything
      windows[name] = make(windows[name].bind(windows), kernel)
    },
  },
})
// biome-ignore lint/suspicious/noExplicitAny: a mutant reaches into private parts
type Anything = any

/** A cursor that cannot be is set to what could. */
const forgiving = (mend: (rings: { tx: Anything; rx: Anything }) => void): ModelFault => ({
  rings: (rings, seen) => ({
    ...rings,
    onCall: (callback) =>
      rings.onCall(() => {
        mend(seen as Anything)
        callback()
      }),
  }),
})

const FAULTS: Readonly<Record<string, ModelFault>> = {
  "K1: leaves a byte behind the endpoint's name": inArgument("RESOLVE", (bytes) => {
    bytes[62] = 1
  }),
  "K2: has a flag that RESOLVE does not know": inArgument("RESOLVE", (bytes) => {
    bytes[68] = 3
  }),
  "K3: attaches to another handle": inArgument("ATTACH", (bytes) => {
    bytes[0] = 9
  }),
  "K4: has a flag that ATTACH does not know": inArgument("ATTACH", (bytes) => {
    bytes[4] = 1
  }),
  "K5: takes no message of 72 bytes": { hooks: { maxMessageSize: 64 } },
  "K6: has rings of 128 entries": inArgument("ATTACH", (bytes) => view(bytes).setUint32(40, 128, true)),
  "K7: leaves the header of its ring unwritten": inArgument("ATTACH", (bytes) => {
    writeSync(view(bytes).getInt32(8, true), new Uint8Array(16), 0, 16, 8)
  }),
  "K8: maps though it is not attached": {
    hooks: {
      onNode(node) {
        const attach = node.attach.bind(node)
        node.attach = (handle, size) => {
          try {
            return attach(handle, size)
          } catch (error) {
            node.map(0, 4096)
            throw error
          }
        }
      },
    },
  },
  "K9: takes any version": { rings: (rings) => ({ ...rings, caps: { ...rings.caps, version: 1 } }) },
  "K10: thinks that every endpoint is online": {
    rings: (rings) => ({ ...rings, caps: { ...rings.caps, flags: 1, epoch: 1n, maxMessageSize: 264 } }),
  },
  "K11: answers one request twice": adding(
    (each) => !isBus(each) && each[1] === GET_DEVICE_INFO && getU16(each, 4) === 150,
    (each) => each,
  ),
  "K12: writes over what is not taken": {
    rings: (rings, { tx }) => ({
      ...rings,
      kick() {
        if (tx && (tx.prod - tx.cons) >>> 0 === 256) tx.prod++
        rings.kick()
      },
    }),
  },
  "K13: does not say that it made room": {
    rings(rings, { tx }) {
      let said = tx?.prod
      return {
        ...rings,
        kick() {
          if (tx?.prod === said) return
          said = tx?.prod
          rings.kick()
        },
      }
    },
  },
  "K14: waits until its doorbell is taken": {
    rings(rings, { kernel }) {
      let isFull = false
      const fill = kernel.fillKick.bind(kernel)
      kernel.fillKick = () => {
        isFull = true
        fill()
      }
      return {
        ...rings,
        onCall: (callback) =>
          rings.onCall(() => {
            if (!isFull) callback()
          }),
      }
    },
  },
  "K15: has a message that is longer than agreed": {
    out(each) {
      if (!isBus(each) && each[1] === GET_DEVICE_INFO) putU16(each, 6, 300)
      return [each]
    },
  },
  "K16: has an event with a token": changing(TOPOLOGY_RESET, (each) => putU16(each, 4, 5)),
  "K17: has something in what is reserved": changing(TOPOLOGY_RESET, (each) => {
    each[20] = 1
  }),
  "K18: says PING": adding(
    (each) => isBus(each) && each[1] === TOPOLOGY_COMMIT,
    () => frame(TYPE_BUS, PING, 0, 4),
  ),
  "K18 K19: answers PING": {
    in(each, { say }) {
      if (isBus(each) && each[1] === PING) say(frame(3, PING, 0, 4))
      return [each]
    },
  },
  "K20 K26: begins its topology twice": adding(
    (each) => isBus(each) && each[1] === TOPOLOGY_RESET,
    (each) => each,
  ),
  "K21: counts one device too many": changing(TOPOLOGY_COMMIT, (each) =>
    putU16(each, 16, getU16(each, 16) + 1),
  ),
  "K22 K24: says something of a device before it is published": {
    out: (each) =>
      isBus(each) && each[1] === TOPOLOGY_RESET && epochOf(each) === 1n
        ? [frame(0, EVENT_USED, 0, 4), each]
        : [each],
  },
  "K23: publishes a device that is not there": {
    hooks: {
      onSession(session) {
        const publish = session.publish.bind(session)
        session.publish = (devices) => publish([...devices, 9])
      },
    },
  },
  "K24: says something of a device that it has not": adding(
    (each) => !isBus(each),
    () => frame(0, EVENT_USED, 77, 4),
  ),
  "K25: goes on talking while it is offline": {
    in(each, { say }) {
      if (isBus(each) && each[1] === layouts.ENDPOINT_OFFLINE)
        setTimeout(() => say(frame(0, EVENT_USED, 0, 4)), 20)
      return [each]
    },
  },
  "K26: publishes fewer devices when it is online again": {
    hooks: {
      onSession(session) {
        let count = 0
        const publish = session.publish.bind(session)
        session.publish = (devices) => publish(count++ === 0 ? devices : devices.slice(0, -1))
      },
    },
  },
  "K27 K40: takes the window of the first epoch only": window("add", (original) => {
    const taken = new Set<bigint>()
    return (request: Anything) => {
      if (taken.has(request.address)) return constants.errno.ENOMEM
      taken.add(request.address)
      return original(request)
    }
  }),
  "K28: takes a stale message for a new one": {
    in(each, { kernel }) {
      if (
        isBus(each) &&
        each[1] === MAP_ADD &&
        each.length === 72 &&
        kernel.sent.length > 1 &&
        epochOf(each) === 1n
      ) {
        const online = kernel.sent.filter((sent) => sent[1] === layouts.ENDPOINT_ONLINE).at(-1)
        if (online) view(each).setBigUint64(PAYLOAD, epochOf(online), true)
      }
      return [each]
    },
  },
  "K29: takes a future message for one of now": {
    in(each) {
      if (isBus(each) && each[1] === MAP_ADD && each.length === 72 && epochOf(each) === 4n)
        view(each).setBigUint64(PAYLOAD, 1n, true)
      return [each]
    },
  },
  "K30 K32: answers for another epoch": changing(MAP_ADD, (each) =>
    view(each).setBigUint64(PAYLOAD, epochOf(each) + 5n, true),
  ),
  "K31: keeps what was mapped in an epoch before": window("clear", (original, kernel) => () => {
    const munmap = kernel.munmap
    kernel.munmap = () => {}
    original()
    kernel.munmap = munmap
  }),
  "K32: answers for another window": changing(MAP_ADD, (each) =>
    view(each).setBigUint64(24, view(each).getBigUint64(24, true) + 1n, true),
  ),
  "K33: maps from the beginning": {
    hooks: {
      onNode(node) {
        const map = node.map.bind(node)
        node.map = (_offset, lengthBytes) => map(0, lengthBytes)
      },
    },
  },
  "K34: answers MAP_DEL before the MAP_ADD that came first": {
    out(each, { say }) {
      if (!isAnswer(each) || each[1] !== MAP_ADD) return [each]
      queueMicrotask(() => say(each))
      return []
    },
  },
  "K35: says that all is well though nothing was mapped": {
    hooks: {
      onNode(node) {
        const map = node.map.bind(node)
        node.map = (offset, lengthBytes) => {
          try {
            return map(offset, lengthBytes)
          } catch {
            return { bytes: new Uint8Array(lengthBytes), unmap() {} }
          }
        }
      },
    },
  },
  "K36: maps as much as is asked for": window("add", (original) => (request: Anything) => {
    const { length, mmapLength } = request
    return original({ ...request, mmapLength: length > mmapLength ? length : mmapLength })
  }),
  "K37: takes a window over another": window("add", (original) => (request: Anything) => {
    const errno = original(request)
    return errno === constants.errno.EEXIST ? 0 : errno
  }),
  "K38: answers first and unmaps later": {
    hooks: {
      onNode(node) {
        const map = node.map.bind(node)
        node.map = (offset, lengthBytes) => {
          const { bytes, unmap } = map(offset, lengthBytes)
          return { bytes, unmap: () => void setTimeout(unmap, 50) }
        }
      },
    },
  },
  "K39: says that all is well of a window that it has not": window(
    "remove",
    (original) => (place: Anything) => (original(place) === 0 ? 0 : 0),
  ),
  "K40: never takes an id again": window("add", (original) => {
    const ids = new Set<bigint>()
    return (request: Anything) => {
      if (ids.has(request.id)) return constants.errno.EEXIST
      ids.add(request.id)
      return original(request)
    }
  }),
  "K41: writes wherever a descriptor says": {
    hooks: {
      onSession(session, kernel) {
        const write = session.window.write.bind(session.window)
        session.window.holds = () => true
        session.window.write = (address, bytes) => {
          const at = address - 0x2_0000_0000
          if (at >= 65536 && at + bytes.length < kernel.window.length) kernel.window.set(bytes, at)
          else write(address, bytes)
        }
      },
    },
  },
  "K38 K40 K42: goes on using what it said it had unmapped": window(
    "remove",
    (original) => (place: Anything) => (place.id % 2n === 1n && place.id < 170n ? 0 : original(place)),
  ),
  "K43: lets a window go that is to be kept": {
    out(each, { kernel }) {
      const asked = kernel.sent.find(
        (sent) => sent[1] === MAP_ADD && sent.length === 72 && getU16(sent, 4) === getU16(each, 4),
      )
      if (!isAnswer(each) || each[1] !== MAP_ADD || !asked) return [each]
      const values = layouts.MAP_ADD_PAYLOAD.get(asked, PAYLOAD)
      if (values.address !== ROW_WINDOW) return [each]
      return [each, layouts.bridgeFrame(layouts.MAP_RELEASED, layouts.RELEASED_PAYLOAD, values)]
    },
  },
  "K44: says ERROR of another message": changing(ERROR, (each) => {
    each[10] = 0x77
  }),
  "K45: says nothing of what no device can answer": {
    out: (each) => (isBus(each) && each[1] === ERROR && getU16(each, 8) !== 0x4321 ? [] : [each]),
  },
  "K46: says ERROR twice": adding(
    (each) => isBus(each) && each[1] === ERROR,
    (each) => each,
  ),
  "K47: says ERROR of an event": {
    in(each, { say }) {
      if (!isBus(each) && each[1] === 0x7e) say(frame(3, ERROR, 0, 8))
      return [each]
    },
  },
  "K48: takes no notice of a message without a header": { in: (each) => (getU16(each, 6) < 8 ? [] : [each]) },
  "K49: takes no notice of a payload of another size": {
    in: (each) => (isBus(each) && each[1] === MAP_ADD && each.length !== 72 && each[0] === 2 ? [] : [each]),
  },
  "K50 K51: forgives a prod": forgiving(({ rx }) => {
    if ((rx.prod - rx.cons) >>> 0 > 256) rx.prod = rx.cons
  }),
  "K52: forgives a cons": forgiving(({ tx }) => {
    if ((tx.prod - tx.cons) >>> 0 > 256) tx.cons = tx.prod
  }),
  "K53: does not notice that its session is over": { rings: (rings) => ({ ...rings, isOver: () => false }) },
}

export const MODEL_MUTANTS: readonly Mutant<ModelFault>[] = mutantsOf(FAULTS)
