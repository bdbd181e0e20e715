// Finds the requests in the virtqueues of an epoch. When a span announces chains, in either direction, they are walked
// and described.

import { joined } from "../bytes.js"
import { counted } from "../counted.js"
import { deviceTypeName } from "../driver/names.js"
import { type ObservedChain, writableBytes } from "./chain.js"
import { describeRequest } from "./device-requests.js"
import type { DeviceView } from "./device-view.js"
import type { ExchangeFollower } from "./exchange-follower.js"
import type { QueueView } from "./queue-view.js"
import type { QueueRecord, Remark, RequestEvent } from "./trace-event.js"
import type { WindowView } from "./window-view.js"

const NOTHING = new Uint8Array(0)

export class RequestWatch {
  readonly #window: WindowView
  readonly #exchanges: ExchangeFollower
  /** When each chain with a device was made available. */
  readonly #availableMs = new Map<string, number>()

  constructor(window: WindowView, exchanges: ExchangeFollower) {
    this.#window = window
    this.#exchanges = exchanges
  }

  /** Which parts of which virtqueues a span's bytes are. */
  recordsIn(area: number, offset: number, length: number): QueueRecord[] {
    return this.#queues().flatMap(({ queue }) => queue.recordsIn(area, offset, length))
  }

  /** The chains that a span makes available or gives back. The span is in the window already. */
  announcedBy(area: number, offset: number, length: number, timeMs: number): RequestEvent[] {
    return this.#queues().flatMap(({ device, queue }) => [
      ...(queue.announces("available", area, offset, length) ? this.#available(device, queue, timeMs) : []),
      ...(queue.announces("used", area, offset, length) ? this.#used(device, queue, timeMs) : []),
    ])
  }

  #available(device: DeviceView, queue: QueueView, timeMs: number): RequestEvent[] {
    return queue.takeAvailable().map((chain) => {
      this.#availableMs.set(key(device, queue, chain), timeMs)
      return { ...this.#describe(device, queue, chain, undefined), remarks: faults(chain, "D31") }
    })
  }

  #used(device: DeviceView, queue: QueueView, timeMs: number): RequestEvent[] {
    return queue.takeUsed().map(({ chain, length, wasInFlight }) => {
      const id = key(device, queue, chain)
      const sinceMs = this.#availableMs.get(id)
      this.#availableMs.delete(id)
      const remarks: Remark[] = []
      if (!wasInFlight)
        remarks.push({
          severity: "warning",
          text: `chain ${chain.head} comes back that the device did not have`,
        })
      if (length > writableBytes(chain))
        remarks.push({
          severity: "warning",
          text: `used length ${length} exceeds the chain's ${counted(writableBytes(chain), "writable byte")}`,
        })
      return {
        ...this.#describe(device, queue, chain, length),
        ...(sinceMs === undefined ? {} : { roundTripMs: timeMs - sinceMs }),
        remarks,
      }
    })
  }

  #describe(device: DeviceView, queue: QueueView, chain: ObservedChain, usedLength: number | undefined) {
    const described = describeRequest(device.deviceId, {
      queueIndex: queue.index,
      readable: this.#bytesOf(chain, false),
      writable: this.#bytesOf(chain, true),
      usedLength,
    })
    return {
      kind: "request" as const,
      phase: usedLength === undefined ? ("available" as const) : ("used" as const),
      devNum: device.devNum,
      queueIndex: queue.index,
      head: chain.head,
      deviceType: deviceTypeName(device.deviceId),
      ...described,
    }
  }

  /** The readable or the writable buffers of a chain, one behind the other, as they are now. */
  #bytesOf(chain: ObservedChain, isWritable: boolean): Uint8Array {
    const buffers = chain.buffers.filter((buffer) => buffer.isWritable === isWritable)
    return joined(
      ...buffers.map(({ place, length }) => this.#window.read(place.area, place.offset, length) ?? NOTHING),
    )
  }

  #queues(): { device: DeviceView; queue: QueueView }[] {
    return [...this.#exchanges.devices.values()].flatMap((device) =>
      [...device.queues.values()].map((queue) => ({ device, queue })),
    )
  }
}

function key(device: DeviceView, queue: QueueView, chain: ObservedChain): string {
  return `${device.devNum}/${queue.index}/${chain.head}`
}

function faults(chain: ObservedChain, row: string): Remark[] {
  return chain.fault === undefined ? [] : [{ severity: "breach", row, text: chain.fault }]
}
