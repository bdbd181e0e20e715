// What USB devices that are I2C adapters have in common: one interface, vendor requests on endpoint 0, and a board
// behind them.

import { type Clock, systemClock } from "../../clock.js"
import type { I2cForwarder } from "../vhost-user/i2c-device.js"
import { CLASS_VENDOR, type UsbDescription } from "./descriptors.js"
import { REQUEST_TYPE_MASK, REQUEST_VENDOR, type Setup, type UsbGadget, type UsbTransfer } from "./gadget.js"
import { type AdapterMessage, runTransaction, type TransactionEnd } from "./i2c-transactions.js"

export interface I2cUsbOptions {
  readonly clock?: Clock
  /** Told sentences that a person should read. */
  readonly onNote?: (text: string) => void
}

/** What is different between the kinds of adapters. */
interface UsbIdentity {
  readonly name: string
  readonly vendorId: number
  readonly productId: number
  /** bcdDevice. */
  readonly release: number
}

export abstract class I2cUsbAdapter implements UsbGadget {
  readonly name: string
  readonly description: UsbDescription
  protected readonly run: (messages: readonly AdapterMessage[]) => Promise<TransactionEnd>
  protected readonly note: (text: string) => void

  constructor(
    { name, vendorId, productId, release }: UsbIdentity,
    forwarder: I2cForwarder,
    serialNumber: string,
    options: I2cUsbOptions,
  ) {
    this.name = name
    this.run = (messages) => runTransaction(forwarder, messages, options.clock ?? systemClock)
    this.note = options.onNote ?? (() => {})
    this.description = {
      vendorId,
      productId,
      release,
      class: CLASS_VENDOR,
      manufacturer: "virtio-msg",
      product: name,
      serialNumber,
      interfaces: [{ class: CLASS_VENDOR }],
    }
  }

  handle(transfer: UsbTransfer): void {
    const { setup, endpoint } = transfer
    if (setup && endpoint === 0 && (setup.requestType & REQUEST_TYPE_MASK) === REQUEST_VENDOR)
      this.answer(setup, transfer)
    else transfer.stall()
  }

  abstract reset(): void

  /** Ends a vendor request, now or later. */
  protected abstract answer(setup: Setup, transfer: UsbTransfer): void

  /** The kernel's caller gets EIO. */
  protected noteRefusal(reason: string): void {
    this.note(`The kernel's I2C transfer was refused (EIO): ${reason}`)
  }
}
