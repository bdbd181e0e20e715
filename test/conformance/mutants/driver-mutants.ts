// Wrong drivers, one fault each, by the rows that have to notice: our own, with its messages or its part of the window
// changed on their way.

import { I2C_NUMBER } from "../../../host/src/conformance/driver/scripted-bus.js"
import { getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import type { DriverFault } from "../in-process-driver.js"
import {
  byUsedLength,
  header,
  remembering,
  selecting,
  sending,
  trying,
  untold,
  window,
  withWords,
  word,
} from "./driver-faults.js"
import { isRequest, PAYLOAD, resized } from "./faults.js"

export const DRIVER_MUTANTS: Readonly<Record<string, DriverFault>> = {
  "D14: sets a reserved type bit": sending(ids.GET_DEVICE_INFO, (frame) => {
    frame[0] = 0x80
    return undefined
  }),
  "D15: sends GET_VQUEUE 4 bytes too long": sending(ids.GET_VQUEUE, (frame) => [resized(frame, 16)]),
  "D17: puts junk behind GET_VQUEUE": sending(ids.GET_VQUEUE, (frame) => [Uint8Array.of(...frame, 7)]),
  "D1 D15: makes messages larger than the bus carries": sending(ids.GET_VQUEUE, (frame) => [
    resized(frame, 300),
  ]),
  "D16: asks a device that is not there, too": sending(ids.GET_DEVICE_INFO, (frame) => {
    const other = Uint8Array.from(frame)
    putU16(other, 2, 77)
    return [other, frame]
  }),
  "D2: sends a message of a later revision": sending(ids.GET_DEVICE_INFO, (frame) => {
    const later = Uint8Array.from(frame)
    later[1] = 0x0d
    return [later, frame]
  }),
  "D10: answers a request that came from the wrong side": (() => {
    let answer: Uint8Array | undefined
    return {
      receive: (frame) => {
        if (isRequest(frame, ids.GET_DEVICE_STATUS)) answer = Uint8Array.of(1, ...frame.subarray(1))
        return [frame]
      },
      send: (frame) => {
        const extra = answer
        answer = undefined
        return extra ? [extra, frame] : [frame]
      },
    } satisfies DriverFault
  })(),
  "D5 D8: forgets the generation in the strict profile": word(ids.SET_CONFIG, 0, () => 0),
  "D6 D7: sends a generation in the baseline profile": word(ids.SET_CONFIG, 0, (value) => value || 9),
  "D26: selects NOTIF_CONFIG_DATA where it is offered": selecting((frame, isAll) => {
    if (isAll) putU32(frame, PAYLOAD + 12, getU32(frame, PAYLOAD + 12) | 0x80)
  }),
  "D39: selects a bit that nobody has given a meaning": selecting((frame, isAll) => {
    if (isAll) putU32(frame, PAYLOAD + 8, getU32(frame, PAYLOAD + 8) | 0x100)
  }),
  "D59: sends a next_offset": word(ids.EVENT_AVAIL, 4, () => 5),
  "D48 G4: sets reserved flags of SET_VQUEUE, and then does it right": trying(ids.SET_VQUEUE, { 4: 0x42 }),
  "D49: tries state operation 3 first": trying(ids.SET_VQUEUE, { 4: 3 }),
  "D50 D53 D54: disables its queue by state operation 0": sending(ids.SET_VQUEUE, (frame) => [
    frame,
    untold(withWords(frame, { 4: 0 })),
  ]),
  "D53 D54: configures an enabled queue once more": sending(ids.SET_VQUEUE, (frame) => [
    frame,
    untold(frame),
  ]),
  "D47 D51 R20: tries a queue of 100 descriptors first": trying(ids.SET_VQUEUE, { 4: 2, 8: 100 }),
  "D52: tries a table at an odd address first": trying(ids.SET_VQUEUE, { 4: 2, 16: 0x101 }),
  "D56: sends RESET_VQUEUE before it has negotiated anything": sending(ids.GET_DEVICE_FEATURES, (frame) => {
    const reset = resized(Uint8Array.of(...frame.subarray(0, 8), 9, 0, 0, 0), 12)
    reset[1] = ids.RESET_VQUEUE
    return getU16(frame, 2) === I2C_NUMBER ? [untold(reset), frame] : [frame]
  }),
  "D13: asks for a queue in the wrong byte order, too": trying(ids.GET_VQUEUE, { 0: 0x01000000 }),
  "D19 D44 D45 D-S3: writes ACKNOWLEDGE before the reset": sending(ids.SET_DEVICE_STATUS, (frame) =>
    getU32(frame, PAYLOAD) === 0 ? [untold(withWords(frame, { 0: 1 })), frame] : undefined,
  ),
  "D24 D40: reads beyond the configuration, too": trying(ids.GET_CONFIG, { 0: 0xfffffff0 }),
  "D24 D41: writes beyond the configuration, too": sending(ids.SET_CONFIG, (frame) =>
    // not in the strict profile, where its generation would matter
    getU32(frame, PAYLOAD) === 0 ? [untold(withWords(frame, { 4: 0xffffff00 })), frame] : undefined,
  ),
  "D30 D58: notifies a queue that was never configured": sending(ids.EVENT_AVAIL, (frame) =>
    getU16(frame, 2) === I2C_NUMBER ? [withWords(frame, { 0: 5 }), frame] : undefined,
  ),
  // --- the second time ---
  "D20: does not look whether it is the same device when the bus is back": remembering(ids.GET_DEVICE_INFO),
  "D25: does not ask for features again behind a reset": remembering(ids.GET_DEVICE_FEATURES),
  "D27: does not look at FEATURES_OK behind a reset": remembering(
    ids.SET_DEVICE_STATUS,
    (asked) => (asked & 0x0c) === 0x08,
  ),
  "D29: does not look at DRIVER_OK behind a reset": remembering(
    ids.SET_DEVICE_STATUS,
    (asked) => (asked & 0x04) !== 0,
  ),
  "D45: does not wait for the end of a second reset": remembering(
    ids.SET_DEVICE_STATUS,
    (asked) => asked === 0,
  ),
  "D28 D30 D46 D55: does not ask for its queue again behind a reset": remembering(ids.GET_VQUEUE),
  // --- rings and requests ---
  "R26: sets flags 2 of its available ring": window((bytes, { avail }) => {
    bytes[avail] = 2
  }),
  "I22: sets a reserved flag of a request": header((bytes, at) => {
    bytes[at + 4] = (bytes[at + 4] as number) | 0x80
  }),
  "I21: fills the padding of a request": header((bytes, at) => {
    bytes[at + 2] = 1
  }),
  "I26: sets M_RD for a write": header((bytes, at) => {
    bytes[at + 4] = (bytes[at + 4] as number) | 2
  }),
  "D3 D32 R24: marks a descriptor as indirect, which was not negotiated": window((bytes, { desc }) => {
    bytes[desc + 12] = (bytes[desc + 12] as number) | 4
  }),
  "D3 D32 R21: puts a readable buffer behind the status": window((bytes, { desc }) => {
    // the first chain: header, register, status; the next descriptor is free
    bytes[desc + 2 * 16 + 12] = 3
    bytes[desc + 2 * 16 + 14] = 3
    bytes.copyWithin(desc + 3 * 16, desc, desc + 16)
    bytes[desc + 3 * 16 + 12] = 0
  }),
  "R23: skips a descriptor although VIRTIO_F_IN_ORDER was negotiated": window((bytes, { desc }) => {
    bytes.copyWithin(desc + 3 * 16, desc + 2 * 16, desc + 3 * 16)
    bytes[desc + 16 + 14] = 3
  }),
  "D3 D32 R21 R22 R23: makes a chain that runs in a circle": window((bytes, { desc }) => {
    bytes[desc + 2 * 16 + 12] = 3
    bytes[desc + 2 * 16 + 14] = 1
  }),
  // the status keeps what it was made with
  "I29: copies back only as many bytes as the used length says": byUsedLength((_, { used, room }) =>
    used > 0 && used < room ? 0 : undefined,
  ),
  "I29: looks for the status at the end of the used length, outside the buffers": byUsedLength(
    (bytes, { used, room, at }) => (used > room ? bytes[at + used - room] : undefined),
  ),
  "B16 B18 B34 B41 D11 D12 R28 I29: never gives up": { neverGivesUp: true },
  "I24 I28 I29 R28 D20 D27 D29 D42 D55 I20 B34 D12: always says that it did its work": { isAlwaysDone: true },
  "B40 D33: waits for EVENT_USED where there is none": { missesPolling: true },
  "D18: takes only events with token 0": {
    receive: (frame) => (((frame[1] as number) & 0x40) !== 0 && getU16(frame, 4) !== 0 ? [] : [frame]),
  },
  "B10: goes on where it was when the bus comes back with other parameters": (() => {
    const worked = new WeakSet<Uint8Array>()
    return {
      send: (frame, bytes) => {
        if (isRequest(frame, ids.EVENT_AVAIL)) worked.add(bytes)
        if (!worked.has(bytes) || !isRequest(frame, ids.GET_DEVICE_INFO)) return [frame]
        const early = Uint8Array.from(untold(frame))
        early[1] = ids.GET_DEVICE_STATUS
        return [early, frame]
      },
    } satisfies DriverFault
  })(),
  "D3 D31: does nothing at all": { work: async () => {} },
}
