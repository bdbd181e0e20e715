// An OSIF adapter of RobotFuzz, as Linux's i2c-robotfuzz-osif expects it: control transfers only. It ends the bus
// transaction after every message, so a register read is two transactions. i2c-tiny-usb is better, where its driver is
// there.
//
//   request 20 READ, 21 WRITE (value = flags of the i2c_msg, index = address), 22 STOP, 23 STATUS (u8: 0 acknowledged,
//   1 address not acknowledged, 2 data not acknowledged), 24 SET_BIT_RATE

import { hex } from "../../hex.js"
import type { I2cForwarder } from "../vhost-user/i2c-device.js"
import type { Setup, UsbTransfer } from "./gadget.js"
import { I2C_M_RD, messageOf } from "./i2c-transactions.js"
import { I2cUsbAdapter, type I2cUsbOptions } from "./i2c-usb-adapter.js"

const READ = 20
const WRITE = 21
const STOP = 22
const STATUS = 23
const SET_BIT_RATE = 24

const ACKNOWLEDGED = 0
const ADDRESS_NOT_ACKNOWLEDGED = 1

const IDENTITY = { name: "robotfuzz-osif", vendorId: 0x1964, productId: 0x0001, release: 0x0100 }

export class RobotfuzzOsif extends I2cUsbAdapter {
  #status = ACKNOWLEDGED

  constructor(forwarder: I2cForwarder, serialNumber: string, options: I2cUsbOptions = {}) {
    super(IDENTITY, forwarder, serialNumber, options)
  }

  protected override answer(setup: Setup, transfer: UsbTransfer): void {
    switch (setup.request) {
      case READ:
      case WRITE:
        void this.#message(transfer, setup)
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

  override reset(): void {
    this.#status = ACKNOWLEDGED
  }

  async #message(transfer: UsbTransfer, { request, value, index, length }: Setup): Promise<void> {
    const message = messageOf(value, index, transfer.data, length)
    const end =
      message && message.isRead === (request === READ)
        ? await this.run([message])
        : ({
            kind: "refused",
            reason: `flags ${hex(value & ~I2C_M_RD)} are not possible`,
          } as const)
    if (end.kind === "refused") {
      this.#status = ADDRESS_NOT_ACKNOWLEDGED
      if (!transfer.isCancelled) this.noteRefusal(end.reason)
      transfer.stall()
      return
    }
    if (!transfer.isCancelled) this.#status = end.kind === "done" ? ACKNOWLEDGED : ADDRESS_NOT_ACKNOWLEDGED
    transfer.complete(end.kind === "done" ? end.data : new Uint8Array(length))
  }
}
