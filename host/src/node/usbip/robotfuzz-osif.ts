// An OSIF adapter of RobotFuzz, as Linux's i2c-robotfuzz-osif means it: control transfers only. It ends the bus
// transaction after every message, so a register read is two transactions: i2c-tiny-usb is better where there is one.
//
//   request 20 READ, 21 WRITE (value = flags of the i2c_msg, index = address), 22 STOP, 23 STATUS (u8: 0 acknowledged,
//   1 address not acknowledged, 2 data not acknowledged), 24 SET_BIT_RATE

import type { I2cForwarder } from "../vhost-user/i2c-device.js"
import type { UsbDescription } from "./descriptors.js"
import { REQUEST_TYPE_MASK, REQUEST_VENDOR, type UsbGadget, type UsbTransfer } from "./gadget.js"
import type { I2cUsbOptions } from "./i2c-tiny-usb.js"
import { I2C_M_RD, I2cTransactions, messageOf } from "./i2c-transactions.js"

const READ = 20
const WRITE = 21
const STOP = 22
const STATUS = 23
const SET_BIT_RATE = 24

const ACKNOWLEDGED = 0
const ADDRESS_NOT_ACKNOWLEDGED = 1

export class RobotfuzzOsif implements UsbGadget {
  readonly name = "robotfuzz-osif"
  readonly description: UsbDescription

  readonly #transactions: I2cTransactions
  readonly #onNote: (text: string) => void
  #status = ACKNOWLEDGED

  constructor(forwarder: I2cForwarder, serialNumber: string, options: I2cUsbOptions = {}) {
    this.#transactions = new I2cTransactions(forwarder, options.clock)
    this.#onNote = options.onNote ?? (() => {})
    this.description = {
      vendorId: 0x1964,
      productId: 0x0001,
      release: 0x0100,
      class: 0xff,
      manufacturer: "virtio-msg",
      product: "robotfuzz-osif",
      serialNumber,
      interfaces: [{ class: 0xff }],
    }
  }

  handle(transfer: UsbTransfer): void {
    const { setup } = transfer
    if (!setup || transfer.endpoint !== 0 || (setup.requestType & REQUEST_TYPE_MASK) !== REQUEST_VENDOR) {
      transfer.stall()
      return
    }
    switch (setup.request) {
      case READ:
      case WRITE:
        void this.#message(transfer, setup.request === READ)
        return
      case STOP:
      case SET_BIT_RATE:
        transfer.complete()
        return
      case STATUS:
        transfer.complete(Uint8Array.of(this.#status))
        return
      default:
        transfer.stall()
    }
  }

  reset(): void {
    this.#status = ACKNOWLEDGED
  }

  async #message(transfer: UsbTransfer, isRead: boolean): Promise<void> {
    const { value, index, length } = transfer.setup as NonNullable<UsbTransfer["setup"]>
    const message = messageOf(value, index, transfer.data, length)
    const end =
      message && message.isRead === isRead
        ? await this.#transactions.run([message])
        : ({
            kind: "refused",
            reason: `flags 0x${(value & ~I2C_M_RD).toString(16)} are not possible`,
          } as const)
    if (end.kind === "refused") {
      this.#status = ADDRESS_NOT_ACKNOWLEDGED
      if (!transfer.isCancelled) this.#onNote(`The kernel's I2C transfer was refused (EIO): ${end.reason}`)
      transfer.stall()
      return
    }
    if (!transfer.isCancelled) this.#status = end.kind === "done" ? ACKNOWLEDGED : ADDRESS_NOT_ACKNOWLEDGED
    transfer.complete(end.kind === "done" ? end.data : new Uint8Array(length))
  }
}
