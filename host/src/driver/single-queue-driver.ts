// A driver whose device has one queue, with requests of one fixed form. A subclass only says what the requests mean.

import { FEATURE_IN_ORDER_BLOCK1 } from "../../../shared-protocol/src/device-types/feature-bits.js"
import { Driver } from "./driver.js"
import { closed } from "./failures.js"
import type { DriverNeeds } from "./features.js"
import { RequestQueue } from "./request-queue.js"
import type { SlotSizes } from "./request-slots.js"
import type { VirtioDevice } from "./virtio-device.js"

const TIMEOUT_MS = 1500

export interface SingleQueueOptions extends SlotSizes {
  /** What the device is called in messages to people, as `clock`. */
  readonly name: string
  /** Descriptors. */
  readonly queueSize: number
}

export abstract class SingleQueueDriver extends Driver {
  protected override readonly needs: DriverNeeds
  protected readonly requests: RequestQueue
  readonly #name: string

  constructor(device: VirtioDevice, options: SingleQueueOptions) {
    super(device)
    this.#name = options.name
    this.needs = { wanted: [0, FEATURE_IN_ORDER_BLOCK1], required: [], queueSizes: [options.queueSize] }
    this.requests = new RequestQueue(device, { ...options, index: 0, timeoutMs: TIMEOUT_MS })
  }

  override close(): void {
    this.requests.close(closed(`${this.#name} device`))
    super.close()
  }

  protected override onReady(): void {
    this.requests.open()
  }
}
