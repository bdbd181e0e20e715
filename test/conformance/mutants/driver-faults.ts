// How to make one fault of a driver: changing what it sends, sending more, changing what it wrote into the window.

import { I2C_NUMBER } from "../../../host/src/conformance/driver/scripted-bus.js"
import { getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
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
