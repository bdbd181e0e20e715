// A ChaosKey, as Linux's driver chaoskey expects it: random bytes from one bulk endpoint, 64 at a time. They are the
// board's.

import { type Clock, delay, systemClock } from "../../clock.js"
import type { EntropyReader } from "../vhost-user/rng-device.js"
import { CLASS_VENDOR, type UsbDescription } from "./descriptors.js"
import { ENDPOINT_IN, type UsbGadget, type UsbTransfer } from "./gadget.js"
import { WaitingTransfers } from "./waiting-transfers.js"

const ENDPOINT = 1 | ENDPOINT_IN
const PACKET_SIZE = 64
/**
 * When a board could not give any, it is asked again after so long. The kernel takes its request back after 1 s, and
 * asks again.
 */
const RETRY_MS = 500

export class ChaosKey implements UsbGadget {
  readonly name = "chaoskey"
  readonly description: UsbDescription

  readonly #reader: EntropyReader
  readonly #clock: Clock
  readonly #waiting = new WaitingTransfers()
  #isReading = false

  constructor(reader: EntropyReader, serialNumber: string, clock: Clock = systemClock) {
    this.#reader = reader
    this.#clock = clock
    this.description = {
      vendorId: 0x1d50,
      productId: 0x60c6,
      release: 0x0100,
      class: CLASS_VENDOR,
      manufacturer: "virtio-msg",
      product: "chaoskey",
      serialNumber,
      interfaces: [
        { class: CLASS_VENDOR, endpoints: [{ address: ENDPOINT, type: "bulk", maxPacketSize: PACKET_SIZE }] },
      ],
    }
  }

  handle(transfer: UsbTransfer): void {
    if (transfer.endpoint !== ENDPOINT) {
      transfer.stall()
      return
    }
    this.#waiting.push(transfer)
    if (!this.#isReading) void this.#serve()
  }

  reset(): void {
    this.#waiting.clear()
  }

  async #serve(): Promise<void> {
    this.#isReading = true
    for (let transfer = this.#waiting.first; transfer; transfer = this.#waiting.first) {
      try {
        const bytes = await this.#reader.read(Math.min(transfer.length, PACKET_SIZE))
        // for the request that waits now: the one that asked may have been taken back, and no byte is given twice
        const served = this.#waiting.shift()
        served?.complete(bytes)
      } catch {
        await delay(this.#clock, RETRY_MS)
      }
    }
    this.#isReading = false
  }
}
