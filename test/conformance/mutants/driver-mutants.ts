// Wrong drivers, one fault each, and the rows that have to notice: our own, with its messages or its part of the window
// changed on their way.

import { I2C_NUMBER } from "../../../host/src/conformance/driver/scripted-bus.js"
import { getU16, getU32, putU16, putU32 } from "../../../shared-protocol/src/bytes.js"
import * as ids from "../../../shared-protocol/src/messages/ids.js"
import type { DriverFault } from "../in-process-driver.js"

export interface DriverMutant {
  /** The rows that fail, and only these. */
  readonly rows: readonly string[]
  readonly what: string
  readonly fault: DriverFault
}

const PAYLOAD = 8

const isRequest = (frame: Uint8Array, msgId: number) => frame[0] === 0 && frame[1] === msgId

/** Changes the messages with this id in place; what is returned goes instead. */
function sending(
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

function word(msgId: number, offset: number, change: (value: number) => number): DriverFault {
  return sending(msgId, (frame) => {
    putU32(frame, PAYLOAD + offset, change(getU32(frame, PAYLOAD + offset)) >>> 0)
    return undefined
  })
}

function resized(frame: Uint8Array, size: number): Uint8Array {
  const copy = new Uint8Array(size)
  copy.set(frame.subarray(0, size))
  putU16(copy, 6, size)
  return copy
}

/** Where the I2C device's queue lies in a window, learned from SET_VQUEUE. */
const places = new WeakMap<Uint8Array, { desc: number; avail: number }>()

/** Changes what lies in the window before the I2C device sees a kick. */
function window(change: (bytes: Uint8Array, place: { desc: number; avail: number }) => void): DriverFault {
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
function header(change: (bytes: Uint8Array, at: number) => void): DriverFault {
  return window((bytes, { desc }) => change(bytes, getU32(bytes, desc)))
}

export const DRIVER_MUTANTS: readonly DriverMutant[] = [
  {
    rows: ["D14"],
    what: "sets a reserved type bit",
    fault: sending(ids.GET_DEVICE_INFO, (frame) => {
      frame[0] = 0x80
      return undefined
    }),
  },
  {
    rows: ["D15"],
    what: "sends GET_VQUEUE 4 bytes too long",
    fault: sending(ids.GET_VQUEUE, (frame) => [resized(frame, 16)]),
  },
  {
    rows: ["D17"],
    what: "puts junk behind GET_VQUEUE",
    fault: sending(ids.GET_VQUEUE, (frame) => [Uint8Array.of(...frame, 7)]),
  },
  {
    rows: ["D1", "D15"],
    what: "makes messages larger than the bus carries",
    fault: sending(ids.GET_VQUEUE, (frame) => [resized(frame, 300)]),
  },
  {
    rows: ["D16"],
    what: "asks a device that is not there, too",
    fault: sending(ids.GET_DEVICE_INFO, (frame) => {
      const other = Uint8Array.from(frame)
      putU16(other, 2, 77)
      return [other, frame]
    }),
  },
  {
    rows: ["D2"],
    what: "sends a message of a later revision",
    fault: sending(ids.GET_DEVICE_INFO, (frame) => {
      const later = Uint8Array.from(frame)
      later[1] = 0x0d
      return [later, frame]
    }),
  },
  {
    rows: ["D10"],
    what: "answers a request that came from the wrong side",
    fault: (() => {
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
  },
  {
    rows: ["D5", "D8"],
    what: "forgets the generation in the strict profile",
    fault: word(ids.SET_CONFIG, 0, () => 0),
  },
  {
    rows: ["D6", "D7"],
    what: "sends a generation in the baseline profile",
    fault: word(ids.SET_CONFIG, 0, (value) => value || 9),
  },
  {
    rows: ["D26"],
    what: "selects NOTIF_CONFIG_DATA where it is offered",
    fault: selecting((frame, isAll) => {
      if (isAll) putU32(frame, PAYLOAD + 12, getU32(frame, PAYLOAD + 12) | 0x80)
    }),
  },
  {
    rows: ["D39"],
    what: "selects a bit that nobody has given a meaning",
    fault: selecting((frame, isAll) => {
      if (isAll) putU32(frame, PAYLOAD + 8, getU32(frame, PAYLOAD + 8) | 0x100)
    }),
  },
  { rows: ["D59"], what: "sends a next_offset", fault: word(ids.EVENT_AVAIL, 4, () => 5) },
  {
    rows: ["D48", "G4"],
    what: "sets reserved flags of SET_VQUEUE, and then does it right",
    fault: sending(ids.SET_VQUEUE, (frame) => {
      const wrong = Uint8Array.from(frame)
      putU32(wrong, PAYLOAD + 4, 0x42)
      return [untold(wrong), frame]
    }),
  },
  {
    rows: ["D49"],
    what: "tries state operation 3 first",
    fault: sending(ids.SET_VQUEUE, (frame) => {
      const wrong = Uint8Array.from(frame)
      putU32(wrong, PAYLOAD + 4, 3)
      return [untold(wrong), frame]
    }),
  },
  {
    rows: ["D50", "D53", "D54"],
    what: "disables its queue by state operation 0",
    fault: sending(ids.SET_VQUEUE, (frame) => {
      const wrong = Uint8Array.from(frame)
      putU32(wrong, PAYLOAD + 4, 0)
      return [frame, untold(wrong)]
    }),
  },
  {
    rows: ["D53", "D54"],
    what: "configures an enabled queue once more",
    fault: sending(ids.SET_VQUEUE, (frame) => [frame, untold(frame)]),
  },
  {
    rows: ["D47", "D51", "R20"],
    what: "tries a queue of 100 descriptors first",
    fault: sending(ids.SET_VQUEUE, (frame) => {
      const wrong = Uint8Array.from(frame)
      putU32(wrong, PAYLOAD + 4, 2)
      putU32(wrong, PAYLOAD + 8, 100)
      return [untold(wrong), frame]
    }),
  },
  {
    rows: ["D52"],
    what: "tries a table at an odd address first",
    fault: sending(ids.SET_VQUEUE, (frame) => {
      const wrong = Uint8Array.from(frame)
      putU32(wrong, PAYLOAD + 4, 2)
      putU32(wrong, PAYLOAD + 16, 0x101)
      return [untold(wrong), frame]
    }),
  },
  {
    rows: ["D56"],
    what: "sends RESET_VQUEUE before it has negotiated anything",
    fault: sending(ids.GET_DEVICE_FEATURES, (frame) => {
      const reset = resized(Uint8Array.of(...frame.subarray(0, 8), 9, 0, 0, 0), 12)
      reset[1] = ids.RESET_VQUEUE
      return getU16(frame, 2) === I2C_NUMBER ? [untold(reset), frame] : [frame]
    }),
  },
  {
    rows: ["D13"],
    what: "asks for a queue in the wrong byte order, too",
    fault: sending(ids.GET_VQUEUE, (frame) => {
      const wrong = Uint8Array.from(frame)
      putU32(wrong, PAYLOAD, 0x01000000)
      return [untold(wrong), frame]
    }),
  },
  {
    rows: ["D19", "D44", "D45", "D-S3"],
    what: "writes ACKNOWLEDGE before the reset",
    fault: sending(ids.SET_DEVICE_STATUS, (frame) => {
      if (getU32(frame, PAYLOAD) !== 0) return undefined
      const early = Uint8Array.from(frame)
      putU32(early, PAYLOAD, 1)
      return [untold(early), frame]
    }),
  },
  {
    rows: ["D24", "D40"],
    what: "reads beyond the configuration, too",
    fault: sending(ids.GET_CONFIG, (frame) => {
      const over = Uint8Array.from(frame)
      putU32(over, PAYLOAD, 0xfffffff0)
      return [untold(over), frame]
    }),
  },
  {
    rows: ["D24", "D41"],
    what: "writes beyond the configuration, too",
    fault: sending(ids.SET_CONFIG, (frame) => {
      if (getU32(frame, PAYLOAD) !== 0) return undefined // not in the strict profile, where its generation would matter
      const over = Uint8Array.from(frame)
      putU32(over, PAYLOAD + 4, 0xffffff00)
      return [untold(over), frame]
    }),
  },
  {
    rows: ["D30", "D58"],
    what: "notifies a queue that was never configured",
    fault: sending(ids.EVENT_AVAIL, (frame) => {
      const other = Uint8Array.from(frame)
      putU32(other, PAYLOAD, 5)
      return getU16(frame, 2) === I2C_NUMBER ? [other, frame] : [frame]
    }),
  },
  // --- rings and requests ---
  {
    rows: ["R26"],
    what: "sets flags 2 of its available ring",
    fault: window((bytes, { avail }) => {
      bytes[avail] = 2
    }),
  },
  {
    rows: ["I22"],
    what: "sets a reserved flag of a request",
    fault: header((bytes, at) => {
      bytes[at + 4] = (bytes[at + 4] as number) | 0x80
    }),
  },
  {
    rows: ["I21"],
    what: "fills the padding of a request",
    fault: header((bytes, at) => {
      bytes[at + 2] = 1
    }),
  },
  {
    rows: ["I26"],
    what: "sets M_RD for a write",
    fault: header((bytes, at) => {
      bytes[at + 4] = (bytes[at + 4] as number) | 2
    }),
  },
  {
    rows: ["D3", "D32", "R24"],
    what: "marks a descriptor as indirect, which was not negotiated",
    fault: window((bytes, { desc }) => {
      bytes[desc + 12] = (bytes[desc + 12] as number) | 4
    }),
  },
  {
    rows: ["D3", "D32", "R21"],
    what: "puts a readable buffer behind the status",
    fault: window((bytes, { desc }) => {
      // the first chain: header, register, status; the next descriptor is free
      bytes[desc + 2 * 16 + 12] = 3
      bytes[desc + 2 * 16 + 14] = 3
      bytes.copyWithin(desc + 3 * 16, desc, desc + 16)
      bytes[desc + 3 * 16 + 12] = 0
    }),
  },
  {
    rows: ["R23"],
    what: "skips a descriptor although VIRTIO_F_IN_ORDER was negotiated",
    fault: window((bytes, { desc }) => {
      bytes.copyWithin(desc + 3 * 16, desc + 2 * 16, desc + 3 * 16)
      bytes[desc + 16 + 14] = 3
    }),
  },
  {
    rows: ["D3", "D32", "R21", "R22", "R23"],
    what: "makes a chain that runs in a circle",
    fault: window((bytes, { desc }) => {
      bytes[desc + 2 * 16 + 12] = 3
      bytes[desc + 2 * 16 + 14] = 1
    }),
  },
  {
    rows: ["B16", "B18", "B34", "B41", "D11", "D12", "R28"],
    what: "never gives up",
    fault: { neverGivesUp: true },
  },
  {
    rows: ["I24", "I28", "R28", "D27", "D29", "D42", "D55", "I20", "B34", "D12"],
    what: "always says that it did its work",
    fault: { isAlwaysDone: true },
  },
  { rows: ["B40", "D33"], what: "waits for EVENT_USED where there is none", fault: { missesPolling: true } },
  {
    rows: ["D18"],
    what: "takes only events with token 0",
    fault: {
      receive: (frame) => (((frame[1] as number) & 0x40) !== 0 && getU16(frame, 4) !== 0 ? [] : [frame]),
    },
  },
  {
    rows: ["B10"],
    what: "goes on where it was when the bus comes back with other parameters",
    fault: (() => {
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
  },
  { rows: ["D3", "D31"], what: "does nothing at all", fault: { work: async () => {} } },
]

/** With a token of its own, so that nobody takes the answer for another's. */
function untold(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame)
  putU16(copy, 4, 0xeeee)
  return copy
}

/** Changes what is selected; `isAll` where every bit is offered. */
function selecting(change: (frame: Uint8Array, isAll: boolean) => void): DriverFault {
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
