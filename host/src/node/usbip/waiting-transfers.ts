// Transfers of one endpoint that wait, oldest first. Those that the computer takes back are forgotten.

import type { UsbTransfer } from "./gadget.js"

export class WaitingTransfers {
  #waiting: UsbTransfer[] = []

  push(transfer: UsbTransfer): void {
    this.#prune()
    this.#waiting.push(transfer)
  }

  /** The oldest one, without taking it. */
  get first(): UsbTransfer | undefined {
    this.#prune()
    return this.#waiting[0]
  }

  shift(): UsbTransfer | undefined {
    this.#prune()
    return this.#waiting.shift()
  }

  clear(): void {
    this.#waiting = []
  }

  #prune(): void {
    this.#waiting = this.#waiting.filter((transfer) => !transfer.isCancelled)
  }
}
