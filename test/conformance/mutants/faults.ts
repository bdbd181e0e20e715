// How to make one fault: rewriting frames, answering what should be discarded, replacing a method of the device.

import { getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import { encodeEventConfig } from "../../../shared-protocol/src/messages/events.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import { type DeviceRing, RING_BROKEN } from "../../../shared-protocol/src/ring/device-ring.js"
import { DEV_NUM, type Fault, type Parts } from "./wrong-device.js"

export const PAYLOAD = 8
export const SET_VQUEUE_OP = 3

export const isBus = (frame: Uint8Array) => ((frame[0] as number) & 2) !== 0
export const isResponse = (frame: Uint8Array) => ((frame[0] as number) & 1) !== 0
export const isResponseTo = (frame: Uint8Array, msgId: number) =>
  !isBus(frame) && isResponse(frame) && frame[1] === msgId
export const isBusResponse = (frame: Uint8Array, msgId: number) =>
  isBus(frame) && isResponse(frame) && frame[1] === msgId
export const isEvent = (frame: Uint8Array, msgId: number) => !isBus(frame) && frame[1] === msgId
export const isRequest = (frame: Uint8Array, msgId: number) =>
  ((frame[0] as number) & 3) === 0 && frame[1] === msgId

/** A frame from the device, of any payload. */
export function frame(type: number, msgId: number, devNum: number, payload: number[], token = 0): Uint8Array {
  const size = PAYLOAD + payload.length
  return Uint8Array.of(
    type,
    msgId,
    devNum & 255,
    devNum >> 8,
    token & 255,
    token >> 8,
    size & 255,
    size >> 8,
    ...payload,
  )
}

/** The same frame longer or shorter, its msg_size with it. */
export function resized(bytes: Uint8Array, size: number): Uint8Array {
  const copy = new Uint8Array(size)
  copy.set(bytes.subarray(0, size))
  putU16(copy, 6, size)
  return copy
}

/** Changes the responses to a transport request in place. */
export function response(msgId: number, change: (frame: Uint8Array, request: Uint8Array) => unknown): Fault {
  return {
    out: (each, request) => {
      if (!isResponseTo(each, msgId)) return each
      return asFrames(change(each, request), each)
    },
  }
}

/** The same for a response of the bus. */
export function busResponse(
  msgId: number,
  change: (frame: Uint8Array, request: Uint8Array) => unknown,
): Fault {
  return {
    out: (each, request) => (isBusResponse(each, msgId) ? asFrames(change(each, request), each) : each),
  }
}

/** Answers what should be discarded. */
export function answering(is: (request: Uint8Array) => boolean, payload: number[] = [0, 0, 0, 0]): Fault {
  return {
    patch({ endpoint, link }) {
      const take = endpoint.mailbox.onMessage
      endpoint.mailbox.onMessage = (packet, offset, length) => {
        const bytes = Uint8Array.from((packet as unknown as Uint8Array).subarray(offset, offset + length))
        if (length >= 8 && is(bytes))
          link.post(
            frame((bytes[0] as number) | 1, bytes[1] as number, getU16(bytes, 2), payload, getU16(bytes, 4)),
          )
        take(packet, offset, length)
      }
    },
  }
}

/** Replaces a method of one of the device's parts. */
// biome-ignore lint/suspicious/noExplicitAny: a mutant reaches into private parts
export type Anything = any

export function replacing(
  where: (parts: Parts) => object,
  name: string,
  make: (original: Anything, parts: Parts) => Anything,
): Fault {
  return {
    patch(parts) {
      const target = where(parts) as Anything
      target[name] = make(target[name].bind(target), parts)
    },
  }
}

export const inQueues = (name: string, make: (original: Anything, parts: Parts) => Anything) =>
  replacing(({ device }) => device.queues, name, make)
export const inRing = (name: string, make: (original: Anything, parts: Parts) => Anything) =>
  replacing(({ ring }) => ring, name, make)
export const inDevice = (name: string, make: (original: Anything, parts: Parts) => Anything) =>
  replacing(({ device }) => device, name, make)

/**
 * Serves an I2C queue chain by chain, as the real device does not. After each chain `decide` hears whether its group has
 * failed, and says what the device believes of the next one; it is made anew for each device.
 */
export function chainByChain(makeDecide: () => (isFailed: boolean) => boolean): Fault {
  return replacing(
    ({ type }) => type,
    "serve",
    (original, { type }) => {
      const decide = makeDecide()
      return async (queueIndex: number, ring: DeviceRing) => {
        const device = type as Anything
        const index = ring.avail + 2
        const end = getU16(ring.driverArea, index)
        let problem = ""
        while (problem === "" && ring.lastAvail !== end && ring.available() !== RING_BROKEN) {
          putU16(ring.driverArea, index, (ring.lastAvail + 1) & 0xffff)
          problem = await original(queueIndex, ring)
          device.isGroupFailed = decide(device.isGroupFailed)
        }
        putU16(ring.driverArea, index, end)
        return problem || original(queueIndex, ring)
      }
    },
  )
}

/** Changes what the device answers to a transport request in place, by the state that it is in then. */
export const answer = (
  msgId: number,
  change: (response: Uint8Array, request: Uint8Array, parts: Parts) => void,
): Fault =>
  inDevice("answer", (original, parts) => (id: number, request: Uint8Array) => {
    const made = original(id, request)
    if (id === msgId && made) change(made, request, parts)
    return made
  })

/** SET_VQUEUE, before the device looks at it: what is changed in it the device takes for what the driver sent. */
export function setVqueue(change: (request: Uint8Array, parts: Parts) => void): Fault {
  return inQueues("set", (original, parts) => (request: Uint8Array, features: unknown) => {
    change(request, parts)
    return original(request, features)
  })
}

export const flagsOf = (request: Uint8Array) => getU32(request, PAYLOAD + 4)
export const setFlags = (request: Uint8Array, flags: number) => putU32(request, PAYLOAD + 4, flags)

export function configEvent(status: number): Uint8Array {
  const bytes = new Uint8Array(24)
  encodeEventConfig(bytes, DEV_NUM, {
    deviceStatus: status,
    generation: 0,
    offset: 0,
    length: 0,
    hasData: false,
    data: bytes,
    dataOffset: 0,
  })
  return bytes
}

/** Sends something once, behind the first response to GET_SHM. */
export function onceWith(send: (post: (frame: Uint8Array) => void) => void): Fault {
  let isDone = false
  return {
    out: (each) => {
      if (isDone || !isResponseTo(each, ids.GET_SHM)) return each
      isDone = true
      const frames = [each]
      send((extra) => frames.push(extra))
      return frames
    },
  }
}

export function put8(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
}

/** What a change returned, if frames; otherwise the frame that it changed in place. */
function asFrames(returned: unknown, changed: Uint8Array): Uint8Array {
  return returned instanceof Uint8Array ? returned : changed
}
