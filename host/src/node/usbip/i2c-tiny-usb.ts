// An i2c-tiny-usb adapter, as Linux's driver of that name means it: control transfers only.
//
//   request 1 GET_FUNC (le32), 2 SET_DELAY (value in us), 3 GET_STATUS (u8), 4 I2C_IO, + 1 in a transfer's first
//   message, + 2 in its last: value = flags of the i2c_msg (bit 0 = read), index = address, length = bytes

import type { Clock } from "../../clock.js"
import type { I2cForwarder } from "../vhost-user/i2c-device.js"
import type { UsbDescription } from "./descriptors.js"
import type { UsbGadget, UsbTransfer } from "./gadget.js"
import { REQUEST_TYPE_MASK, REQUEST_VENDOR } from "./gadget.js"
import { type AdapterMessage, I2cTransactions, messageOf } from "./i2c-transactions.js"

const ECHO = 0
const GET_FUNC = 1
const SET_DELAY = 2
const GET_STATUS = 3
const I2C_IO = 4
const IO_BEGIN = 1
const IO_END = 2
const IO_MASK = ~(IO_BEGIN | IO_END)

const STATUS_IDLE = 0
const STATUS_ACKNOWLEDGED = 1
const STATUS_NOT_ACKNOWLEDGED = 2

/** I2C_FUNC_I2C and I2C_FUNC_SMBUS_EMUL: plain messages, and what Linux makes SMBus of with them. */
const FUNCTIONALITY = Uint8Array.of(0x09, 0x00, 0xff, 0x0e)
/** More than i2c-dev can put into one transfer, so only a hostile client meets it. */
const MAX_HELD_BYTES = 0x80000

export interface I2cUsbOptions {
  readonly clock?: Clock
  /** Told what a person should know: a sentence. */
  readonly onNote?: (text: string) => void
}

export class I2cTinyUsb implements UsbGadget {
  readonly name = "i2c-tiny-usb"
  readonly description: UsbDescription

  readonly #transactions: I2cTransactions
  readonly #onNote: (text: string) => void
  #status = STATUS_IDLE
  /** Writes of a transfer whose last message has not come: they go out with it. Undefined between transfers. */
  #held: AdapterMessage[] | undefined
  #heldBytes = 0
  #isDelayNoted = false

  constructor(forwarder: I2cForwarder, serialNumber: string, options: I2cUsbOptions = {}) {
    this.#transactions = new I2cTransactions(forwarder, options.clock)
    this.#onNote = options.onNote ?? (() => {})
    this.description = {
      vendorId: 0x0403,
      productId: 0xc631,
      release: 0x0205,
      class: 0xff,
      manufacturer: "virtio-msg",
      product: "i2c-tiny-usb",
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
    const { request, value } = setup
    switch (request) {
      case ECHO:
        transfer.complete(Uint8Array.of(value & 0xff, value >> 8))
        return
      case GET_FUNC:
        transfer.complete(FUNCTIONALITY)
        return
      case SET_DELAY:
        this.#noteDelay()
        transfer.complete()
        return
      case GET_STATUS:
        transfer.complete(Uint8Array.of(this.#status))
        return
      default:
        if ((request & IO_MASK) === I2C_IO) this.#message(transfer, request)
        else transfer.stall()
    }
  }

  reset(): void {
    this.#status = STATUS_IDLE
    this.#held = undefined
    this.#heldBytes = 0
  }

  #message(transfer: UsbTransfer, request: number): void {
    const { value, index, length } = transfer.setup as NonNullable<UsbTransfer["setup"]>
    if (request & IO_BEGIN) {
      this.#held = []
      this.#heldBytes = 0
    }
    const message = messageOf(value, index, transfer.data, length)
    if (!this.#held || !message) {
      this.#refuse(
        transfer,
        message ? "it has no beginning" : "only plain reads and writes at 7-bit addresses are possible",
      )
      return
    }
    this.#heldBytes += message.data.length
    if (this.#heldBytes > MAX_HELD_BYTES) {
      this.#refuse(transfer, `it writes more than ${MAX_HELD_BYTES} bytes`)
      return
    }
    this.#held.push(message)
    // a write that is not the last waits, and its acknowledgement is the last one's; what was read is wanted now
    if (!(request & IO_END) && !message.isRead) {
      this.#status = STATUS_ACKNOWLEDGED
      transfer.complete()
      return
    }
    const messages = this.#held
    this.#held = request & IO_END ? undefined : []
    this.#heldBytes = 0
    void this.#run(transfer, messages, length)
  }

  async #run(transfer: UsbTransfer, messages: readonly AdapterMessage[], length: number): Promise<void> {
    const end = await this.#transactions.run(messages)
    if (transfer.isCancelled) {
      transfer.complete()
      return
    }
    if (end.kind === "refused") {
      this.#refuse(transfer, end.reason)
      return
    }
    this.#status = end.kind === "done" ? STATUS_ACKNOWLEDGED : STATUS_NOT_ACKNOWLEDGED
    // the kernel takes a short answer for a broken adapter, and asks for the status only behind a whole one
    transfer.complete(end.kind === "done" ? end.data : new Uint8Array(length))
  }

  /** The kernel's caller sees EIO. */
  #refuse(transfer: UsbTransfer, reason: string): void {
    this.#held = undefined
    this.#heldBytes = 0
    this.#status = STATUS_NOT_ACKNOWLEDGED
    this.#onNote(`The kernel's I2C transfer was refused (EIO): ${reason}`)
    transfer.stall()
  }

  #noteDelay(): void {
    if (this.#isDelayNoted) return
    this.#isDelayNoted = true
    this.#onNote(
      "The kernel's parameter delay of i2c-tiny-usb changes nothing: the board's I2C speed is deploy's.",
    )
  }
}
