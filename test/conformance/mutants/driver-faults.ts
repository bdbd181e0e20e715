// How to make one fault of a driver: changing what it sends, sending more, changing what it wrote into the window.

import { I2C_NUMBER } from "../../../host/src/conformance/driver/scripted-bus.js"
import { getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { DESCRIPTOR_NEXT, DESCRIPTOR_WRITE } from "../../../shared-protocol/src/ring/layout.js"
import type { DriverFault } from "../in-process-driver.js"
import { isRequest, PAYLOAD } from "./faults.js"

/** Changes the messages with this id in place; what is returned goes instead. */
export function sending(
  msgId: number,
  change: (frame: Uint8Array, window: Uint8Array) => readonly Uint8Array[] | undefined,
): DriverFault {
  return {
    send: (frame, window) => {
      if (!isRequest(frame, msgId)) return [frame]
      const copy = Uint8Array.from(frame)
      return change(copy, window) ?? [copy]
    },
  }
}

export function word(msgId: number, offset: number, change: (value: number) => number): DriverFault {
  return sending(msgId, (frame) => {
    putU32(frame, PAYLOAD + offset, change(getU32(frame, PAYLOAD + offset)) >>> 0)
    return undefined
  })
}

/** Where the I2C device's queue lies in a window, learned from SET_VQUEUE. */
const places = new WeakMap<Uint8Array, { desc: number; avail: number }>()

/** Changes what lies in the window before the I2C device sees a kick. */
export function window(
  change: (bytes: Uint8Array, place: { desc: number; avail: number }) => void,
): DriverFault {
  return {
    send: (frame, bytes) => {
      if (isRequest(frame, ids.SET_VQUEUE) && getU16(frame, 2) === I2C_NUMBER)
        places.set(bytes, { desc: getU32(frame, PAYLOAD + 16), avail: getU32(frame, PAYLOAD + 24) })
      const place = places.get(bytes)
      if (place && isRequest(frame, ids.EVENT_AVAIL) && getU16(frame, 2) === I2C_NUMBER) change(bytes, place)
      return [frame]
    },
  }
}

/** Changes the header of the first I2C request. */
export function header(change: (bytes: Uint8Array, at: number) => void): DriverFault {
  return window((bytes, { desc }) => change(bytes, getU32(bytes, desc)))
}

/** The driver believes used lengths: `statusOf` finds the status of a chain in the window, by what the device claims. */
export function byUsedLength(
  statusOf: (bytes: Uint8Array, place: { used: number; room: number; at: number }) => number | undefined,
): DriverFault {
  const queues = new WeakMap<Uint8Array, { desc: number; used: number; size: number }>()
  return {
    send: (frame, bytes) => {
      if (isRequest(frame, ids.SET_VQUEUE) && getU16(frame, 2) === I2C_NUMBER)
        queues.set(bytes, {
          size: getU32(frame, PAYLOAD + 8),
          desc: getU32(frame, PAYLOAD + 16),
          used: getU32(frame, PAYLOAD + 32),
        })
      return [frame]
    },
    receive: (frame, bytes) => {
      const queue = queues.get(bytes)
      if (!queue || frame[1] !== ids.EVENT_USED || getU16(frame, 2) !== I2C_NUMBER) return [frame]
      for (let n = 0; n < getU16(bytes, queue.used + 2) && n < queue.size; n++) {
        const element = queue.used + 4 + 8 * n
        let at = queue.desc + 16 * getU32(bytes, element)
        let room = 0
        for (; ; at = queue.desc + 16 * getU16(bytes, at + 14)) {
          const flags = getU16(bytes, at + 12)
          if (flags & DESCRIPTOR_WRITE) room += getU32(bytes, at + 8)
          if ((flags & DESCRIPTOR_NEXT) === 0) break
        }
        const statusAt = getU32(bytes, at) + getU32(bytes, at + 8) - 1
        const status = statusOf(bytes, { used: getU32(bytes, element + 4), room, at: statusAt })
        if (status === undefined) continue
        bytes[statusAt] = status
        putU32(bytes, element + 4, room)
      }
      return [frame]
    },
  }
}

/** With a token of its own, so that nobody takes the answer for another's. */
export function untold(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame)
  putU16(copy, 4, 0xeeee)
  return copy
}

/** Changes what is selected; `isAll` where every bit is offered. */
export function selecting(change: (frame: Uint8Array, isAll: boolean) => void): DriverFault {
  // runs of several scenarios go on at once: each has a window of its own
  const withAll = new WeakSet<Uint8Array>()
  return {
    receive: (frame, bytes) => {
      const isOffer = frame[0] === 1 && frame[1] === ids.GET_DEVICE_FEATURES
      if (isOffer && getU32(frame, PAYLOAD + 8) === 0xffffffff) withAll.add(bytes)
      return [frame]
    },
    send: (frame, bytes) => {
      if (!isRequest(frame, ids.SET_DRIVER_FEATURES)) return [frame]
      const copy = Uint8Array.from(frame)
      change(copy, withAll.has(bytes))
      return [copy]
    },
  }
}

/**
 * The driver does not look a second time: from its first I2C request on it takes the I2C device's responses with this id
 * for those of before, one after another. `which` says, by the first word of the request's payload, which ones.
 */
export function remembering(msgId: number, which: (asked: number) => boolean = () => true): DriverFault {
  // runs of several scenarios go on at once: each has a window of its own
  interface Memory {
    readonly asked: Map<number, number>
    readonly first: Uint8Array[]
    hasWorked: boolean
    at: number
  }
  const memories = new WeakMap<Uint8Array, Memory>()
  const memoryOf = (bytes: Uint8Array) => {
    const memory: Memory = memories.get(bytes) ?? { asked: new Map(), first: [], hasWorked: false, at: 0 }
    memories.set(bytes, memory)
    return memory
  }
  return {
    send: (frame, bytes) => {
      const memory = memoryOf(bytes)
      if (getU16(frame, 2) !== I2C_NUMBER) return [frame]
      if (isRequest(frame, ids.EVENT_AVAIL)) memory.hasWorked = true
      if (isRequest(frame, msgId))
        memory.asked.set(getU16(frame, 4), frame.length > PAYLOAD ? getU32(frame, PAYLOAD) : 0)
      return [frame]
    },
    receive: (frame, bytes) => {
      if (frame[0] !== 1 || frame[1] !== msgId || getU16(frame, 2) !== I2C_NUMBER) return [frame]
      const memory = memoryOf(bytes)
      if (!which(memory.asked.get(getU16(frame, 4)) ?? 0)) return [frame]
      if (!memory.hasWorked) memory.first.push(Uint8Array.from(frame))
      const remembered = memory.first[memory.at % memory.first.length]
      if (!memory.hasWorked || !remembered) return [frame]
      memory.at++
      const copy = Uint8Array.from(remembered)
      copy.set(frame.subarray(4, 6), 4)
      return [copy]
    },
  }
}

/** In front of each message with this id, another one like it: `at` says which words of its payload are different. */
export function trying(msgId: number, at: Readonly<Record<number, number>>): DriverFault {
  return sending(msgId, (frame) => [untold(withWords(frame, at)), frame])
}

/** A copy with other 32-bit numbers in its payload, by their offset there. */
export function withWords(frame: Uint8Array, at: Readonly<Record<number, number>>): Uint8Array {
  const copy = Uint8Array.from(frame)
  for (const [offset, value] of Object.entries(at)) putU32(copy, PAYLOAD + Number(offset), value)
  return copy
}
